import { inspect } from 'node:util';
import { brand } from './brand.js';
import type { Metadata } from './metadata.js';
import { checkNames, names } from './options.js';
import type { Response } from './response.js';
import type { StreamState } from './stream.js';
import { wrongType } from './wrong.js';

/** What one message of a stream may set. */
export interface SendOptions {
  /**
   * False: the message leaves as it is although the call compresses. The size of a compressed message tells of a secret
   * that stands beside text which others choose (gRPC's doc/compression.md; CRIME, BREACH). Default: true.
   */
  readonly compress?: boolean | undefined;
}

/** Requests of a stream: any iterable or async iterable. */
export type Requests<I> = Iterable<I> | AsyncIterable<I>;

/** A call that its user has let go of is cancelled. */
const dropped = new FinalizationRegistry<StreamState<never, never>>((state) => state.cancel());

/** @internal */
export const stateOf: <I, O>(call: Call<I, O>) => StreamState<I, O> = (call) => STATE_OF(call);
let STATE_OF: <I, O>(call: Call<I, O>) => StreamState<I, O>;

/**
 * A streaming call. It is cancelled by `cancel()`, by its `AbortSignal`, by leaving a `for await` loop early, and when
 * it is collected as garbage.
 */
export abstract class Call<I, O> {
  readonly #state: StreamState<I, O>;

  static {
    STATE_OF = (call) => call.#state;
  }

  /** Channels make calls; nobody else has what they are made of. */
  constructor(nobody: never);
  /** @internal */
  constructor(state: StreamState<I, O>);
  constructor(state: StreamState<I, O>) {
    this.#state = state;
    const held = state as unknown as StreamState<never, never>;
    dropped.register(this, held, held);
    state.onEnd = () => dropped.unregister(held);
  }

  /** The response headers, as soon as they are there. Rejects if the call fails before. */
  headers(): Promise<Metadata> {
    return this.#state.headers(this);
  }

  /** The trailers, after the end. Rejects if the call fails; the error has them as `metadata`. */
  trailers(): Promise<Metadata> {
    return this.#state.ended(this).then((reply) => reply.trailers);
  }

  /** Ends the call with CANCELLED. `reason` becomes the `cause` of its error. After the end it does nothing. */
  cancel(reason?: unknown): void {
    this.#state.cancel(reason === undefined ? undefined : { cause: reason });
  }

  /** Address of the server, known from the headers on. */
  get peer(): string | undefined {
    return this.#state.peer;
  }

  /** Attempts made, known after the end. */
  get attempts(): number | undefined {
    return this.#state.attempts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
  }

  [inspect.custom](): string {
    return `${this.constructor.name} { peer: ${inspect(this.peer)}, attempts: ${inspect(this.attempts)} }`;
  }
}

/** A stream of responses, read with `for await`. Messages that arrived before a failure are yielded before it throws. */
export class ServerStreamingCall<I, O> extends Call<I, O> implements AsyncIterableIterator<O, undefined> {
  next(): Promise<IteratorResult<O, undefined>> {
    return stateOf(this).next(this);
  }

  /** Reads no further and cancels the call: what leaving a `for await` loop does. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    stateOf(this).return();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** A stream of requests with one response. */
export class ClientStreamingCall<I, O> extends Call<I, O> {
  /**
   * Resolves to true once the message was accepted, to false if the call was over before; `response` tells why.
   * Rejects with REQUEST_INVALID after `closeSend()`.
   */
  async send(message: I, options?: SendOptions): Promise<boolean> {
    return send(this, message, options);
  }

  /** No more requests. */
  closeSend(): void {
    stateOf(this).outbox.close();
  }

  /** The response, after the end. */
  get response(): Promise<Response<O>> {
    return stateOf(this).ended(this);
  }
}

/** A stream of requests that were given with the call, which is a promise of the one response. */
export class ClientStreamingPromise<I, O> extends ClientStreamingCall<I, O> implements Promise<Response<O>> {
  then<A = Response<O>, B = never>(
    onResponse?: ((response: Response<O>) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.response.then(onResponse, onError);
  }

  catch<B = never>(onError?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<Response<O> | B> {
    return this.response.catch(onError);
  }

  finally(onEnd?: (() => void) | null): Promise<Response<O>> {
    return this.response.finally(onEnd);
  }

  get [Symbol.toStringTag](): string {
    return 'ClientStreamingPromise';
  }
}

/** A stream in each direction, independent of each other. */
export class BidirectionalCall<I, O> extends ServerStreamingCall<I, O> {
  /**
   * Resolves to true once the message was accepted, to false if the call was over before; reading tells why.
   * Rejects with REQUEST_INVALID after `closeSend()`.
   */
  async send(message: I, options?: SendOptions): Promise<boolean> {
    return send(this, message, options);
  }

  /** No more requests. */
  closeSend(): void {
    stateOf(this).outbox.close();
  }
}

[Call, ServerStreamingCall, ClientStreamingCall, ClientStreamingPromise, BidirectionalCall].forEach(brand);

function send<I, O>(call: Call<I, O>, message: I, options: SendOptions | undefined): Promise<boolean> {
  const state = stateOf(call);
  return state.outbox.send(state.encode(message), call, options === undefined || compresses(options));
}

const SEND_OPTIONS = names<SendOptions>({ compress: true });

function compresses(options: SendOptions): boolean {
  checkNames('send options', options, SEND_OPTIONS);
  const { compress = true } = options;
  if (typeof compress !== 'boolean') {
    throw wrongType('compress', 'a boolean', compress);
  }
  return compress;
}

/** Sends all of `requests`, then half-closes. What the source throws at any time, a call is cancelled for. @internal */
export async function pump<I, O>(state: StreamState<I, O>, requests: Requests<I>): Promise<void> {
  let iterator: Iterator<I> | AsyncIterator<I> | undefined;
  try {
    iterator = Symbol.asyncIterator in requests ? requests[Symbol.asyncIterator]() : requests[Symbol.iterator]();
    for (;;) {
      const { value, done } = await iterator.next();
      if (done === true) {
        return state.outbox.close();
      }
      if (!(await state.outbox.send(state.encode(value), state))) {
        break;
      }
    }
  } catch (cause) {
    state.cancel({ cause });
  }
  try {
    await iterator?.return?.();
  } catch {
    // the call is over, and its own error says why
  }
}
