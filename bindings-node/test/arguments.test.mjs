// Wrong types are TypeErrors; bad values are RpcErrors that name the field. Nothing is sent in either case.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metadata as GrpcMetadata } from '@grpc/grpc-js';
import { Channel, Metadata, RpcError } from 'causewire';
import { plain } from './testbed.mjs';

const channel = plain('127.0.0.1:1');
const bytes = new Uint8Array();

function names(field) {
  return (error) => {
    assert.ok(error instanceof RpcError, String(error));
    assert.equal(error.failure.evidence.option ?? error.failure.evidence.field, field);
    assert.equal(error.attempts, 0);
    return true;
  };
}

test('a channel with a wrong type', () => {
  assert.throws(() => new Channel(), TypeError);
  assert.throws(() => new Channel(5), TypeError);
  assert.throws(() => new Channel('a:1', 'tls'), TypeError);
  assert.throws(() => new Channel('a:1', { logger: 'console' }), TypeError);
  assert.throws(() => new Channel('a:1', { tls: { keyPem: 1 } }), TypeError);
  assert.throws(() => new Channel('a:1', { userAgent: () => 'a' }), TypeError);
});

test('a wrong type says what is wanted and what it is', async () => {
  const says = (text) => (error) => error instanceof TypeError && error.message === text;
  const open = (options) => () => new Channel('a:1', options);
  assert.throws(open({ tls: { caPem: true } }), says('tls.caPem must be a string or bytes, is a boolean'));
  assert.throws(open({ tls: { certPem: [] } }), says('tls.certPem must be a string or bytes, is an array'));
  assert.throws(open({ tls: { keyPem: 1 } }), says('tls.keyPem must be a string or bytes, is a number'));
  assert.throws(open({ logger: 'console' }), says('logger must be a function, is a string'));
  const call = (options) => channel.unary('/a.B/C', bytes, options);
  await assert.rejects(call({ timeoutMs: '5' }), says('timeoutMs must be a number, is a string'));
  await assert.rejects(call({ signal: new AbortController() }), says('signal must be an AbortSignal, is an AbortController'));
  await assert.rejects(call({ metadata: { 'x-a': 5 } }), says("metadata['x-a'] must be a string or a Uint8Array, is a number"));
  await assert.rejects(channel.unary('/a.B/C', new Date()), says('message must be a Uint8Array, is a Date'));
  await assert.rejects(channel.unary('/a.B/C', null), says('message must be a Uint8Array, is null'));
  const method = { path: '/a.B/C', kind: 'unary', encode: (m) => m, decode: (m) => m, responseType: 5 };
  await assert.rejects(channel.unary(method, bytes), TypeError);
});

test('PEM is text or bytes', () => {
  const caPem = Buffer.from('no');
  for (const bytes of [caPem, new Uint8Array(caPem)]) {
    assert.throws(() => new Channel('a:1', { tls: { caPem: bytes } }), (error) => error.failure.cause === 'TLS_CONFIG_INVALID');
  }
});

test('a channel with a bad value', () => {
  assert.throws(() => new Channel('a:1', { keepalive: { timeMs: -1 } }), names('keepalive.time_ms'));
  assert.throws(() => new Channel('a:1', { fooBar: 1 }), names('foo_bar'));
  assert.throws(() => new Channel('a:1', { backoff: { multiplier: 0.1 } }), names('backoff.multiplier'));
  assert.throws(() => new Channel('a:1', { tls: { caPem: 'no' } }), (error) => {
    assert.equal(error.failure.cause, 'TLS_CONFIG_INVALID');
    return true;
  });
  assert.throws(() => new Channel('::nonsense::'), (error) => error.failure.cause === 'TARGET_INVALID');
});

