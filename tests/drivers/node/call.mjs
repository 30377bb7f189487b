// One call by the public API.
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { RpcError } from '../../../bindings-node/dist/index.mjs';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

const KINDS = {
  unary: 'unary',
  server_streaming: 'serverStreaming',
  client_streaming: 'clientStreaming',
  bidi: 'bidirectional',
};

export async function performCall(line, channels, running) {
  const started = performance.now();
  const answer = {
    headers: null, messages: [], trailers: [], error: undefined, dropped: false, unsent: 0, sendError: undefined, attempts: 0,
    peer: undefined,
  };
  const key = JSON.stringify(line.id);
  const controller = new AbortController();
  running.set(key, controller);
  try {
    await makeCall(line, channels.ofCall(line), controller, answer);
  } catch (error) {
    if (!(error instanceof RpcError)) {
      throw error;
    }
    answer.error = error;
    answer.headers = error.headers === undefined ? answer.headers : [...error.headers];
    answer.trailers = [...error.metadata];
    answer.attempts = error.attempts;
    answer.peer = error.peer;
  } finally {
    running.delete(key);
  }
  return written(line, answer, Math.round(performance.now() - started));
}

async function makeCall(line, entry, controller, answer) {
  if (entry.error !== undefined) {
    throw entry.error;
  }
  const { channel } = entry;
  const kind = KINDS[line.kind];
  const method = entry.decode === undefined ? line.method : typed(line.method, kind, entry.decode);
  const options = callOptions(line, controller.signal);
  const messages = (line.messages ?? []).map(fromBase64);
  const timer =
    line.cancel_after_ms === undefined ? undefined : setTimeout(() => controller.abort(), line.cancel_after_ms);
  try {
    if (kind === 'unary' || kind === 'serverStreaming') {
      await delay(line);
    }
    if (kind === 'unary') {
      finish(await channel.unary(method, messages[0] ?? Buffer.alloc(0), options), answer);
    } else {
      await stream(line, kind, channel, method, messages, options, answer);
    }
  } finally {
    clearTimeout(timer);
  }
}

async function stream(line, kind, channel, method, messages, options, answer) {
  if (kind === 'serverStreaming') {
    // With steps, the request is what the first of them sends.
    const [step, ...others] = line.steps ?? [];
    const sent = step?.send === undefined ? undefined : fromBase64(step.send);
    const start = () => channel.serverStreaming(method, sent ?? messages[0] ?? Buffer.alloc(0), options);
    const steps = sent === undefined ? line.steps : others;
    return steps === undefined ? receiveRest(start(), kind, answer) : performSteps(steps, kind, start, answer);
  }
  const start = () => channel[kind](method, options);
  if (line.steps !== undefined) {
    return performSteps(line.steps, kind, start, answer);
  }
  const call = start();
  const sending = sendAll(line, call, messages, answer);
  if (kind === 'clientStreaming') {
    await sending;
    return receiveRest(call, kind, answer);
  }
  const [sent, received] = await Promise.allSettled([sending, receiveRest(call, kind, answer)]);
  for (const { status, reason } of [received, sent]) {
    if (status === 'rejected') {
      throw reason;
    }
  }
}

async function sendAll(line, call, messages, answer) {
  for (const message of messages) {
    await delay(line);
    answer.unsent += (await accepted(call, message, {}, answer)) ? 0 : 1;
  }
  call.closeSend();
}

/** Whether a message was; keeps the first error that says why not. */
async function accepted(call, message, options, answer) {
  try {
    return await call.send(message, options);
  } catch (error) {
    if (!(error instanceof RpcError)) {
      throw error;
    }
    answer.sendError ??= error;
    return false;
  }
}

async function receiveRest(call, kind, answer) {
  if (kind === 'clientStreaming') {
    return finish(await call.response, answer);
  }
  for await (const message of call) {
    answer.messages.push(message);
  }
  answer.headers = [...(await call.headers())];
  answer.trailers = [...(await call.trailers())];
  answer.peer = call.peer;
  answer.attempts = call.attempts;
}

