import { inspect } from 'node:util';
import { brand } from './brand.js';
import { Metadata } from './metadata.js';

/** A call that the server answered with OK. */
export class Response<T> {
  /** The response message. */
  readonly message: T;
  /** Address of the server that answered. */
  readonly peer: string | undefined;
  /** Attempts made, transparent ones included. */
  readonly attempts: number;
  #headers: Metadata | undefined;
  #trailers: Metadata | undefined;
  readonly #headerBuffer: Buffer;
  readonly #headerAt: number;
  readonly #headerLength: number;
  readonly #trailerBuffer: Buffer;
  readonly #trailerAt: number;
  readonly #trailerLength: number;

  /** Calls make responses; nobody else has what they are made of. */
  constructor(nobody: never, ...nothing: never[]);
  /** @internal */
  constructor(
    message: T,
    peer: string | undefined,
    attempts: number,
    headerBuffer: Buffer,
    headerAt: number,
    headerLength: number,
    trailerBuffer: Buffer,
    trailerAt: number,
    trailerLength: number,
  );
  constructor(
    message: T,
    peer: string | undefined,
    attempts: number,
    headerBuffer: Buffer,
    headerAt: number,
    headerLength: number,
    trailerBuffer: Buffer,
    trailerAt: number,
    trailerLength: number,
  ) {
    this.message = message;
    this.peer = peer;
    this.attempts = attempts;
    this.#headerBuffer = headerBuffer;
    this.#headerAt = headerAt;
    this.#headerLength = headerLength;
    this.#trailerBuffer = trailerBuffer;
    this.#trailerAt = trailerAt;
    this.#trailerLength = trailerLength;
  }

  get headers(): Metadata {
    const start = this.#headerAt;
    this.#headers ??= Metadata.received(this.#headerBuffer.subarray(start, start + this.#headerLength));
    return this.#headers;
  }

  get trailers(): Metadata {
    const start = this.#trailerAt;
    this.#trailers ??= Metadata.received(this.#trailerBuffer.subarray(start, start + this.#trailerLength));
    return this.#trailers;
  }

  /** The same with another message. @internal */
  with<U>(message: U): Response<U> {
    return new Response(
      message,
      this.peer,
      this.attempts,
      this.#headerBuffer,
      this.#headerAt,
      this.#headerLength,
      this.#trailerBuffer,
      this.#trailerAt,
      this.#trailerLength,
    );
  }

  /** Without the message: a payload does not belong into a log. */
  [inspect.custom](): string {
    const size = this.message instanceof Uint8Array ? `${this.message.length} bytes` : typeof this.message;
    return `Response { message: ${size}, peer: ${inspect(this.peer)}, attempts: ${this.attempts} }`;
  }
}

brand(Response);
