// What a program does to the memory of a message that it was given touches no other message and no other call.
import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { after, before, test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { message, plain, service, startTestbed } from './testbed.mjs';

// Node 20 has `ArrayBuffer.prototype.transfer` behind a flag, for contexts that are made after it.
setFlagsFromString('--harmony-rab-gsab-transfer');
const transferred = runInNewContext('(buffer) => ArrayBuffer.prototype.transfer.call(buffer)');

const UNARY = '/raw.Echo/Unary';
let testbed;
let channel;

before(async () => {
  testbed = await startTestbed();
  channel = plain(testbed.places.target);
});
after(() => testbed.close());

/** A call that is never settled is what these tests look for, so that its own deadline is not enough. */
function settled(promise) {
  const never = new Promise((_, reject) => setTimeout(reject, 2000, new Error('the call was never settled')).unref());
  return Promise.race([promise, never]);
}

const echo = async (text) => (await settled(channel.unary(UNARY, Buffer.from(text)))).message;

/** Gives the memory of `message` away, and returns who has it now. */
const WAYS = {
  structuredClone: (message) => structuredClone(message, { transfer: [message.buffer] }),
  postMessage: (message) => {
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(message, [message.buffer]);
    port1.close();
    port2.close();
  },
  'ArrayBuffer.prototype.transfer': (message) => new Uint8Array(transferred(message.buffer)),
};

for (const [name, giveAway] of Object.entries(WAYS)) {
  test(`${name} of a message`, async () => {
    const message = await echo('first');
    let taken;
    try {
      taken = giveAway(message);
    } catch (error) {
      assert.equal(error.name, 'DataCloneError');
    }
    const before = taken === undefined ? undefined : Buffer.from(taken);
    for (let index = 0; index < 8; index++) {
      assert.equal((await echo(`secret ${index}`)).toString(), `secret ${index}`);
      assert.equal((await echo('')).length, 0);
    }
    assert.deepEqual(taken === undefined ? undefined : Buffer.from(taken), before, 'later payloads came into memory that was given away');
  });
}

for (const name of ['structuredClone', 'postMessage']) {
  test(`${name} of a message leaves its neighbours`, async () => {
    const [first, second] = await Promise.all([echo('first'), echo('second')]);
    try {
      WAYS[name](first);
    } catch (error) {
      assert.equal(error.name, 'DataCloneError');
    }
    assert.equal(second.toString(), 'second');
  });
}

test('memory that is given away while a batch is delivered loses no call', async () => {
  const method = { path: UNARY, kind: 'unary', encode: (text) => Buffer.from(text), decode: (bytes) => transferred(bytes.buffer) };
  const calls = [settled(channel.unary(method, 'first')), ...Array.from({ length: 20 }, (_, index) => echo(`${index}`))];
  const outcomes = await Promise.allSettled(calls);
  assert.equal(outcomes[0].status, 'fulfilled');
  for (const [index, { status, value, reason }] of outcomes.slice(1).entries()) {
    // Its bytes may have been in the memory that went, before or after it was delivered.
    const lost = /detached|outside of buffer bounds/;
    status === 'fulfilled' ? assert.ok([`${index}`, ''].includes(value.toString())) : assert.match(reason.message, lost);
  }
  assert.equal((await echo('next')).toString(), 'next');
});

test('what one listener throws is the failure of its own call', async () => {
  const controller = new AbortController();
  const broken = new Error('canary');
  controller.signal.removeEventListener = () => {
    throw broken;
  };
  const { signal } = controller;
  const stream = channel.serverStreaming('/raw.Echo/Unary', Buffer.from('x'), { signal });
  const calls = [
    settled(channel.unary(UNARY, Buffer.from('x'), { signal })),
    settled(stream.trailers()),
    ...Array.from({ length: 20 }, (_, index) => echo(`${index}`)),
  ];
  const outcomes = await Promise.allSettled(calls);
  assert.equal(outcomes[0].reason, broken);
  assert.equal(outcomes[1].reason, broken);
  assert.ok(outcomes.slice(2).every(({ status }) => status === 'fulfilled'));
});

test('metadata of one response is not that of another', async () => {
  const request = message('EchoRequest', { headers: [{ key: 'x-a-bin', value: Buffer.from([1, 2, 3]) }] });
  const [first, second] = await Promise.all([channel.unary(service.echo, request), channel.unary(service.echo, request)]);
  const value = first.headers.get('x-a-bin');
  assert.notEqual(value, undefined);
  value.fill(9);
  assert.deepEqual(second.headers.get('x-a-bin'), Buffer.from([1, 2, 3]));
});
