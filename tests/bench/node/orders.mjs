// The service by its proto, for clients that take descriptors of grpc-js.
import { loadSync } from '@grpc/proto-loader';
import { PROTO } from './shared.mjs';

export const service = loadSync(PROTO, { longs: Number })['bench.Echo'];
