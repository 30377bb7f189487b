// What keeps a process alive, and what ends with a worker.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { eventually, message, plain, service, startTestbed } from './testbed.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
let testbed;

before(async () => {
  testbed = await startTestbed();
});
after(() => testbed.close());

/** Runs a program; gives how it ended, what it printed and how long it took. */
async function run(source) {
  const started = performance.now();
  const prologue = `import { Channel } from 'causewire'; const channel = new Channel('${testbed.places.target}', { tls: null });`;
  const args = ['--input-type=module', '-e', prologue + source];
  const child = spawn(process.execPath, args, { cwd: here, stdio: ['ignore', 'pipe', 'inherit'], timeout: 20_000 });
  let output = '';
  child.stdout.on('data', (data) => (output += data));
  const [code] = await once(child, 'close');
  return { code, output, elapsed: performance.now() - started };
}

test('an idle channel lets the process end', async () => {
  const { code, output } = await run(`
    await channel.unary('/raw.Echo/Unary', Buffer.from('hi'));
    console.log(channel.state);
  `);
  assert.equal(code, 0);
  assert.equal(output, 'READY\n');
});

test('so does one whose state somebody watches, for any time', async () => {
  const { code, output, elapsed } = await run(`
    await channel.unary('/raw.Echo/Unary', Buffer.from('hi'));
    void channel.waitForStateChange('READY');
    void channel.waitForStateChange('READY', { timeoutMs: 15_000, signal: new AbortController().signal });
    console.log('end');
  `);
  assert.equal(code, 0);
  assert.equal(output, 'end\n');
  assert.ok(elapsed < 10_000, `${elapsed} ms`);
});

test('a call in flight keeps the process alive', async () => {
  const { code, output, elapsed } = await run(`
    channel.unary('/causewire.testbed.v1.Testbed/Echo', Buffer.from([0x20, 0xe8, 0x07])).then(() => console.log('answered'));
  `);
  assert.equal(code, 0);
  assert.equal(output, 'answered\n');
  assert.ok(elapsed >= 1000);
});

test('process.exit() with calls in flight is quick and clean', async () => {
  const { code } = await run(`
    for (let i = 0; i < 50; i++) channel.unary('/causewire.testbed.v1.Testbed/Echo', Buffer.from([0x20, 0xe0, 0xd4, 0x03]));
    await channel.unary('/raw.Echo/Unary', Buffer.from('hi'));
    process.exit(7);
  `);
  assert.equal(code, 7);
});

test('a descriptor that is made for one call lives no longer than that', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc');
  const channel = plain(testbed.places.target);
  const identity = (bytes) => bytes;
  let collected = 0;
  const registry = new FinalizationRegistry(() => (collected += 1));
  for (let index = 0; index < 20; index++) {
    const method = { path: '/raw.Echo/Unary', kind: 'unary', encode: identity, decode: (bytes) => identity(bytes) };
    registry.register(method.decode);
    await channel.unary(method, Buffer.from('hi'));
  }
  await eventually(() => {
    collectGarbage();
    return collected >= 19;
  }, 'the end of the descriptors');
  channel.close();
});

const WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { Channel } = require('causewire');
  const channel = new Channel(workerData.target, { tls: null });
  const slow = Buffer.from([0x20, 0xe0, 0xd4, 0x03]);
  (async () => {
    await channel.unary('/raw.Echo/Unary', Buffer.from('hi'));
    for (let i = 0; i < 4; i++) channel.unary('/causewire.testbed.v1.Testbed/Echo', slow).catch(() => {});
    const stream = channel.serverStreaming('/raw.Echo/ServerStream', Buffer.from([255, 255, 255, 0, 100, 0, 0, 0]));
    await stream.next();
    parentPort.postMessage('busy');
    if (workerData.exits) process.exit(0);
    for await (const _ of stream);
  })();
`;

test('50 workers end with calls in flight', async () => {
  for (let round = 0; round < 5; round++) {
    const workers = Array.from({ length: 10 }, (_, index) => {
      const workerData = { target: testbed.places.target, exits: index % 2 === 0 };
      return new Worker(WORKER, { eval: true, workerData });
    });
    await Promise.all(
      workers.map(async (worker) => {
        await once(worker, 'message');
        await worker.terminate();
      }),
    );
  }
  const channel = plain(testbed.places.target);
  const { message: counters } = await channel.unary(service.counters, message('CountersRequest'));
  assert.ok(counters.connections > 50n, 'each worker has a connection of its own');
  await eventually(async () => {
    const { message: now } = await channel.unary(service.counters, message('CountersRequest'));
    return now.openConnections === 1n;
  }, 'the end of the connections of the workers');
});
