/** The inside of a streaming call. The object that the user holds is `call.ts`; only that one is collected. */
import { Abort } from './abort.js';
import { border, type CallListener } from './border.js';
import { type MakeError, type Reason, rejection, type RpcError, rpcError } from './errors.js';
import { Metadata } from './metadata.js';
import type { RegisteredMethod } from './method.js';
import type { FailedParts, NativeChannel } from './native.js';
import { Outbox } from './outbox.js';
import { Response } from './response.js';
import { wrongType } from './wrong.js';

/** A promise that is waited for. `holder` is what must not be collected meanwhile. */
interface Waiter<T> {
  readonly resolve: (value: T | Promise<T>) => void;
  readonly holder: object;
}

type Ended<O> = { readonly reply: Response<O> } | Failing;

/** A failure whose error is made when somebody gets it, with the stack of whoever that is. */
class Failing {
  #make: MakeError | undefined;
  #error: unknown;

  constructor(make: MakeError) {
    this.#make = make;
  }

  readonly error: MakeError = (below) => {
    if (this.#make !== undefined) {
      this.#error = this.#make(below);
      this.#make = undefined;
    }
    return this.#error;
  };

  /** For a promise that somebody waits for already. */
  rejection(): Promise<never> {
    return rejection(this.error);
  }
}

const DONE: IteratorReturnResult<undefined> = { value: undefined, done: true };

/** @internal */
export class StreamState<I, O> implements CallListener {
  readonly outbox: Outbox;
  peer: string | undefined;
  attempts: number | undefined;
  /** Called once, at the end. */
  onEnd: (() => void) | undefined;

  #headers: Metadata | undefined;
  #ended: Ended<O> | undefined;
  #failure: Failing | undefined;
  #reason: Reason | undefined;
  #abort: Abort | undefined;
  #returned = false;

  /** The list that is being read, and those after it. */
  #list: (Buffer | undefined)[] = [];
  #index = 0;
  readonly #lists: Buffer[][] = [];

  readonly #readers: Waiter<IteratorResult<O, undefined>>[] = [];
  readonly #headerWaiters: Waiter<Metadata>[] = [];
  readonly #endWaiters: Waiter<Response<O>>[] = [];

  constructor(
    readonly id: number,
    /** Held so that the channel, whose functions the call may need, lives as long as the call. */
    readonly channel: object,
    readonly native: NativeChannel,
    readonly method: RegisteredMethod<I, O>,
    signal: AbortSignal | undefined,
  ) {
    this.outbox = new Outbox(id, () => rpcError(native.sendingClosed(method.id)));
    this.#abort = signal === undefined ? undefined : new Abort(signal, id);
  }

  // --- news

  onHeaders(packed: Buffer, peer: string | undefined): void {
    this.peer = peer;
    this.#gotHeaders(Metadata.received(packed));
  }

  onMessages(messages: Buffer[]): void {
    if (this.#returned || this.#failure !== undefined) {
      return;
    }
    this.#lists.push(messages);
    while (this.#readers.length > 0 && this.#hasMessage()) {
      this.#settle(this.#readers.shift() as Waiter<IteratorResult<O, undefined>>);
    }
  }

  onRoom(): void {
    this.outbox.onRoom();
  }

  onReply(reply: Response<Buffer | undefined>): void {
    this.peer = reply.peer ?? this.peer;
    this.attempts = reply.attempts;
    this.#gotHeaders(reply.headers);
    const { decode } = this.method;
    const { message } = reply;
    if (message === undefined || decode === undefined) {
      this.#end({ reply: reply as Response<O> });
      return;
    }
    try {
      this.#end({ reply: reply.with(decode(message)) });
    } catch (source) {
      this.#end(this.#undecoded(source));
    }
  }

  onFailure(parts: FailedParts): void {
    this.peer = parts.peer ?? this.peer;
    this.attempts = parts.attempts;
    if (parts.headers !== undefined) {
      this.#gotHeaders(Metadata.received(parts.headers));
    }
    const reason = this.#reason ?? this.#abort?.reason(parts);
    this.#end(this.#failure ?? new Failing((below) => rpcError(parts, reason, below)));
  }

  onFault(error: unknown): void {
    border.cancel(this.id);
    this.#abort = undefined;
    this.#end(new Failing(() => error));
  }

  // --- the user

  /** Resets the stream. The end still comes; `reason` becomes the cause of its error. */
  cancel(reason?: Reason): void {
    if (this.#ended === undefined) {
      this.#reason ??= reason;
      border.cancel(this.id);
    }
  }

  /** Resets the stream because of a failure on this side. */
  fail(error: RpcError): void {
    this.#fail(new Failing(() => error));
  }

