import { brand } from './brand.js';
import type { Cause, Failure, StatusName } from './generated/causes.js';
import { Metadata } from './metadata.js';
import { type FailedParts, native } from './native.js';

/** Why an error was made on this side. @internal */
export interface Reason {
  /** `signal.reason`, or what `cancel` was given: it becomes the error's `cause`. */
  cause?: unknown;
  /** What the caller's own code threw. */
  source?: unknown;
}

/**
 * A call that ended with any status but OK, or a channel or call that could not be made. One subclass per status code.
 *
 * `message`, `diagnostic()`, `publicMessage()`, `JSON.stringify` and `util.inspect` carry no secret. `details` and
 * `metadata` are the peer's own words, so nothing prints them by itself.
 */
export class RpcError extends Error {
  /** The gRPC status code, 1 to 16. */
  readonly code: number;
  readonly #parts: FailedParts;
  readonly #source: unknown;
  #failure: Failure | undefined;
  #headers: Metadata | undefined;
  #trailers: Metadata | undefined;

  /** Calls make errors, and {@link RpcError.of} does; nobody else has what they are made of. */
  protected constructor();
  /** @internal */
  protected constructor(parts: FailedParts, reason?: Reason);
  protected constructor(parts?: FailedParts, reason?: Reason) {
    if (typeof parts !== 'object' || typeof parts.json !== 'string') {
      throw new TypeError('an RpcError is made by RpcError.of(cause)');
    }
    super(parts.line, reason !== undefined && 'cause' in reason ? { cause: reason.cause } : undefined);
    this.code = parts.code;
    this.#parts = parts;
    this.#source = reason?.source;
  }

  /**
   * The error of a call that failed for this cause, as tests need one: with what the table says of the cause, and what
   * `rest` says differently.
   */
  static of(cause: Cause, rest: Partial<Failure> = {}): RpcError {
    return RpcError.fromRecord({ ...rest, cause });
  }

  /**
   * The error of a record: `error.record`, its JSON, or `error.toJSON()`, its value. That is how one gets to another
   * thread or process; `structuredClone` and `postMessage` keep of any error its message, its stack and its cause only.
   *
   * @throws TypeError if it is no record
   */
  static fromRecord(record: string | { readonly cause: Cause }): RpcError {
    const parts = native().readRecord(typeof record === 'string' ? record : JSON.stringify(record));
    if (parts === undefined || parts === null) {
      throw new TypeError('this is no failure record');
    }
    return RpcError.make(parts);
  }

  /** @internal */
  static make(parts: FailedParts, reason?: Reason): RpcError {
    const type = CLASSES[parts.code - 1] ?? RpcError;
    return new type(parts, reason);
  }

  /** The name of the status code. */
  get status(): StatusName {
    return this.failure.status;
  }

  /** What failed, in which layer, why, whether a retry is safe and what to do: the record, typed. */
  get failure(): Failure {
    this.#failure ??= JSON.parse(this.#parts.json) as Failure;
    return this.#failure;
  }

  /** The record as canonical JSON, byte for byte the same in every language. */
  get record(): string {
    return this.#parts.json;
  }

  /** The server's grpc-message, unchanged; one line of ours where no server spoke. */
  get details(): string {
    return this.#parts.details;
  }

  /** The server's serialized `google.rpc.Status` (`grpc-status-details-bin`). */
  get statusDetails(): Buffer | undefined {
    return this.#parts.statusDetails;
  }

  /** The trailers. */
  get metadata(): Metadata {
    this.#trailers ??= Metadata.received(this.#parts.trailers);
    return this.#trailers;
  }

  /** The response headers, if any came. */
  get headers(): Metadata | undefined {
    if (this.#parts.headers !== undefined) {
      this.#headers ??= Metadata.received(this.#parts.headers);
    }
    return this.#headers;
  }

  /** Address of the server that the last attempt reached. */
  get peer(): string | undefined {
    return this.#parts.peer;
  }

  /** Attempts made, transparent ones included. */
  get attempts(): number {
    return this.#parts.attempts;
  }

  /** Request messages that were accepted and never handed to the wire. */
  get unsent(): number {
    return this.#parts.unsent;
  }

  /** What the caller's own code threw (`encode`, `decode`). Never printed: its text may hold a payload. */
  get source(): unknown {
    return this.#source;
  }

  /** Several lines for whoever operates the program: addresses, certificates, phases, what to do. */
  diagnostic(): string {
    return native().render(this.#parts.json, 1);
  }

  /** For whoever uses the program: no addresses and no names of hosts. */
  publicMessage(): string {
    return native().render(this.#parts.json, 2);
  }

  toJSON(): unknown {
    return JSON.parse(this.#parts.json);
  }
}

export class Cancelled extends RpcError {}
export class Unknown extends RpcError {}
export class InvalidArgument extends RpcError {}
export class DeadlineExceeded extends RpcError {}
export class NotFound extends RpcError {}
export class AlreadyExists extends RpcError {}
export class PermissionDenied extends RpcError {}
export class ResourceExhausted extends RpcError {}
export class FailedPrecondition extends RpcError {}
export class Aborted extends RpcError {}
export class OutOfRange extends RpcError {}
export class Unimplemented extends RpcError {}
export class Internal extends RpcError {}
export class Unavailable extends RpcError {}
export class DataLoss extends RpcError {}
export class Unauthenticated extends RpcError {}

/** By status code, which starts at 1. */
const CLASSES = [
  Cancelled,
  Unknown,
  InvalidArgument,
  DeadlineExceeded,
  NotFound,
  AlreadyExists,
  PermissionDenied,
  ResourceExhausted,
  FailedPrecondition,
  Aborted,
  OutOfRange,
  Unimplemented,
  Internal,
  Unavailable,
  DataLoss,
  Unauthenticated,
] as const;

for (const type of [RpcError, ...CLASSES]) {
  Object.defineProperty(type.prototype, 'name', { value: type.name, writable: true, configurable: true });
  brand(type);
}

/** @internal */
export function rpcError(parts: FailedParts, reason?: Reason, below?: Below): RpcError {
  const error = RpcError.make(parts, reason);
  if (below !== undefined) {
    Error.captureStackTrace(error, below);
  }
  return error;
}

/** Makes an error; the frames of `below` and of what it called are not on its stack. @internal */
export type MakeError = (below?: Below) => unknown;
type Below = () => never;

/**
 * Rejects with an error that is made a moment later: by then V8 knows who waits for the promise that this one settles, and
 * puts the waiting functions and their lines on the stack. A call that succeeds pays nothing for it. @internal
 */
export function rejection(make: MakeError): Promise<never> {
  return SOON.then(nothing).then(function ended(): never {
    throw make(ended);
  });
}

const SOON = Promise.resolve();

function nothing(): void {}

/** Throws where the native half refused an argument. @internal */
export function accepted<T>(result: T | FailedParts): T {
  if (typeof result === 'object' && result !== null && 'json' in result) {
    throw rpcError(result);
  }
  return result as T;
}
