// The functions that a program gives to a channel, and the channel's state.
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect, promisify } from 'node:util';
import { Channel } from 'causewire';
import { eventually, message, plain, service, startTestbed } from './testbed.mjs';

let testbed;
let ca;

before(async () => {
  testbed = await startTestbed();
  ca = readFileSync(testbed.places.ca_file, 'utf8');
});
after(() => testbed.close());

test('a token provider is asked for each call and its token is sent', async () => {
  const asked = [];
  const tokenProvider = async (request) => {
    asked.push(request);
    return `token-${asked.length}`;
  };
  const channel = new Channel(testbed.places.tls_target, { tls: { caPem: ca }, tokenProvider });
  for (const expected of ['Bearer token-1', 'Bearer token-2']) {
    const { message: seen } = await channel.unary(service.whoAmI, message('WhoAmIRequest', { headers: ['authorization'] }));
    assert.equal(Buffer.from(seen.headers[0].value).toString(), expected);
  }
  assert.equal(asked[0].method, service.whoAmI.path);
  assert.match(asked[0].audience, /^https:\/\/.*causewire\.testbed\.v1\.Testbed$/);
});

test('what a token provider throws is shown nowhere', async () => {
  for (const tokenProvider of [() => Promise.reject(new Error('canary')), () => 5]) {
    const channel = new Channel(testbed.places.tls_target, { tls: { caPem: ca }, tokenProvider });
    await assert.rejects(channel.unary('/a.B/C', new Uint8Array(), { timeoutMs: 5000 }), (error) => {
      assert.equal(error.failure.layer, 'credentials');
      assert.ok(![inspect(error, { depth: null, showHidden: true }), error.record].join().includes('canary'));
      return true;
    });
  }
});

test('a token provider that reached nobody is unavailable, one that was refused is not', async () => {
  const causeOf = async (tokenProvider) => {
    const channel = new Channel(testbed.places.tls_target, { tls: { caPem: ca }, tokenProvider });
    const error = await channel.unary('/a.B/C', new Uint8Array(), { timeoutMs: 5000 }).catch((error) => error);
    channel.close();
    return error.failure.cause;
  };
  const fails = (error) => () => Promise.reject(error);
  const coded = (code, rest) => Object.assign(new Error(code), { code, ...rest });
  const { signal } = new AbortController();
  const refused = testbed.places.faults.refused;
  const unreachable = [
    () => fetch(`http://${refused}`, { signal }),
    () => fetch('http://nowhere.invalid'),
    () => new Promise((_, reject) => connect(Number(refused.split(':').at(-1)), '127.0.0.1').on('error', reject)),
    fails(AbortSignal.timeout(0).reason ?? new DOMException('late', 'TimeoutError')),
    fails(new TypeError('fetch failed', { cause: coded('UND_ERR_CONNECT_TIMEOUT') })),
    fails(new Error('token', { cause: new AggregateError([coded('ECONNREFUSED'), coded('ENETUNREACH')]) })),
  ];
  for (const provider of unreachable) {
    assert.equal(await causeOf(provider), 'CREDENTIALS_UNAVAILABLE', provider.toString());
  }
  const circle = new Error('a');
  circle.cause = circle;
  const wrong = [
    fails(new TypeError('fetch failed', { cause: coded('CERT_HAS_EXPIRED') })),
    fails(new AggregateError([coded('ECONNREFUSED'), coded('CERT_HAS_EXPIRED')])),
    fails(new AggregateError([])),
    fails(circle),
    fails('ECONNREFUSED'),
    fails(undefined),
  ];
  for (const provider of wrong) {
    assert.equal(await causeOf(provider), 'CREDENTIALS_FAILED', provider.toString());
  }
});

test('a resolver gives the addresses', async () => {
  const targets = [];
  const resolver = async (target) => {
    targets.push(target);
    return [testbed.places.target];
  };
  const channel = plain('dns:///nowhere.invalid:1', { resolver });
  await channel.unary('/raw.Echo/Unary', Buffer.from('hi'), { timeoutMs: 5000 });
  assert.equal(targets.length, 1);
});

test('a resolver that runs hears of the close', async () => {
  let asked;
  const running = new Promise((resolve) => (asked = resolve));
  const resolver = (_, { signal }) => {
    asked(signal);
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  };
  const channel = plain('dns:///nowhere.invalid:1', { resolver });
  const call = assert.rejects(channel.unary('/a.B/C', new Uint8Array()), { code: 1 });
  const signal = await running;
  assert.equal(signal.aborted, false);
  channel.close();
  assert.equal(signal.aborted, true);
  await call;
});

