import { inspect } from 'node:util';
import { Abort, checkSignal } from './abort.js';
import { type CallListener, listenToCall, listenToChannel, openBorder } from './border.js';
import { brand } from './brand.js';
import { BidirectionalCall, ClientStreamingCall, ClientStreamingPromise, pump, type Requests, ServerStreamingCall } from './call.js';
import type { Client, Service } from './client.js';
import { accepted, rpcError } from './errors.js';
import { Hooks, hookBits } from './hooks.js';
import { pack } from './metadata.js';
import { type AnyMethod, describe, type Kind, KINDS, type RegisteredMethod } from './method.js';
import { native, type NativeChannel } from './native.js';
import { type CallOptions, type ChannelOptions, checkCallOptions, flagsOf, splitOptions } from './options.js';
import type { Response } from './response.js';
import { type ConnectivityState, STATES } from './state.js';
import { StreamState } from './stream.js';
import { UnaryCall } from './unary.js';
import { waitFor, type WaitOptions } from './wait.js';
import { wrongType } from './wrong.js';

/** How much a channel holds at the moment. */
export interface ChannelStats {
  readonly connections: number;
  readonly streams: number;
  readonly tasks: number;
  readonly bufferedBytes: number;
}

type PathOrMethod<I, O, K extends Kind> = string | AnyMethod<I, O, K>;

/** The methods of one kind that the channel knows. Descriptors are not held: a program may make one for each call. */
class Registry {
  readonly #paths = new Map<string, RegisteredMethod<never, unknown>>();
  readonly #descriptors = new WeakMap<object, RegisteredMethod<never, unknown>>();

  get(method: string | object): RegisteredMethod<never, unknown> | undefined {
    return typeof method === 'string' ? this.#paths.get(method) : this.#descriptors.get(method);
  }

  set(method: string | object, registered: RegisteredMethod<never, unknown>): void {
    if (typeof method === 'string') {
      this.#paths.set(method, registered);
    } else {
      this.#descriptors.set(method, registered);
    }
  }
}

/**
 * A channel to a service: connects when it is needed, reconnects, and carries any number of calls at a time.
 *
 * An idle channel does not keep the process alive, a call in flight does. A method is a path with messages as bytes, or
 * a descriptor ({@link AnyMethod}) with messages of its own types.
 */
export class Channel {
  /** As given, but for a user, a password and a query, which may be secrets. */
  readonly target: string;
  readonly #native: NativeChannel;
  readonly #hooks: Hooks;
  readonly #methods = new Map<Kind, Registry>(KINDS.map((kind) => [kind, new Registry()]));