  #fail(failure: Failing): void {
    if (this.#ended === undefined) {
      this.#failure ??= failure;
      border.cancel(this.id);
    }
  }

  encode(message: I): Uint8Array {
    const { encode } = this.method;
    if (encode === undefined) {
      if (!(message instanceof Uint8Array)) {
        throw wrongType('message', 'a Uint8Array', message);
      }
      return message;
    }
    try {
      return encode(message);
    } catch (source) {
      const error = rpcError(this.native.encodeFailed(this.method.id), { source });
      this.fail(error);
      throw error;
    }
  }

  next(holder: object): Promise<IteratorResult<O, undefined>> {
    if (this.#index < this.#list.length && this.#failure === undefined) {
      return this.#nextMessage();
    }
    return new Promise((resolve) => {
      const waiter = { resolve, holder };
      if (this.#readers.length === 0 && (this.#returned || this.#hasMessage() || this.#ended !== undefined)) {
        this.#settle(waiter);
      } else {
        this.#readers.push(waiter);
      }
    });
  }

  /** The reader wants no more. */
  return(): void {
    this.#returned = true;
    this.#lists.length = 0;
    this.#list = [];
    this.cancel();
    this.#readers.splice(0).forEach((reader) => reader.resolve(DONE));
  }

  headers(holder: object): Promise<Metadata> {
    return new Promise((resolve, reject) => {
      if (this.#headers !== undefined) {
        resolve(this.#headers);
      } else if (this.#ended instanceof Failing) {
        reject(this.#ended.error());
      } else {
        this.#headerWaiters.push({ resolve, holder });
      }
    });
  }

  ended(holder: object): Promise<Response<O>> {
    return new Promise((resolve, reject) => {
      if (this.#ended === undefined) {
        this.#endWaiters.push({ resolve, holder });
      } else if (this.#ended instanceof Failing) {
        reject(this.#ended.error());
      } else {
        resolve(this.#ended.reply);
      }
    });
  }

  // --- inside

  #hasMessage(): boolean {
    if (this.#index < this.#list.length) {
      return true;
    }
    const list = this.#lists.shift();
    if (list === undefined) {
      return false;
    }
    this.#list = list;
    this.#index = 0;
    return true;
  }

  /** For a reader that has something to get: a message, or the end. */
  #settle(reader: Waiter<IteratorResult<O, undefined>>): void {
    if (this.#returned) {
      reader.resolve(DONE);
    } else if (this.#failure === undefined && this.#hasMessage()) {
      this.#settleMessage(reader);
    } else if (this.#failure !== undefined) {
      reader.resolve(this.#failure.rejection());
      this.#returned = true;
    } else if (this.#ended instanceof Failing) {
      reader.resolve(this.#ended.rejection());
      this.#returned = true;
    } else {
      reader.resolve(DONE);
    }
  }

  #settleMessage(reader: Waiter<IteratorResult<O, undefined>>): void {
    reader.resolve(this.#nextMessage());
  }

  /** The message at hand: nobody else waits for it, because whoever waits does so for want of one. */
  #nextMessage(): Promise<IteratorYieldResult<O>> {
    const message = this.#list[this.#index] as Buffer;
    this.#list[this.#index++] = undefined;
    if (this.#index === this.#list.length && this.#ended === undefined) {
      border.credit(this.id, this.#list.length);
    }
    const { decode } = this.method;
    if (decode === undefined) {
      return Promise.resolve({ value: message as O, done: false });
    }
    try {
      return Promise.resolve({ value: decode(message), done: false });
    } catch (source) {
      const failure = this.#undecoded(source);
      this.#fail(failure);
      this.return();
      return failure.rejection();
    }
  }

  #undecoded(source: unknown): Failing {
    const parts = this.native.decodeFailed(this.method.id, this.peer, this.method.responseType);
    return new Failing((below) => rpcError(parts, { source }, below));
  }

  #gotHeaders(headers: Metadata): void {
    if (this.#headers === undefined) {
      this.#headers = headers;
      this.#headerWaiters.splice(0).forEach((waiter) => waiter.resolve(headers));
    }
  }

  #end(ended: Ended<O>): void {
    this.#ended = ended;
    this.#abort?.end();
    this.#abort = undefined;
    this.outbox.end();
    if (ended instanceof Failing) {
      this.#headerWaiters.splice(0).forEach((waiter) => waiter.resolve(ended.rejection()));
    }
    this.#endWaiters.splice(0).forEach((waiter) => settleEnd(waiter, ended));
    this.#readers.splice(0).forEach((reader) => this.#settle(reader));
    this.onEnd?.();
  }
}

function settleEnd<O>(waiter: Waiter<Response<O>>, ended: Ended<O>): void {
  waiter.resolve(ended instanceof Failing ? ended.rejection() : ended.reply);
}
