// The cases of compression. A client cannot see the compressed flag of what it sends or receives: the servers with the
// feature CompressedRequest judge the one, the runner, which looks on, judges both.
import assert from 'node:assert/strict';
import { InvalidArgument } from '../../../bindings-node/dist/index.mjs';
import { assertZeros, LARGE_REQUEST, payload, RESPONSE_SIZE } from './unary.mjs';

const NOT_REFUSED = 'the server accepted an uncompressed message although expect_compressed is true';
const GZIP = { compression: 'gzip' };

export async function clientUnary(client, { probe }) {
  const expecting = (value) => ({ ...LARGE_REQUEST, expectCompressed: { value } });
  if (probe) {
    await assert.rejects(client.UnaryCall(expecting(true)), InvalidArgument, NOT_REFUSED);
  }
  for (const [request, options] of [
    [expecting(true), GZIP],
    [expecting(false), {}],
  ]) {
    const { message } = await client.UnaryCall(request, options);
    assertZeros(message.payload, RESPONSE_SIZE);
  }
}

export async function serverUnary(client) {
  for (const value of [true, false]) {
    const { message, headers } = await client.UnaryCall({ ...LARGE_REQUEST, responseCompressed: { value } });
    assertZeros(message.payload, RESPONSE_SIZE);
    if (value) {
      assertGzip(headers);
    }
  }
}

export async function clientStreaming(client, { probe }) {
  const expecting = (value, size) => ({ expectCompressed: { value }, payload: payload(size) });
  if (probe) {
    const call = client.StreamingInputCall();
    await call.send(expecting(true, 27_182));
    call.closeSend();
    await assert.rejects(call.response, InvalidArgument, NOT_REFUSED);
  }
  const call = client.StreamingInputCall(GZIP);
  await call.send(expecting(true, 27_182));
  await call.send(expecting(false, 45_904), { compress: false });
  call.closeSend();
  const { message } = await call.response;
  assert.equal(message.aggregatedPayloadSize, 73_086);
}

export async function serverStreaming(client) {
  const wanted = [
    { size: 31_415, compressed: { value: true } },
    { size: 92_653, compressed: { value: false } },
  ];
  const call = client.StreamingOutputCall({ responseParameters: wanted });
  const sizes = wanted.map(({ size }) => size);
  for await (const message of call) {
    assertZeros(message.payload, sizes.shift());
  }
  assert.equal(sizes.length, 0, 'too few responses');
  assertGzip(await call.headers());
}

function assertGzip(headers) {
  const encoding = headers.get('grpc-encoding');
  assert.equal(encoding, 'gzip', `the server did not compress: grpc-encoding is ${encoding}`);
}
