// The cases of streams. Whether a request was accepted is not asked: where it was not, reading tells why.
import assert from 'node:assert/strict';
import { Cancelled, DeadlineExceeded } from '../../../bindings-node/dist/index.mjs';
import { assertZeros, payload } from './unary.mjs';

const REQUEST_SIZES = [27_182, 8, 1_828, 45_904];
const RESPONSE_SIZES = [31_415, 9, 2_653, 58_979];

const ping = (responseSize, requestSize) => ({
  responseParameters: [{ size: responseSize }],
  payload: payload(requestSize),
});

export async function clientStreaming(client) {
  const call = client.StreamingInputCall();
  for (const size of REQUEST_SIZES) {
    await call.send({ payload: payload(size) });
  }
  call.closeSend();
  const { message } = await call.response;
  assert.equal(message.aggregatedPayloadSize, 74_922);
}

export async function serverStreaming(client) {
  const sizes = [...RESPONSE_SIZES];
  for await (const message of client.StreamingOutputCall({ responseParameters: sizes.map((size) => ({ size })) })) {
    assertZeros(message.payload, sizes.shift());
  }
  assert.equal(sizes.length, 0, 'too few responses');
}

export async function pingPong(client) {
  const call = client.FullDuplexCall();
  for (const [n, size] of RESPONSE_SIZES.entries()) {
    await call.send(ping(size, REQUEST_SIZES[n]));
    const { value } = await call.next();
    assertZeros(value.payload, size);
  }
  call.closeSend();
  assert.deepEqual(await call.next(), { value: undefined, done: true });
}

/** Three streams at a time where a connection has room for two. That there is a second one is asked of the channel. */
export async function connectionScaling(channel, client) {
  const calls = [];
  for (let n = 0; n < 3; n++) {
    const call = client.FullDuplexCall({ timeoutMs: 10_000 });
    await call.send(ping(1, 1));
    const { value } = await call.next();
    assertZeros(value.payload, 1);
    calls.push(call);
  }
  const { connections } = channel.stats();
  assert.equal(Number(connections), 2, `connections: ${connections} instead of 2`);
  for (const call of calls) {
    call.closeSend();
    assert.deepEqual(await call.next(), { value: undefined, done: true });
  }
}

export async function emptyStream(client) {
  const call = client.FullDuplexCall();
  call.closeSend();
  assert.deepEqual(await call.next(), { value: undefined, done: true });
}

export async function cancelAfterBegin(client) {
  const call = client.StreamingInputCall();
  call.cancel();
  await assert.rejects(call.response, Cancelled);
}

export async function cancelAfterFirstResponse(client) {
  const call = client.FullDuplexCall();
  await call.send(ping(31_415, 27_182));
  const { value } = await call.next();
  assertZeros(value.payload, 31_415);
  call.cancel();
  await assert.rejects(call.next(), Cancelled);
}

export async function timeoutOnSleepingServer(client) {
  const call = client.FullDuplexCall({ timeoutMs: 1 });
  await call.send({ payload: payload(27_182) });
  await assert.rejects(call.next(), DeadlineExceeded);
}
