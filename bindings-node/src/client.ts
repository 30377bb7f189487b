import type { BidirectionalCall, ClientStreamingCall, ClientStreamingPromise, Requests, ServerStreamingCall } from './call.js';
import type { AnyMethod, GrpcJsMethod, Method } from './method.js';
import type { CallOptions } from './options.js';
import type { Response } from './response.js';

/** The methods of a service by the names that its client shall have. */
export type Service = { readonly [name: string]: AnyMethod<never, unknown> };

type Unary<I, O> = (message: I, options?: CallOptions) => Promise<Response<O>>;
type ServerStreaming<I, O> = (message: I, options?: CallOptions) => ServerStreamingCall<I, O>;
interface ClientStreaming<I, O> {
  (options?: CallOptions): ClientStreamingCall<I, O>;
  (requests: Requests<I>, options?: CallOptions): ClientStreamingPromise<I, O>;
}
interface Bidirectional<I, O> {
  (options?: CallOptions): BidirectionalCall<I, O>;
  (requests: Requests<I>, options?: CallOptions): BidirectionalCall<I, O>;
}

type ByKind<I, O> = {
  unary: Unary<I, O>;
  serverStreaming: ServerStreaming<I, O>;
  clientStreaming: ClientStreaming<I, O>;
  bidirectional: Bidirectional<I, O>;
};

type ByStreams<I, O, Req, Res> = Req extends true
  ? Res extends true
    ? Bidirectional<I, O>
    : ClientStreaming<I, O>
  : Res extends true
    ? ServerStreaming<I, O>
    : Unary<I, O>;

type CallOf<M> =
  M extends Method<infer I, infer O, infer K>
    ? ByKind<I, O>[K]
    : M extends GrpcJsMethod<infer I, infer O>
      ? ByStreams<I, O, M['requestStream'], M['responseStream']>
      : never;

/** The name in the proto where proto-loader has another one for the method (`get` of `Get`). */
type OriginalName<M> = M extends { readonly originalName: infer N extends string } ? N : never;

/** One function per method, by both names where it has two. */
export type Client<S extends Service> = { readonly [N in keyof S]: CallOf<S[N]> } & {
  readonly [N in keyof S as OriginalName<S[N]>]: CallOf<S[N]>;
};
