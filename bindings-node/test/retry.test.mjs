// What a method's description says of retries, and a call's own policy.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { test } from 'node:test';
import { Channel } from 'causewire';

const POLICY = {
  maxAttempts: 2,
  initialBackoff: '0.01s',
  maxBackoff: '0.01s',
  backoffMultiplier: 1,
  retryableStatusCodes: ['UNAVAILABLE'],
};

/** Cuts the connection of the first request and answers the others; counts them. */
async function fickle(t) {
  const server = http2.createServer();
  const seen = { requests: 0 };
  let socket;
  server.on('connection', (accepted) => {
    socket = accepted;
  });
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    seen.requests += 1;
    if (seen.requests === 1) {
      socket.destroy();
      return;
    }
    stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.alloc(5));
  });
  server.on('sessionError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const channel = new Channel(`127.0.0.1:${server.address().port}`, { tls: null });
  t.after(() => {
    channel.close();
    server.close();
  });
  return { channel, seen };
}

const identity = (bytes) => bytes;
const described = { path: '/pkg.Service/Get', kind: 'unary', encode: identity, decode: identity };
const loaded = {
  path: '/pkg.Service/Get',
  requestStream: false,
  responseStream: false,
  requestSerialize: identity,
  responseDeserialize: identity,
};

for (const [name, method] of [
  ['a descriptor', { ...described, idempotent: true }],
  ['proto-loader', { ...loaded, options: { idempotency_level: 'NO_SIDE_EFFECTS' } }],
]) {
  test(`a method that ${name} calls idempotent is sent again`, async (t) => {
    const { channel, seen } = await fickle(t);
    const response = await channel.unary(method, Buffer.alloc(0), { retry: { retryPolicy: POLICY } });
    assert.equal(response.attempts, 2);
    assert.equal(seen.requests, 2);
  });
}

test('a call may take back what its method declares', async (t) => {
  const { channel, seen } = await fickle(t);
  const options = { idempotent: false, retry: { retryPolicy: POLICY } };
  await assert.rejects(channel.unary({ ...described, idempotent: true }, Buffer.alloc(0), options), (error) => {
    assert.equal(error.failure.reached, 'maybe');
    assert.equal(error.failure.retry_stopped, 'not_retryable');
    return true;
  });
  assert.equal(seen.requests, 1);
});

test('a policy that is no object is a mistake of the program', async (t) => {
  const { channel } = await fickle(t);
  for (const retry of ['twice', null, 3]) {
    await assert.rejects(channel.unary('/pkg.Service/Get', Buffer.alloc(0), { retry }), TypeError);
  }
});
