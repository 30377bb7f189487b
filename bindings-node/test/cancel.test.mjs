// Every way in which a program gives up a call reaches the server as RST_STREAM(CANCEL).
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { after, before, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Cancelled, DeadlineExceeded } from 'causewire';
import { cancelsSeen, eventually, message, plain, service, startTestbed } from './testbed.mjs';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

let testbed;
let channel;

before(async () => {
  testbed = await startTestbed();
  channel = plain(testbed.places.target);
});
after(() => testbed.close());

const slow = () => message('EchoRequest', { delayMs: 60_000 });
const endless = () => message('EchoRequest', { payload: Buffer.alloc(100), count: 1_000_000 });

/** Runs `act` and waits until the server has seen that many more cancelled streams. */
async function cancels(count, act) {
  const before = await cancelsSeen(channel);
  await act();
  await eventually(async () => (await cancelsSeen(channel)) === before + count, `${count} cancelled streams`);
}

test('a signal cancels each kind; the cause is its reason', () =>
  cancels(4, async () => {
    const reason = new Error('the user has left');
    const controller = new AbortController();
    const { signal } = controller;
    const calls = [
      channel.unary(service.echo, slow(), { signal }),
      channel.serverStreaming(service.echoServerStream, slow(), { signal }).next(),
      channel.clientStreaming(service.echoClientStream, [slow()], { signal }).response,
      channel.bidirectional(service.echoBidi, [slow()], { signal }).next(),
    ];
    setTimeout(() => controller.abort(reason), 100);
    for (const result of await Promise.allSettled(calls)) {
      assert.ok(result.reason instanceof Cancelled, String(result.reason));
      assert.equal(result.reason.cause, reason);
      assert.equal(result.reason.failure.cause, 'CANCELLED_BY_CALLER');
    }
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  }));

test('a signal that has fired already sends nothing', async () => {
  const signal = AbortSignal.abort('too late');
  await assert.rejects(channel.unary(service.echo, slow(), { signal }), (error) => {
    assert.equal(error.cause, 'too late');
    return error instanceof Cancelled;
  });
});

test('a finished call leaves no listener behind', async () => {
  const { signal } = new AbortController();
  await channel.unary(service.echo, message('EchoRequest'), { signal });
  for await (const _ of channel.serverStreaming(service.echoServerStream, message('EchoRequest'), { signal }));
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('a timeout is not a cancellation', async () => {
  const started = performance.now();
  const signal = new AbortController().signal;
  await assert.rejects(channel.unary(service.echo, slow(), { timeoutMs: 100, signal }), (error) => {
    assert.equal(error.cause, undefined);
    return error instanceof DeadlineExceeded;
  });
  assert.ok(performance.now() - started < 350);
});

test('leaving a loop cancels', () =>
  cancels(1, async () => {
    let count = 0;
    for await (const _ of channel.serverStreaming(service.echoServerStream, endless())) {
      if (++count === 10) {
        break;
      }
    }
  }));

test('cancel() ends the call with its reason, and disposal cancels', () =>
  cancels(2, async () => {
    const call = channel.bidirectional(service.echoBidi);
    await call.send(message('EchoRequest'));
    await call.next();
    call.cancel('enough');
    await assert.rejects(call.next(), (error) => error instanceof Cancelled && error.cause === 'enough');
    assert.equal(await call.send(message('EchoRequest')), false);
    const other = channel.serverStreaming(service.echoServerStream, endless());
    await other.next();
    await other[Symbol.asyncDispose]();
  }));

test('requests that throw cancel the call; the cause is what they threw', () =>
  cancels(1, async () => {
    const broken = new Error('no more rows');
    async function* requests() {
      yield message('EchoRequest');
      throw broken;
    }
    const call = channel.bidirectional(service.echoBidi, requests());
    await assert.rejects(async () => {
      for await (const _ of call);
    }, (error) => error instanceof Cancelled && error.cause === broken);
  }));

test('requests that cannot be read cancel the call', async () => {
  const locked = new ReadableStream();
  locked.getReader();
  const broken = new Error('no iterator today');
  const sources = [
    [locked, (cause) => cause instanceof TypeError],
    [{ [Symbol.asyncIterator]: () => { throw broken; } }, (cause) => cause === broken],
    [{ [Symbol.iterator]: () => undefined }, (cause) => cause instanceof TypeError],
    [{ [Symbol.iterator]: () => ({ next: () => { throw broken; } }) }, (cause) => cause === broken],
  ];
  for (const [source, expected] of sources) {
    const call = channel.clientStreaming(service.echoClientStream, source, { timeoutMs: 2000 });
    await assert.rejects(call.response, (error) => error instanceof Cancelled && expected(error.cause));
  }
});

test('a stream that is dropped is cancelled when it is collected', () =>
  cancels(20, async () => {
    for (let index = 0; index < 20; index++) {
      await channel.serverStreaming(service.echoServerStream, endless()).next();
    }
    await eventually(() => {
      collectGarbage();
      return channel.stats().streams === 0;
    }, 'the end of all streams');
  }));

test('a stream that somebody waits for is not collected', async () => {
  const request = message('EchoRequest', { payload: Buffer.from('hi'), delayMs: 300 });
  const first = channel.serverStreaming(service.echoServerStream, request).next();
  const trailers = channel.bidirectional(service.echoBidi, [request]).trailers();
  for (let round = 0; round < 10; round++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    collectGarbage();
  }
  assert.equal(Buffer.from((await first).value.payload).toString(), 'hi');
  await trailers;
});

test('calls that are given up leave nothing behind', async () => {
  for (let round = 0; round < 20; round++) {
    const signal = AbortSignal.timeout(5);
    await Promise.allSettled(
      Array.from({ length: 50 }, () => channel.unary(service.echo, slow(), { signal })),
    );
  }
  await eventually(() => channel.stats().streams === 0, 'the end of all streams');
  assert.equal(channel.stats().bufferedBytes, 0);
});