test('a resolver that gives something else', async () => {
  const failing = async (resolver) => {
    const channel = plain('dns:///nowhere.invalid:1', { resolver });
    const error = await channel.unary('/a.B/C', new Uint8Array(), { timeoutMs: 5000 }).catch((error) => error);
    channel.close();
    return error;
  };
  const config = (serviceConfig) => ({ addresses: [testbed.places.target], serviceConfig });
  const nonsense = [undefined, null, 7, 'text', [7], {}, { addresses: 'text' }, config(null), config('text')];
  for (const given of nonsense) {
    assert.equal((await failing(() => given)).failure.cause, 'RESOLVER_FAILED', inspect(given));
  }
  const circle = {};
  circle.methodConfig = circle;
  assert.equal((await failing(() => config(circle))).failure.cause, 'RESOLVER_FAILED');
  const { failure } = await failing(() => config({ methodConfig: 7 }));
  assert.deepEqual([failure.cause, failure.evidence.field], ['SERVICE_CONFIG_INVALID', 'service_config.methodConfig']);
});

test('the functions see what the maker of the channel saw', async () => {
  const storage = new AsyncLocalStorage();
  const seen = new Set();
  const see = (name, value) => {
    seen.add(`${name}: ${storage.getStore()}`);
    return value;
  };
  const options = {
    tls: { caPem: ca, serverName: 'localhost' },
    tokenProvider: async () => see('token', 'token'),
    resolver: async () => see('resolver', [testbed.places.tls_target.replace('localhost', '127.0.0.1')]),
  };
  storage.run('another', () => plain(testbed.places.target).close());
  const channel = storage.run('maker', () => new Channel('dns:///nowhere.invalid:1', options));
  await storage.run('caller', () => channel.unary('/raw.Echo/Unary', Buffer.from('hi'), { timeoutMs: 5000 }));
  const logger = () => see('logger');
  const failing = storage.run('maker', () => plain(testbed.places.faults.refused, { logger }));
  await storage.run('caller', () => failing.unary('/a.B/C', new Uint8Array()).catch(() => {}));
  await eventually(() => seen.size === 3, 'all three');
  assert.deepEqual([...seen].sort(), ['logger: maker', 'resolver: maker', 'token: maker']);
});

test('a logger gets lines', async () => {
  const lines = [];
  const channel = plain(testbed.places.faults.refused, { logger: (entry) => lines.push(entry) });
  await assert.rejects(channel.unary('/a.B/C', new Uint8Array()));
  await eventually(() => lines.length > 0, 'a log line');
  assert.equal(lines[0].level, 'warn');
  assert.match(lines[0].message, /CONNECT_REFUSED/);
  assert.equal(lines[0].dropped, 0);
});

test('what a logger throws is an uncaught exception, and the call is answered all the same', async () => {
  const program = `
    import { Channel } from 'causewire';
    process.on('uncaughtException', (error) => console.log(error.message));
    const logger = () => { throw new Error('disk full'); };
    const channel = new Channel('${testbed.places.faults.refused}', { tls: null, logger });
    await channel.unary('/a.B/C', new Uint8Array()).catch((error) => console.log(error.name));
  `;
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { cwd });
  assert.match(stdout, /disk full/);
  assert.match(stdout, /Unavailable/);
});

test('the state can be watched', async () => {
  const channel = plain(testbed.places.target);
  assert.equal(channel.state, 'IDLE');
  assert.equal(await channel.waitForStateChange('IDLE', { timeoutMs: 20 }), false);
  const changed = channel.waitForStateChange('IDLE', { timeoutMs: 5000 });
  channel.connect();
  assert.equal(await changed, true);
  while (channel.state !== 'READY') {
    await channel.waitForStateChange(channel.state, { timeoutMs: 5000 });
  }
  assert.equal(channel.stats().connections, 1);
  const long = channel.waitForStateChange('READY', { timeoutMs: 2 ** 32 });
  assert.equal(await Promise.race([long, new Promise((resolve) => setTimeout(resolve, 50, 'waits'))]), 'waits');
  const controller = new AbortController();
  const waiting = channel.waitForStateChange('READY', { signal: controller.signal });
  controller.abort('bored');
  await assert.rejects(waiting, (reason) => reason === 'bored');
  await assert.rejects(channel.waitForStateChange('ready'), TypeError);
  channel[Symbol.dispose]();
  await eventually(() => channel.state === 'SHUTDOWN', 'the end of the channel');
});

test('a client certificate is shown, and its key never', async () => {
  const [certPem, keyPem] = [testbed.places.client_cert_file, testbed.places.client_key_file].map((file) =>
    readFileSync(file, 'utf8'),
  );
  const options = { tls: { caPem: Buffer.from(ca), certPem: Buffer.from(certPem), keyPem: Buffer.from(keyPem) } };
  const channel = new Channel(testbed.places.mtls_target, options);
  const { message: seen } = await channel.unary(service.whoAmI, message('WhoAmIRequest'));
  assert.equal(seen.clientCertificate, true);
  assert.ok(!inspect(channel, { depth: null, showHidden: true }).includes('PRIVATE'));
  const broken = { tls: { ...options.tls, keyPem: keyPem.replace('PRIVATE KEY', 'PRIVATE CANARY') } };
  assert.throws(() => new Channel(testbed.places.mtls_target, broken), (error) => {
    assert.equal(error.failure.cause, 'TLS_CONFIG_INVALID');
    assert.ok(!inspect(error).includes(keyPem.split('\n')[1]));
    return true;
  });
});
