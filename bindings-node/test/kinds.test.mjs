// All four kinds with real protobuf messages, and a failure of each.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FailedPrecondition, Metadata, NotFound, PermissionDenied, ResourceExhausted, RpcError } from 'causewire';
import { definition, message, plain, service, startTestbed } from './testbed.mjs';

let testbed;
let channel;
let client;

before(async () => {
  testbed = await startTestbed();
  channel = plain(testbed.places.target);
  client = channel.client(service);
});
after(() => testbed.close());

const echo = (text, rest = {}) => message('EchoRequest', { payload: Buffer.from(text), ...rest });
const text = (response) => Buffer.from(response.payload).toString();
const status = (code) => ({ status: { code, message: `no – ${code}`, details: [] } });

async function all(iterable) {
  const items = [];
  for await (const item of iterable) {
    items.push(item);
  }
  return items;
}

test('unary', async () => {
  const headers = [
    { key: 'x-a', value: Buffer.from('1') },
    { key: 'x-b-bin', value: Buffer.from([0, 255]) },
  ];
  const response = await client.echo(echo('hi', { headers, trailers: [{ key: 'x-t', value: Buffer.from('t') }] }));
  assert.equal(text(response.message), 'hi');
  assert.equal(response.headers.get('x-a'), '1');
  assert.deepEqual(response.headers.get('X-B-Bin'), Buffer.from([0, 255]));
  assert.equal(response.trailers.get('x-t'), 't');
  assert.equal(response.peer, testbed.places.target);
  assert.equal(response.attempts, 1);
});

test('server streaming', async () => {
  const call = client.echoServerStream(echo('hi', { count: 5, trailers: [{ key: 'x-t', value: Buffer.from('t') }] }));
  assert.ok((await call.headers()) instanceof Metadata);
  const responses = await all(call);
  assert.deepEqual(responses.map((response) => response.index), [0, 1, 2, 3, 4]);
  assert.equal((await call.trailers()).get('x-t'), 't');
  assert.equal(call.peer, testbed.places.target);
  assert.equal(call.attempts, 1);
});

test('client streaming, from an iterable and by hand', async () => {
  const response = await client.echoClientStream([echo('a'), echo('b')]).response;
  assert.equal(text(response.message), 'ab');
  const call = client.echoClientStream();
  assert.equal(await call.send(echo('c')), true);
  assert.equal(await call.send(echo('d')), true);
  call.closeSend();
  assert.equal(text((await call.response).message), 'cd');
});

test('client streaming with its requests is a promise of the response', async () => {
  assert.equal(text((await client.echoClientStream([echo('a'), echo('b')])).message), 'ab');
  await assert.rejects(async () => client.echoClientStream([echo('', status(8))]), ResourceExhausted);
  let settled = false;
  const error = await client
    .echoClientStream([echo('', status(5))])
    .finally(() => (settled = true))
    .catch((error) => error);
  assert.ok(error instanceof NotFound && settled);
  const [response] = await Promise.all([client.echoClientStream([echo('c')])]);
  assert.equal(text(response.message), 'c');
  const byHand = await (async () => client.echoClientStream())();
  assert.equal(await byHand.send(echo('d')), true);
  byHand.closeSend();
  assert.equal(text((await byHand.response).message), 'd');
});

test('bidirectional, from an async iterable and by hand', async () => {
  async function* requests() {
    yield echo('a');
    yield echo('b');
  }
  const responses = await all(client.echoBidi(requests()));
  assert.deepEqual(responses.map(text), ['a', 'b']);
  const call = client.echoBidi();
  for (const turn of ['x', 'y', 'z']) {
    await call.send(echo(turn));
    assert.equal(text((await call.next()).value), turn);
  }
  call.closeSend();
  assert.equal((await call.next()).done, true);
});

