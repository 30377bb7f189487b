import { border } from './border.js';
import type { RpcError } from './errors.js';

const FULL = 1;
const ENDED = 2;

interface Waiting {
  readonly message: Uint8Array;
  readonly compress: boolean;
  readonly resolve: (accepted: boolean) => void;
  /** What must not be collected meanwhile. */
  readonly holder: object;
}

/** The sending side of a call: hands messages over in order, as far as there is room. @internal */
export class Outbox {
  readonly #call: number;
  readonly #closed: () => RpcError;
  readonly #waiting: Waiting[] = [];
  #full = false;
  #closing = false;
  #ended = false;

  /** `closed` makes the error of a message that comes after `close`. */
  constructor(call: number, closed: () => RpcError) {
    this.#call = call;
    this.#closed = closed;
  }

  /** True once the message was accepted, false if the call was over before. Rejects after `close`. */
  send(message: Uint8Array, holder: object, compress = true): Promise<boolean> {
    if (this.#closing) {
      return Promise.reject(this.#closed());
    }
    if (this.#ended) {
      return Promise.resolve(false);
    }
    if (!this.#full) {
      return Promise.resolve(this.#hand(message, compress));
    }
    return new Promise((resolve) => this.#waiting.push({ message, compress, resolve, holder }));
  }

  /** Half-closes after what still waits. */
  close(): void {
    if (this.#closing) {
      return;
    }
    this.#closing = true;
    if (this.#waiting.length === 0 && !this.#ended) {
      border.closeSend(this.#call);
    }
  }

  onRoom(): void {
    this.#full = false;
    while (!this.#full && this.#waiting.length > 0) {
      const { message, compress, resolve } = this.#waiting.shift() as Waiting;
      resolve(this.#hand(message, compress));
    }
    if (this.#closing && this.#waiting.length === 0) {
      border.closeSend(this.#call);
    }
  }

  end(): void {
    this.#ended = true;
    this.#waiting.splice(0).forEach((waiting) => waiting.resolve(false));
  }

  #hand(message: Uint8Array, compress: boolean): boolean {
    const sent = compress ? border.send(this.#call, message) : border.sendUncompressed(this.#call, message);
    this.#full = sent === FULL;
    this.#ended ||= sent === ENDED;
    return sent !== ENDED;
  }
}
