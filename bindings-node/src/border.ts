/**
 * The state of one JavaScript environment (a worker has its own): the calls and channels that news may concern. News
 * come in batches, one call of `deliver` each, and every promise of a batch is settled in it.
 */
import { BatchReader } from './batch.js';
import { type Border, type FailedParts, native } from './native.js';
import type { Response } from './response.js';
import type { ConnectivityState } from './state.js';

/** Who is told about a call. What one of these throws is given to `onFault`. @internal */
export interface CallListener {
  /** Response headers of a streamed response. */
  onHeaders(packed: Buffer, peer: string | undefined): void;
  onMessages(messages: Buffer[]): void;
  onRoom(): void;
  /** The end with OK. Only unary and client-streaming calls have a message. */
  onReply(reply: Response<Buffer | undefined>): void;
  /** The end with any other status. */
  onFailure(parts: FailedParts): void;
  /** What was thrown when the call's news were delivered: the last that is heard of the call. */
  onFault(error: unknown): void;
}

/** Who is told what concerns a channel and none of its calls. @internal */
export interface ChannelListener {
  onToken(ask: number, method: string, audience: string): void;
  onResolve(ask: number, target: string): void;
  /** Nobody waits for the answer any more. */
  onAskCancelled(ask: number): void;
  onLog(level: number, text: string, dropped: number): void;
  onState(watch: number, state: ConnectivityState): void;
}

const calls = new Map<number, CallListener>();
const channels = new Map<number, WeakRef<ChannelListener>>();

const collected = new FinalizationRegistry<number>((id) => channels.delete(id));

const reader = new BatchReader({
  call: (id) => calls.get(id),
  ended: (id) => {
    const listener = calls.get(id);
    calls.delete(id);
    return listener;
  },
  channel: (id) => channels.get(id)?.deref(),
});

/** Made with the first channel. @internal */
export let border: Border;

/** @internal */
export function openBorder(): Border {
  border ??= new (native().Border)((words, extras, header) => reader.deliver(words, extras, header));
  return border;
}

/** Holds the listener until the call has ended. @internal */
export function listenToCall(id: number, listener: CallListener): void {
  calls.set(id, listener);
}

/** Does not hold the listener: a channel lives as long as somebody uses it. @internal */
export function listenToChannel(id: number, listener: ChannelListener): void {
  channels.set(id, new WeakRef(listener));
  collected.register(listener, id);
}
