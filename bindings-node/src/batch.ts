/** Reads the batches that `native/batch.rs` writes; their layout is described there. */
import { markAsUntransferable } from 'node:worker_threads';
import type { CallListener, ChannelListener } from './border.js';
import type { FailedParts } from './native.js';
import { Response } from './response.js';
import { STATES } from './state.js';

const enum Tag {
  Reply,
  Headers,
  Messages,
  Room,
  Failed,
  Slab,
  Peer,
  Token,
  Resolve,
  Log,
  State,
  AskCancelled,
}

/** Words of a record of each tag; `Messages` has two more for each message. */
const SIZES: readonly number[] = [11, 6, 4, 3, 4, 2, 3, 6, 5, 6, 5, 4];

const HIGH = 2 ** 32;
const NONE = Buffer.alloc(0);

/** @internal */
export interface Listeners {
  call(id: number): CallListener | undefined;
  /** The call's listener, which is let go of. */
  ended(id: number): CallListener | undefined;
  channel(id: number): ChannelListener | undefined;
}

/** @internal */
export class BatchReader {
  readonly #listeners: Listeners;
  readonly #peers: string[] = [];
  #words: Int32Array = new Int32Array(0);
  #slab: Buffer = NONE;
  #slabMemory: ArrayBufferLike = NONE.buffer;
  #slabStart = 0;
  #extras: unknown[] = [];
  #at = 0;
  /** Where the record begins that is being read, and whose it is. */
  #start = 0;
  #call: CallListener | undefined;

  constructor(listeners: Listeners) {
    this.#listeners = listeners;
  }

  deliver(words: number, extras: unknown[] | undefined, header: Buffer | undefined): void {
    if (header !== undefined) {
      this.#words = new Int32Array(header.buffer, header.byteOffset, header.length / 4);
    }
    this.#extras = extras ?? [];
    this.#at = 0;
    while (this.#at < words) {
      try {
        while (this.#at < words) {
          this.#start = this.#at;
          this.#record(this.#word());
        }
      } catch (error) {
        this.#recover(error);
      }
    }
    this.#extras = [];
  }

  /** What is thrown over one record is the failure of its call, and the rest of the batch has to come through. */
  #recover(error: unknown): void {
    const tag = this.#words[this.#start] as Tag;
    this.#at = this.#start + 1;
    const id = this.#id();
    const messages = tag === Tag.Messages ? this.#word() : 0;
    this.#at = this.#start + (SIZES[tag] as number) + 2 * messages;
    try {
      if (this.#call === undefined) {
        throw error;
      }
      this.#listeners.ended(id);
      this.#call.onFault(error);
    } catch (unheard) {
      // As an event listener's: not ours to swallow.
      queueMicrotask(() => {
        throw unheard;
      });
    }
  }

  #record(tag: Tag): void {
    switch (tag) {
      case Tag.Reply:
        return this.#reply();
      case Tag.Messages:
        return this.#messages();
      case Tag.Slab:
        this.#slab = this.#extra() as Buffer;
        this.#slabMemory = this.#slab.buffer;
        this.#slabStart = this.#slab.byteOffset;
        // A view that is sent with a transfer list is cloned, as those of Node's own pool are: the slab has others.
        markAsUntransferable(this.#slabMemory as ArrayBuffer);
        return;
      case Tag.Peer: {
        const slot = this.#word();
        this.#peers[slot] = this.#extra() as string;
        return;
      }
      case Tag.Headers: {
        const call = (this.#call = this.#listeners.call(this.#id()));
        const headers = this.#payload();
        const peer = this.#peers[this.#word()];
        return call?.onHeaders(headers ?? NONE, peer);
      }
      case Tag.Room:
        this.#call = this.#listeners.call(this.#id());
        return this.#call?.onRoom();
      case Tag.Failed: {
        const call = (this.#call = this.#listeners.ended(this.#id()));
        const parts = this.#extra() as FailedParts;
        return call?.onFailure(parts);
      }
      default:
        return this.#channelRecord(tag);
    }
  }

  #reply(): void {
    const call = (this.#call = this.#listeners.ended(this.#id()));
    const message = this.#payload();
    const headerBuffer = this.#bufferOfNext();
    const headerAt = Math.max(this.#word(), 0);
    const headerLength = this.#word();
    const trailerBuffer = this.#bufferOfNext();
    const trailerAt = Math.max(this.#word(), 0);
    const trailerLength = this.#word();
    const peer = this.#peers[this.#word()];
    const attempts = this.#word();
    call?.onReply(
      new Response(
        message,
        peer,
        attempts,
        headerBuffer,
        headerAt,
        headerLength,
        trailerBuffer,
        trailerAt,
        trailerLength,
      ),
    );
  }

  #messages(): void {
    const call = (this.#call = this.#listeners.call(this.#id()));
    const count = this.#word();
    const words = this.#words;
    const memory = this.#slabMemory as ArrayBuffer;
    const start = this.#slabStart;
    const messages: Buffer[] = [];
    let at = this.#at;
    for (let index = 0; index < count; index++) {
      const offset = words[at++] as number;
      const length = words[at++] as number;
      messages.push(offset < 0 ? (this.#extras[-1 - offset] as Buffer) : view(memory, start + offset, length));
    }
    this.#at = at;
    call?.onMessages(messages);
  }

  #channelRecord(tag: Tag): void {
    this.#call = undefined;
    const id = this.#id();
    const channel = this.#listeners.channel(this.#word());
    switch (tag) {
      case Tag.Token: {
        const method = this.#extra() as string;
        const audience = this.#extra() as string;
        return channel?.onToken(id, method, audience);
      }
      case Tag.Resolve: {
        const target = this.#extra() as string;
        return channel?.onResolve(id, target);
      }
      case Tag.AskCancelled:
        return channel?.onAskCancelled(id);
      case Tag.Log: {
        const level = this.#word();
        const text = this.#extra() as string;
        return channel?.onLog(level, text, id);
      }
      default: {
        const state = STATES[this.#word()];
        return state === undefined ? undefined : channel?.onState(id, state);
      }
    }
  }

  #word(): number {
    return this.#words[this.#at++] as number;
  }

  /** 53 bits in two words. */
  #id(): number {
    const low = this.#word();
    const high = this.#word();
    return high === 0 && low >= 0 ? low : high * HIGH + (low >>> 0);
  }

  #extra(): unknown {
    return this.#extras[this.#word()];
  }

  #payload(): Buffer | undefined {
    const at = this.#word();
    const length = this.#word();
    if (length < 0) {
      return undefined;
    }
    return at < 0
      ? (this.#extras[-1 - at] as Buffer)
      : view(this.#slabMemory as ArrayBuffer, this.#slabStart + at, length);
  }

  /** Where the payload whose offset is next lies. */
  #bufferOfNext(): Buffer {
    const at = this.#words[this.#at] as number;
    return at < 0 ? (this.#extras[-1 - at] as Buffer) : this.#slab;
  }
}

/** An empty payload lies nowhere: before the first slab there is none. */
function view(memory: ArrayBuffer, start: number, length: number): Buffer {
  return length === 0 ? Buffer.alloc(0) : Buffer.from(memory, start, length);
}