  /**
   * Opens nothing yet. TLS with the system's roots is the default; `tls: null` is plaintext.
   *
   * @param target `dns:///host:port`, `host:port`, `ipv4:…`, `ipv6:…` or `unix:…`
   * @throws RpcError if the target or an option is invalid; `failure.evidence.field` names it.
   */
  constructor(target: string, options: ChannelOptions = {}) {
    if (typeof target !== 'string') {
      throw wrongType('target', 'a string', target);
    }
    const split = splitOptions(options);
    this.#native = accepted(native().openChannel(openBorder(), target, split.json, split.keyPem, hookBits(split)));
    this.target = this.#native.target;
    this.#hooks = new Hooks(this.#native, split);
    listenToChannel(this.#native.id, this.#hooks);
  }

  /** One request, one response. */
  unary(method: string, message: Uint8Array, options?: CallOptions): Promise<Response<Buffer>>;
  unary<I, O>(method: AnyMethod<I, O, 'unary'>, message: I, options?: CallOptions): Promise<Response<O>>;
  unary<I, O>(method: PathOrMethod<I, O, 'unary'>, message: I, options?: CallOptions): Promise<Response<O>> {
    return new Promise((resolve, reject) => {
      const registered = this.#register('unary', method);
      const signal = checkSignal(options?.signal);
      const id = this.#submit(registered, this.#encode(registered, message), options);
      const abort = signal === undefined ? undefined : new Abort(signal, id);
      const held = registered as RegisteredMethod<never, O>;
      listenToCall(id, new UnaryCall(this, this.#native, held, abort, resolve, reject));
    });
  }

  /** One request, any number of responses. */
  serverStreaming(
    method: string,
    message: Uint8Array,
    options?: CallOptions,
  ): ServerStreamingCall<Uint8Array, Buffer>;
  serverStreaming<I, O>(
    method: AnyMethod<I, O, 'serverStreaming'>,
    message: I,
    options?: CallOptions,
  ): ServerStreamingCall<I, O>;
  serverStreaming<I, O>(
    method: PathOrMethod<I, O, 'serverStreaming'>,
    message: I,
    options?: CallOptions,
  ): ServerStreamingCall<I, O> {
    const registered = this.#register('serverStreaming', method);
    return new ServerStreamingCall(this.#stream(registered, this.#encode(registered, message), options));
  }

  /**
   * Any number of requests, one response. Given `requests`, they are sent and the sending side is closed, and the call is
   * a promise of the response.
   */
  clientStreaming(method: string, options?: CallOptions): ClientStreamingCall<Uint8Array, Buffer>;
  clientStreaming(
    method: string,
    requests: Requests<Uint8Array>,
    options?: CallOptions,
  ): ClientStreamingPromise<Uint8Array, Buffer>;
  clientStreaming<I, O>(
    method: AnyMethod<I, O, 'clientStreaming'>,
    options?: CallOptions,
  ): ClientStreamingCall<I, O>;
  clientStreaming<I, O>(
    method: AnyMethod<I, O, 'clientStreaming'>,
    requests: Requests<I>,
    options?: CallOptions,
  ): ClientStreamingPromise<I, O>;
  clientStreaming<I, O>(
    method: PathOrMethod<I, O, 'clientStreaming'>,
    first?: Requests<I> | CallOptions,
    second?: CallOptions,
  ): ClientStreamingCall<I, O> {
    const [requests, options] = requestsAndOptions(first, second);
    const state = this.#stream(this.#register('clientStreaming', method), undefined, options);
    if (requests === undefined) {
      return new ClientStreamingCall(state);
    }
    const call = new ClientStreamingPromise(state);
    void pump(state, requests);
    return call;
  }

  /** Any number of requests and responses. Given `requests`, they are sent and the sending side is closed. */
  bidirectional(method: string, options?: CallOptions): BidirectionalCall<Uint8Array, Buffer>;
  bidirectional(
    method: string,
    requests: Requests<Uint8Array>,
    options?: CallOptions,
  ): BidirectionalCall<Uint8Array, Buffer>;
  bidirectional<I, O>(method: AnyMethod<I, O, 'bidirectional'>, options?: CallOptions): BidirectionalCall<I, O>;
  bidirectional<I, O>(
    method: AnyMethod<I, O, 'bidirectional'>,
    requests: Requests<I>,
    options?: CallOptions,
  ): BidirectionalCall<I, O>;
  bidirectional<I, O>(
    method: PathOrMethod<I, O, 'bidirectional'>,
    first?: Requests<I> | CallOptions,
    second?: CallOptions,
  ): BidirectionalCall<I, O> {
    const [requests, options] = requestsAndOptions(first, second);
    const state = this.#stream(this.#register('bidirectional', method), undefined, options);
    const call = new BidirectionalCall(state);
    if (requests !== undefined) {
      void pump(state, requests);
    }
    return call;
  }

  /** An object with one function per method of a service, also by its `originalName` where it has one. */
  client<S extends Service>(service: S): Client<S> {
    const client: Record<string, unknown> = {};
    for (const [name, method] of Object.entries(service)) {
      const { kind } = describe(method);
      const call = this[kind] as (...args: unknown[]) => unknown;
      client[name] = (...args: unknown[]) => call.call(this, method, ...args);
      const { originalName } = method as { originalName?: string };
      if (originalName !== undefined && !Object.hasOwn(service, originalName)) {
        client[originalName] = client[name];
      }
    }
    return client as Client<S>;
  }

  /** How the channel stands right now. */
  get state(): ConnectivityState {
    return STATES[this.#native.state()] ?? 'SHUTDOWN';
  }

  /** Starts connecting if the channel is idle. */
  connect(): void {
    this.#native.connect();
  }

  /**
   * Resolves to true once the state differs from `last`, to false after `timeoutMs`; rejects with the reason of
   * `signal`. By itself it does not keep the process alive.
   */
  waitForStateChange(last: ConnectivityState, options: WaitOptions = {}): Promise<boolean> {
    if (!STATES.includes(last)) {
      return Promise.reject(new TypeError(`last must be one of ${STATES.join(', ')}`));
    }
    return waitFor(this, () => this.#hooks.changed(last), options);
  }

  /** Ends the waits between connection attempts. */
  resetBackoff(): void {
    this.#native.resetBackoff();
  }

  /** Tells the channel that the machine's network has changed, so that it doubts its connections. */
  networkChanged(): void {
    this.#native.networkChanged();
  }

  stats(): ChannelStats {
    return this.#native.stats();
  }

  /** Ends every call and closes the connections. */
  close(): void {
    this.#native.close();
    this.#hooks.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  [inspect.custom](): string {
    return `Channel { target: ${inspect(this.target)}, state: '${this.state}' }`;
  }

  // --- inside

  #register<I, O>(kind: Kind, method: string | AnyMethod<I, O>): RegisteredMethod<I, O> {
    const registry = this.#methods.get(kind) as Registry;
    const known = registry.get(method);
    if (known !== undefined) {
      return known as unknown as RegisteredMethod<I, O>;
    }
    const described = typeof method === 'string' ? undefined : describe(method);
    if (described !== undefined && described.kind !== kind) {
      throw new TypeError(`${described.path} is ${described.kind}, not ${kind}`);
    }
    const path = described?.path ?? (method as string);
    const registered: RegisteredMethod<I, O> = {
      id: accepted(this.#native.method(path, KINDS.indexOf(kind))),
      encode: described?.encode,
      decode: described?.decode,
      responseType: described?.responseType,
      idempotent: described?.idempotent === true,
    };
    registry.set(method, registered as unknown as RegisteredMethod<never, unknown>);
    return registered;
  }

  #encode<I, O>(method: RegisteredMethod<I, O>, message: I): Uint8Array {
    if (method.encode === undefined) {
      if (!(message instanceof Uint8Array)) {
        throw wrongType('message', 'a Uint8Array', message);
      }
      return message;
    }
    try {
      return method.encode(message);
    } catch (source) {
      throw rpcError(this.#native.encodeFailed(method.id), { source });
    }
  }

  #submit<I, O>(
    method: RegisteredMethod<I, O>,
    message: Uint8Array | undefined,
    options: CallOptions | undefined,
  ): number {
    if (options === undefined) {
      return accepted(this.#native.submit(method.id, message, undefined, undefined, flagsOf({}, method.idempotent)));
    }
    checkCallOptions(options);
    const { metadata, timeoutMs, authority } = options;
    const retry = options.retry === undefined ? undefined : JSON.stringify(options.retry);
    const packed = metadata === undefined ? undefined : pack(metadata);
    const flags = flagsOf(options, method.idempotent);
    return accepted(this.#native.submit(method.id, message, packed, timeoutMs, flags, authority, retry));
  }

  #stream<I, O>(
    method: RegisteredMethod<I, O>,
    message: Uint8Array | undefined,
    options: CallOptions | undefined,
  ): StreamState<I, O> {
    const signal = checkSignal(options?.signal);
    const id = this.#submit(method, message, options);
    const state = new StreamState(id, this, this.#native, method, signal);
    const listener: CallListener = state;
    listenToCall(id, listener);
    return state;
  }
}

brand(Channel);

function requestsAndOptions<I>(
  first: Requests<I> | CallOptions | undefined,
  second: CallOptions | undefined,
): [Requests<I> | undefined, CallOptions | undefined] {
  if (typeof first === 'object' && first !== null && (Symbol.asyncIterator in first || Symbol.iterator in first)) {
    return [first, second];
  }
  if (first !== undefined && (typeof first !== 'object' || first === null)) {
    throw wrongType('requests', 'an iterable or an async iterable', first);
  }
  if (first !== undefined && second !== undefined) {
    throw new TypeError('requests must be an iterable or an async iterable, and call options come last');
  }
  return [undefined, (first as CallOptions | undefined) ?? second];
}