async function performSteps(steps, kind, start, answer) {
  let call = start();
  answer.unsent = steps.filter((step) => (step.send ?? step.send_uncompressed) !== undefined).length;
  for (const step of steps) {
    if (step.drop !== undefined) {
      answer.dropped = true;
      call = undefined;
      await forget();
      return;
    }
    if (!(await performStep(step, call, kind, answer))) {
      break;
    }
  }
  call.closeSend?.();
  await receiveRest(call, kind, answer);
}

/** False: the step failed and no further one is done. */
async function performStep(step, call, kind, answer) {
  const message = step.send ?? step.send_uncompressed;
  if (message !== undefined) {
    const compress = step.send !== undefined;
    const taken = kind !== 'serverStreaming' && (await accepted(call, fromBase64(message), { compress }, answer));
    answer.unsent -= taken ? 1 : 0;
    return taken;
  }
  if (step.recv !== undefined) {
    await receive(step.recv === 'all' ? Infinity : step.recv, call, kind, answer);
  } else if (step.headers !== undefined) {
    answer.headers = [...(await call.headers())];
  } else if (step.sleep_ms !== undefined) {
    await sleep(step.sleep_ms);
  } else if (step.close !== undefined) {
    call.closeSend?.();
  } else {
    call.cancel();
  }
  return true;
}

async function receive(count, call, kind, answer) {
  if (kind === 'clientStreaming') {
    await call.response;
    return;
  }
  for (let received = 0; received < count; received++) {
    const { value, done } = await call.next();
    if (done) {
      return;
    }
    answer.messages.push(value);
  }
}

/** Several times, because a promise that has just settled still holds what it was waited for with. */
async function forget() {
  for (let round = 0; round < 3; round++) {
    await sleep(1);
    collectGarbage();
  }
  await sleep(1);
}

function finish(response, answer) {
  answer.messages.push(response.message);
  answer.headers = [...response.headers];
  answer.trailers = [...response.trailers];
  answer.peer = response.peer;
  answer.attempts = response.attempts;
}

function callOptions(line, signal) {
  const metadata = (line.metadata ?? []).map(([key, value]) => [key, key.endsWith('-bin') ? fromBase64(value) : value]);
  return {
    signal,
    metadata,
    timeoutMs: line.deadline_ms,
    waitForReady: line.wait_for_ready,
    compression: line.compression,
    authority: line.authority,
    idempotent: line.idempotent,
    retry: line.retry,
  };
}

/** A method as generated code describes it. */
function typed(path, kind, decode) {
  return { path, kind, encode: (message) => message, decode };
}

async function delay(line) {
  if (line.delay_ms !== undefined) {
    await sleep(line.delay_ms);
  }
}

function fromBase64(text) {
  return Buffer.from(text, 'base64');
}

/** The record is spliced in as core wrote it, byte for byte. */
function written(line, answer, elapsedMs) {
  const { error } = answer;
  const entries = (metadata) =>
    metadata === null
      ? null
      : metadata.map(([key, value]) => [key, typeof value === 'string' ? value : value.toString('base64')]);
  const parts = {
    id: line.id,
    headers: entries(answer.headers),
    messages: answer.messages.map((message) => message.toString('base64')),
    trailers: entries(answer.trailers),
    status: status(answer),
  };
  const rest = {
    unsent: answer.unsent,
    attempts: answer.attempts,
    peer: answer.peer ?? null,
    elapsed_ms: elapsedMs,
  };
  if (line.render === true && error !== undefined) {
    rest.rendered = {
      text: error.message,
      repr: inspect(error, { depth: null, showHidden: true }),
      diagnostic: error.diagnostic(),
      public: error.publicMessage(),
      stack: error.stack,
    };
  }
  const failure = error === undefined ? 'null' : error.record;
  const { sendError } = answer;
  const told = sendError === undefined || sendError.record === error?.record ? '' : `,"send_error":${sendError.record}`;
  return `${JSON.stringify(parts).slice(0, -1)},"failure":${failure}${told},${JSON.stringify(rest).slice(1)}`;
}

function status({ error, dropped }) {
  if (error === undefined) {
    return { code: dropped ? 1 : 0, message: dropped ? 'dropped' : '', details: null };
  }
  return {
    code: error.code,
    message: error.details,
    details: error.statusDetails?.toString('base64') ?? null,
  };
}
