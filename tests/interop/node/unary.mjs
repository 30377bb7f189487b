// The cases of unary calls.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Unimplemented, Unknown } from '../../../bindings-node/dist/index.mjs';

const INITIAL = 'x-grpc-test-echo-initial';
const TRAILING = 'x-grpc-test-echo-trailing-bin';
const ECHOED = { [INITIAL]: 'test_initial_metadata_value', [TRAILING]: Buffer.from('ababab', 'hex') };

export const RESPONSE_SIZE = 314_159;
/** 271,828 zeros, to be answered with 314,159. */
export const LARGE_REQUEST = { responseSize: RESPONSE_SIZE, payload: payload(271_828) };

export function payload(size) {
  return { body: Buffer.alloc(size) };
}

export function assertZeros({ body }, size) {
  assert.equal(body.length, size);
  assert.ok(body.equals(Buffer.alloc(size)), 'the payload is not all zeros');
}

export async function emptyUnary(client) {
  const { message } = await client.EmptyCall({});
  assert.deepEqual({ ...message }, {});
}

export async function largeUnary(client) {
  const { message } = await client.UnaryCall(LARGE_REQUEST);
  assertZeros(message.payload, RESPONSE_SIZE);
}

export async function concurrentLargeUnary(client) {
  await Promise.all(Array.from({ length: 1000 }, () => largeUnary(client)));
}

export async function customMetadata(client) {
  const response = await client.UnaryCall(LARGE_REQUEST, { metadata: ECHOED });
  assertZeros(response.message.payload, RESPONSE_SIZE);
  assertEchoed(response.headers, response.trailers);

  const call = client.FullDuplexCall({ metadata: ECHOED });
  await call.send({ responseParameters: [{ size: RESPONSE_SIZE }], payload: LARGE_REQUEST.payload });
  call.closeSend();
  const received = [];
  for await (const message of call) {
    received.push(message);
  }
  assert.equal(received.length, 1);
  assertZeros(received[0].payload, RESPONSE_SIZE);
  assertEchoed(await call.headers(), await call.trailers());
}

function assertEchoed(headers, trailers) {
  assert.equal(headers.get(INITIAL), ECHOED[INITIAL]);
  assert.deepEqual(trailers.get(TRAILING), ECHOED[TRAILING]);
}

export async function statusCodeAndMessage(client) {
  const responseStatus = { code: 2, message: 'test status message' };
  await assertStatus(client.UnaryCall({ responseStatus }), responseStatus);

  const call = client.FullDuplexCall();
  await call.send({ responseStatus });
  call.closeSend();
  await assertStatus(call.next(), responseStatus);
}

export async function specialStatusMessage(client) {
  const message = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';
  await assertStatus(client.UnaryCall({ responseStatus: { code: 2, message } }), { message });
}

function assertStatus(call, { message }) {
  return assert.rejects(call, (error) => {
    assert.ok(error instanceof Unknown, error);
    assert.equal(error.details, message);
    return true;
  });
}

export async function unimplemented(method) {
  await assert.rejects(method({}), Unimplemented);
}

/** All calls must go to one server, also once other servers could be connected. */
export async function pickFirstUnary(client) {
  const request = { responseSize: 1, payload: payload(1), fillServerId: true };
  const { message: first } = await client.UnaryCall(request);
  assert.notEqual(first.serverId, '', 'the server does not say its server_id');
  await sleep(5000);
  for (let n = 0; n < 100; n++) {
    const { message } = await client.UnaryCall(request);
    assert.equal(message.serverId, first.serverId);
  }
}
