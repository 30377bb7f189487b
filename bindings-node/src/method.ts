import { wrongType } from './wrong.js';

/** The four kinds of calls. */
export type Kind = 'unary' | 'serverStreaming' | 'clientStreaming' | 'bidirectional';

/** By the number that crosses. @internal */
export const KINDS: readonly Kind[] = ['unary', 'serverStreaming', 'clientStreaming', 'bidirectional'];

/** A method with its message types: what generated code knows and a path alone does not. */
export interface Method<I, O, K extends Kind = Kind> {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly kind: K;
  /** Serializes a request. If it throws, the call fails with REQUEST_INVALID before anything is sent. */
  readonly encode: (message: I) => Uint8Array;
  /** Parses a response. If it throws, the call fails with RESPONSE_DECODE_FAILED. */
  readonly decode: (bytes: Buffer) => O;
  /** Name of the response type, for the failure record. */
  readonly responseType?: string;
  /** The method may run twice without harm, as `idempotency_level` in its proto says. Default: false. */
  readonly idempotent?: boolean;
}

/**
 * A method as ts-proto (`outputServices=grpc-js`), grpc-tools and proto-loader describe it; taken where a
 * {@link Method} is.
 */
export interface GrpcJsMethod<I, O> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (message: I) => Uint8Array;
  readonly responseDeserialize: (bytes: Buffer) => O;
  /** Another name of the method: `get` where proto-loader has it as `Get`. */
  readonly originalName?: string;
  /** As proto-loader has them. */
  readonly options?: { readonly idempotency_level?: string };
}

/** A method of either description. */
export type AnyMethod<I, O, K extends Kind = Kind> = Method<I, O, K> | GrpcJsMethod<I, O>;

/** A method that a channel knows by number. @internal */
export interface RegisteredMethod<I, O> {
  readonly id: number;
  readonly encode: ((message: I) => Uint8Array) | undefined;
  readonly decode: ((bytes: Buffer) => O) | undefined;
  readonly responseType: string | undefined;
  readonly idempotent: boolean;
}

const IDEMPOTENT: readonly (string | undefined)[] = ['IDEMPOTENT', 'NO_SIDE_EFFECTS'];

/** The two descriptions as one. @internal */
export function describe<I, O>(method: AnyMethod<I, O>): Method<I, O> {
  if (method === null || typeof method !== 'object' || typeof method.path !== 'string') {
    throw wrongType('method', 'a path or a method descriptor', method);
  }
  const described = 'requestSerialize' in method ? fromGrpcJs(method) : method;
  if (typeof described.encode !== 'function' || typeof described.decode !== 'function') {
    throw new TypeError('a method descriptor needs encode and decode functions');
  }
  if (described.responseType !== undefined && typeof described.responseType !== 'string') {
    throw wrongType('responseType of a method descriptor', 'a string', described.responseType);
  }
  if (!KINDS.includes(described.kind)) {
    throw new TypeError(`kind of a method descriptor must be one of ${KINDS.join(', ')}`);
  }
  return described;
}

function fromGrpcJs<I, O>(method: GrpcJsMethod<I, O>): Method<I, O> {
  const streamed = (method.responseStream ? 1 : 0) + (method.requestStream ? 2 : 0);
  return {
    path: method.path,
    kind: KINDS[streamed] as Kind,
    encode: method.requestSerialize,
    decode: method.responseDeserialize,
    idempotent: IDEMPOTENT.includes(method.options?.idempotency_level),
  };
}
