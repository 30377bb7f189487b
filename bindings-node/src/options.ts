/** From the options of JavaScript to the JSON document that the core reads. */
import { rpcError } from './errors.js';
import {
  CHANNEL_OPTION_KEYS,
  type ChannelOptions as CoreOptions,
  type OptionKey,
  type TlsOptions as CoreTls,
} from './generated/options.js';
import type { MetadataInit } from './metadata.js';
import { native } from './native.js';
import { wrongType } from './wrong.js';

/** Asks for a token of one attempt. */
export interface TokenRequest {
  /** `/package.Service/Method` */
  readonly method: string;
  /** `https://host/package.Service`: whom the token is for. */
  readonly audience: string;
  /** Fires when nobody waits for the token any more: its call is over, or the channel is closed. */
  readonly signal: AbortSignal;
}

/** Gives a token. */
export type TokenProvider = (request: TokenRequest) => string | Promise<string>;

/** A line for the program's own logger; free of secrets. */
export interface LogEntry {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly message: string;
  /** Lines that were dropped before this one because too many were waiting. */
  readonly dropped: number;
}

/** What a `resolver` found. */
export interface Resolution {
  /** `ip:port`, `[ip6]:port` or `unix:/path`, in the order in which they are to be tried. */
  readonly addresses: readonly string[];
  /**
   * The gRPC service config, in place of the channel's own. One that is not valid is rejected whole: the last one stays,
   * and without one calls fail with SERVICE_CONFIG_INVALID.
   */
  readonly serviceConfig?: Record<string, unknown> | undefined;
}

/** Addresses alone, or with a service config. */
export type Resolved = readonly string[] | Resolution;

type Pem = string | Uint8Array | null | undefined;

/** TLS material, its PEM as text or bytes. */
export interface TlsOptions extends Omit<CoreTls, 'caPem' | 'certPem' | 'keyPem'> {
  /** PEM certificates of the only CAs to trust. Default: the system's roots. */
  caPem?: Pem;
  /** PEM client certificate chain, leaf first. Needs `keyPem`. */
  certPem?: Pem;
  /** PEM private key of the client certificate. Never shown or logged. */
  keyPem?: Pem;
}

/** How a channel connects and what its calls may do. */
export interface ChannelOptions extends Omit<CoreOptions, 'tls'> {
  /**
   * Transport security. Absent or `{}`: TLS with the system's roots. `null`: plaintext, which is only ever explicit.
   */
  tls?: TlsOptions | null | undefined;
  /**
   * Gives the bearer token of each attempt, sent as `authorization: Bearer …`. What it throws is shown nowhere, and tells
   * by its type and code what the call fails with: CREDENTIALS_UNAVAILABLE, a network fault, where something could not be
   * reached (`fetch failed`, ECONNREFUSED, `AbortSignal.timeout`, an {@link RpcError} that is `Unavailable`), otherwise
   * CREDENTIALS_FAILED.
   */
  tokenProvider?: TokenProvider;
  /**
   * Finds the target's addresses, in place of a name lookup. Asked again after failures, and on the period
   * `dns.refreshMs`. What it throws is shown nowhere; a call then fails with RESOLVER_FAILED, and after an empty list
   * with NAME_NOT_FOUND. The addresses that it gave before stay in use. `signal`
   * fires when nobody waits for them any more, as when the channel is closed.
   */
  resolver?: (target: string, options: { readonly signal: AbortSignal }) => Resolved | Promise<Resolved>;
  /** Gets the channel's log lines. */
  logger?: (entry: LogEntry) => void;
}

