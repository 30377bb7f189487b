/** A gRPC client whose every failure says what failed, where, whether it is safe to retry and what to do. */
export {
  BidirectionalCall,
  Call,
  ClientStreamingCall,
  ClientStreamingPromise,
  ServerStreamingCall,
  type Requests,
  type SendOptions,
} from './call.js';
export { Channel, type ChannelStats } from './channel.js';
export type { Client, Service } from './client.js';
export {
  Aborted,
  AlreadyExists,
  Cancelled,
  DataLoss,
  DeadlineExceeded,
  FailedPrecondition,
  Internal,
  InvalidArgument,
  NotFound,
  OutOfRange,
  PermissionDenied,
  ResourceExhausted,
  RpcError,
  Unauthenticated,
  Unavailable,
  Unimplemented,
  Unknown,
} from './errors.js';
export * from './generated/causes.js';
export { Metadata, type MetadataInit, type MetadataValue } from './metadata.js';
export type { AnyMethod, GrpcJsMethod, Kind, Method } from './method.js';
export type { CallOptions, ChannelOptions, LogEntry, Resolution, Resolved, TlsOptions, TokenProvider, TokenRequest } from './options.js';
export { Response } from './response.js';
export type { ConnectivityState } from './state.js';
export type { WaitOptions } from './wait.js';