test('a call with a wrong type', async () => {
  await assert.rejects(channel.unary(5, bytes), TypeError);
  await assert.rejects(channel.unary('/a.B/C', 'text'), TypeError);
  await assert.rejects(channel.unary('/a.B/C', bytes, { timeoutMs: '5' }), TypeError);
  await assert.rejects(channel.unary('/a.B/C', bytes, { signal: {} }), TypeError);
  await assert.rejects(channel.unary('/a.B/C', bytes, { waitForReady: 1 }), TypeError);
  await assert.rejects(channel.unary('/a.B/C', bytes, { metadata: 'a' }), TypeError);
  await assert.rejects(channel.unary('/a.B/C', bytes, { metadata: [['a', 5]] }), TypeError);
  assert.throws(() => channel.serverStreaming('/a.B/C', 'text'), TypeError);
  assert.throws(() => channel.clientStreaming('/a.B/C', 5), TypeError);
  const unary = { path: '/a.B/C', kind: 'unary', encode: (m) => m, decode: (m) => m };
  assert.throws(() => channel.serverStreaming(unary, bytes), TypeError);
  const sender = channel.clientStreaming('/a.B/C');
  await assert.rejects(sender.send('text'), TypeError);
  sender.cancel();
});

test('a call with a bad value', async () => {
  await assert.rejects(channel.unary('no-slash', bytes), names('method'));
  await assert.rejects(channel.unary('/a.B/C', bytes, { timeoutMs: -1 }), names('deadline_ms'));
  await assert.rejects(channel.unary('/a.B/C', bytes, { timeoutMs: Number.NaN }), names('deadline_ms'));
  await assert.rejects(channel.unary('/a.B/C', bytes, { compression: 'br' }), names('compression'));
  const metadata = [
    ['a', 'fine'],
    ['b b', 'canary'],
  ];
  await assert.rejects(channel.unary('/a.B/C', bytes, { metadata }), (error) => {
    assert.match(error.failure.evidence.field, /^metadata\[1\]/);
    assert.ok(!error.record.includes('canary'));
    return true;
  });
});

test('an option that no call has', async () => {
  const near = (field, name) => (error) => names(field)(error) && error.message.includes(name);
  const call = (options) => channel.unary('/a.B/C', bytes, { timeoutMs: 100, ...options });
  await assert.rejects(call({ timeout: 5 }), near('timeout', '`timeoutMs`'));
  await assert.rejects(call({ timeout_ms: 5 }), near('timeout_ms', '`timeoutMs`'));
  await assert.rejects(call({ waitForready: true }), near('wait_forready', '`waitForReady`'));
  await assert.rejects(call({ deadline: Date.now() }), near('deadline', 'timeoutMs'));
  await assert.rejects(call({ fooBar: null }), names('foo_bar'));
  assert.throws(() => channel.clientStreaming('/a.B/C', { id: 5 }), names('id'));
  assert.throws(() => channel.bidirectional('/a.B/C', { id: 5 }), names('id'));
  assert.throws(() => channel.serverStreaming('/a.B/C', bytes, { headers: {} }), names('headers'));
  assert.throws(() => channel.clientStreaming('/a.B/C', [], { deadline: 5 }), names('deadline'));
  await assert.rejects(channel.waitForStateChange('IDLE', { timeout: 1 }), names('timeout'));
  const sender = channel.clientStreaming('/a.B/C');
  await assert.rejects(sender.send(bytes, { compression: 'identity' }), names('compression'));
  sender.cancel();
});

test('what is no options object', async () => {
  const grpcMetadata = new GrpcMetadata();
  for (const wrong of [grpcMetadata, new Metadata({ a: 'b' }), new Map([['timeoutMs', 1]]), [], AbortSignal.abort(), () => {}, 5]) {
    const error = await channel.unary('/a.B/C', bytes, wrong).catch((error) => error);
    assert.ok(error instanceof TypeError || error.failure?.cause === 'OPTION_INVALID', String(error));
  }
});

test('calls on a closed channel', async () => {
  const closed = plain('127.0.0.1:1');
  closed.close();
  await assert.rejects(closed.unary('/a.B/C', bytes), (error) => error.failure.cause === 'CHANNEL_UNUSABLE');
  assert.equal(closed.state, 'SHUTDOWN');
});

test('metadata keeps order and duplicates', () => {
  const metadata = new Metadata({ a: '1', 'b-bin': new Uint8Array([1]), c: ['2', '3'] }).append('A', '4');
  assert.deepEqual([...metadata].map(([key]) => key), ['a', 'b-bin', 'c', 'c', 'a']);
  assert.deepEqual(metadata.getAll('a'), ['1', '4']);
  assert.deepEqual(metadata.get('B-BIN'), Buffer.from([1]));
  assert.equal(metadata.size, 5);
  assert.ok(!metadata.has('d'));
  assert.throws(() => metadata.append('a', 5), TypeError);
});