/** What one call may set. */
export interface CallOptions {
  metadata?: MetadataInit | undefined;
  /** Bounds the whole call, to the last trailer; sent to the server. Default: none. */
  timeoutMs?: number | undefined;
  /** Cancels the call; the error's `cause` is `signal.reason`. */
  signal?: AbortSignal | undefined;
  /** Wait for a connection instead of failing while there is none. Default: false. */
  waitForReady?: boolean | undefined;
  /** Of the requests. Default: the channel's. */
  compression?: 'identity' | 'gzip' | 'deflate' | 'zstd' | undefined;
  /** The `:authority` of this call. Over TLS the server's certificate must carry it. */
  authority?: string | undefined;
  /** The method may run twice without harm: it may be sent again although the server may have seen it. */
  idempotent?: boolean | undefined;
  /** What follows a failed attempt, instead of what the service config says. Default: what that says. */
  retry?: CallRetry | undefined;
}

/** A duration as protobuf's JSON writes it. */
export type ProtobufDuration = `${number}s`;

/** A status code by number, or by name in any case. */
export type StatusCode = number | string;

/** Attempts that follow each other (gRFC A6). */
export interface RetryPolicy {
  /** The first included: at least 2. The channel's `retry.maxAttempts` bounds it. */
  maxAttempts: number;
  initialBackoff: ProtobufDuration;
  maxBackoff: ProtobufDuration;
  backoffMultiplier: number;
  retryableStatusCodes: readonly StatusCode[];
  /** Time after which an attempt without response headers is given up for the next one. */
  perAttemptRecvTimeout?: ProtobufDuration;
}

/** Attempts that race (gRFC A6). */
export interface HedgingPolicy {
  /** The first included: at least 2. The channel's `retry.maxAttempts` bounds it. */
  maxAttempts: number;
  /** From one attempt to the next. Default: all at once. */
  hedgingDelay?: ProtobufDuration;
  /** Codes that end an attempt and not the call. Default: none. */
  nonFatalStatusCodes?: readonly StatusCode[];
}

/** The retries of one call; `{}`: only what is provably harmless. */
export type CallRetry =
  | { retryPolicy?: RetryPolicy; hedgingPolicy?: undefined }
  | { hedgingPolicy: HedgingPolicy; retryPolicy?: undefined };

/** @internal */
export interface SplitOptions {
  /** The JSON document; the key and the functions are not in it. */
  readonly json: string;
  readonly keyPem: string | undefined;
  readonly tokenProvider: ChannelOptions['tokenProvider'];
  readonly resolver: ChannelOptions['resolver'];
  readonly logger: ChannelOptions['logger'];
}

/** @internal */
export function splitOptions(options: ChannelOptions): SplitOptions {
  if (options === null || typeof options !== 'object' || Array.isArray(options)) {
    throw wrongType('options', 'an object', options);
  }
  const { tokenProvider, resolver, logger, ...rest } = options;
  checkFunction('tokenProvider', tokenProvider);
  checkFunction('resolver', resolver);
  checkFunction('logger', logger);
  const { document, keyPem } = withoutKey(rest);
  return { json: JSON.stringify(toSnakeCase(document, CHANNEL_OPTION_KEYS)), keyPem, tokenProvider, resolver, logger };
}

/** Beside the document: the key. PEM is ASCII, so that bytes are as good as text. */
function withoutKey(options: Omit<ChannelOptions, 'logger'>): { document: object; keyPem: string | undefined } {
  const { tls } = options;
  if (tls === undefined || tls === null || typeof tls !== 'object' || Array.isArray(tls)) {
    return { document: options, keyPem: undefined };
  }
  const { keyPem, caPem, certPem, ...others } = tls;
  const document = { ...options, tls: { ...others, caPem: pem('tls.caPem', caPem), certPem: pem('tls.certPem', certPem) } };
  return { document, keyPem: pem('tls.keyPem', keyPem) };
}

function pem(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null || typeof value === 'string') {
    return value ?? undefined;
  }
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString();
  }
  throw wrongType(name, 'a string or bytes', value);
}

type Keys = Readonly<Record<string, OptionKey>>;

/** Renames the keys that are ours; what is inside `serviceConfig` is the user's own JSON. */
function toSnakeCase(options: object, keys: Keys): Record<string, unknown> {
  const entries = Object.entries(options).map(([name, value]: [string, unknown]) => {
    checkData(name, value);
    const known = keys[name];
    const inside = known?.inside;
    const nested = inside !== undefined && typeof value === 'object' && value !== null && !Array.isArray(value);
    return [known?.key ?? snakeCase(name), nested ? toSnakeCase(value, inside) : value];
  });
  return Object.fromEntries(entries) as Record<string, unknown>;
}