test('a failure of each kind', async () => {
  await assert.rejects(client.echo(echo('', status(5))), (error) => {
    assert.ok(error instanceof NotFound && error instanceof RpcError && error instanceof Error);
    assert.equal(error.code, 5);
    assert.equal(error.status, 'NOT_FOUND');
    assert.equal(error.details, 'no – 5');
    assert.equal(error.failure.origin, 'peer_app');
    return true;
  });
  const stream = client.echoServerStream(echo('hi', { count: 2, ...status(7) }));
  const received = [];
  await assert.rejects(async () => {
    for await (const response of stream) {
      received.push(response.index);
    }
  }, PermissionDenied);
  await assert.rejects(stream.trailers(), PermissionDenied);
  await assert.rejects(client.echoClientStream([echo('', status(8))]).response, ResourceExhausted);
  await assert.rejects(all(client.echoBidi([echo('', status(9))])), FailedPrecondition);
});

test('messages of every size, in order', async () => {
  for (const size of [0, 1, 8191, 8192, 70_000, 1 << 20]) {
    const { message: response } = await client.echo(message('EchoRequest', { responseBytes: BigInt(size) }));
    assert.equal(response.payload.length, size);
  }
  const requests = Array.from({ length: 3000 }, (_, index) => echo(`${index}:`.padEnd(index % 97, '.')));
  const responses = await all(client.echoBidi(requests));
  assert.equal(responses.length, requests.length);
  responses.forEach((response, index) => assert.equal(text(response), requests[index].payload.toString()));
});

test('a slow sender of large messages is told when there is room', async () => {
  const call = client.echoClientStream();
  for (let index = 0; index < 40; index++) {
    assert.equal(await call.send(message('EchoRequest', { payload: Buffer.alloc(64 << 10, index) })), true);
  }
  call.closeSend();
  const { message: response } = await call.response;
  assert.equal(response.payload.length, 40 * (64 << 10));
  assert.equal(response.payload.at(-1), 39);
});

test('stubs of proto-loader run as they are', async () => {
  const stub = channel.client(definition);
  const request = { payload: Buffer.from('hi'), count: 3 };
  assert.equal((await stub.Echo(request)).message.payload.toString(), 'hi');
  assert.equal((await all(stub.EchoServerStream(request))).length, 3);
  assert.equal((await stub.EchoClientStream([request, request]).response).message.payload.toString(), 'hihi');
  assert.equal((await all(stub.EchoBidi([request]))).length, 3);
  // as grpc-js has them, and the guide: by the name in the proto and by that of JavaScript
  assert.equal((await stub.echo(request)).message.payload.toString(), 'hi');
  assert.equal((await all(stub.echoServerStream(request))).length, 3);
  assert.deepEqual(Object.keys(stub).sort(), Object.entries(definition).flatMap(([name, { originalName }]) => [name, originalName]).sort());
});

test('what encode and decode throw', async () => {
  const broken = {
    ...service.echo,
    encode: () => {
      throw new Error('canary');
    },
  };
  await assert.rejects(channel.unary(broken, {}), (error) => {
    assert.equal(error.failure.cause, 'REQUEST_INVALID');
    assert.equal(error.source.message, 'canary');
    return true;
  });
  const decode = () => {
    throw new Error('canary');
  };
  await assert.rejects(channel.unary({ ...service.echo, decode }, echo('hi')), (error) => {
    assert.equal(error.failure.cause, 'RESPONSE_DECODE_FAILED');
    assert.equal(error.failure.evidence.type_name, service.echo.responseType);
    return true;
  });
  const stream = channel.serverStreaming({ ...service.echoServerStream, decode }, echo('hi', { count: 3 }));
  await assert.rejects(stream.next(), (error) => error.failure.cause === 'RESPONSE_DECODE_FAILED');
  assert.equal((await stream.next()).done, true);
  const sender = channel.bidirectional({ ...service.echoBidi, encode: broken.encode });
  await assert.rejects(sender.send({}), (error) => error.failure.cause === 'REQUEST_INVALID');
  await assert.rejects(sender.next(), (error) => error.failure.cause === 'REQUEST_INVALID');
});