/** For a key that nobody knows, so that the error names it as every language does. */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function checkData(name: string, value: unknown): void {
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') {
    throw new TypeError(`${name} must not be a ${typeof value}`);
  }
}

function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') {
    throw wrongType(name, 'a function', value);
  }
}

const COMPRESSIONS: readonly string[] = ['identity', 'gzip', 'deflate', 'zstd'];
/** A name that the native half refuses with the field's path. */
const UNKNOWN_COMPRESSION = 7;

/** The bits that `native/channel.rs` reads. `declared`: the method itself is idempotent. @internal */
export function flagsOf(options: CallOptions, declared: boolean): number {
  const { waitForReady, idempotent = declared, compression } = options;
  checkBoolean('waitForReady', waitForReady);
  checkBoolean('idempotent', idempotent);
  let flags = waitForReady === undefined ? 0 : waitForReady ? 2 : 1;
  flags |= idempotent === true ? 1 << 2 : 0;
  if (compression !== undefined) {
    if (typeof compression !== 'string') {
      throw wrongType('compression', 'a string', compression);
    }
    flags |= (COMPRESSIONS.indexOf(compression) + 1 || UNKNOWN_COMPRESSION) << 3;
  }
  return flags;
}

const CALL_OPTIONS = names<CallOptions>({
  metadata: true,
  timeoutMs: true,
  signal: true,
  waitForReady: true,
  compression: true,
  authority: true,
  idempotent: true,
  retry: true,
});

/** @internal */
export function checkCallOptions(options: CallOptions): void {
  if (options === null || typeof options !== 'object' || Symbol.iterator in options) {
    throw notOptions('call options', options, CALL_OPTIONS);
  }
  for (const name in options) {
    // As `checkNames`, but calls are many: a switch takes a third of the time of a set.
    switch (name as keyof CallOptions) {
      case 'metadata':
      case 'timeoutMs':
      case 'signal':
      case 'waitForReady':
      case 'compression':
      case 'authority':
      case 'idempotent':
      case 'retry':
        break;
      default:
        refuseName(options, name, CALL_OPTIONS);
    }
  }
  if (options.timeoutMs !== undefined && typeof options.timeoutMs !== 'number') {
    throw wrongType('timeoutMs', 'a number', options.timeoutMs);
  }
  if (options.retry !== undefined && (options.retry === null || typeof options.retry !== 'object')) {
    throw wrongType('retry', 'an object', options.retry);
  }
  if (options.authority !== undefined && typeof options.authority !== 'string') {
    throw wrongType('authority', 'a string', options.authority);
  }
}

/** The names of an options object: its type demands each of them and no other. @internal */
export type Names = ReadonlySet<string>;

/** @internal */
export function names<T>(all: Record<keyof T & string, true>): Names {
  return new Set(Object.keys(all));
}

/**
 * Refuses what is no options object, and a name that nobody knows: what is not read has no effect, and nobody would hear
 * of it. Names that are inherited count, too, as those of an `AbortSignal` are. @internal
 */
export function checkNames(what: string, options: object, known: Names): void {
  if (options === null || typeof options !== 'object' || Symbol.iterator in options) {
    throw notOptions(what, options, known);
  }
  for (const name in options) {
    if (!known.has(name)) {
      refuseName(options, name, known);
    }
  }
}

function notOptions(what: string, value: unknown, known: Names): TypeError {
  return wrongType(what, `an object with any of ${[...known].join(', ')}`, value);
}

function refuseName(options: object, name: string, known: Names): void {
  if ((options as Record<string, unknown>)[name] !== undefined) {
    throw rpcError(native().unknownOption(snakeCase(name), name, [...known]));
  }
}

function checkBoolean(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') {
    throw wrongType(name, 'a boolean', value);
  }
}
