/** Tells by types and codes, never by a text, that what a hook depends on could not be reached. */
import { RpcError } from './errors.js';

const UNAVAILABLE = 14;
const DEADLINE_EXCEEDED = 4;

/** Of the system's calls, of getaddrinfo and of c-ares (`node:dns`). */
const SYSTEM = [
  ['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENETDOWN', 'ENETUNREACH', 'ENETRESET'],
  ['EHOSTDOWN', 'EHOSTUNREACH', 'EADDRNOTAVAIL'],
  ['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'ENODATA', 'ESERVFAIL', 'ETIMEOUT'],
].flat();

/** Of undici, which is `fetch`; of `node:http2`; and of axios. */
const CLIENTS = [
  ['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_SOCKET'],
  ['ERR_HTTP2_SESSION_ERROR', 'ERR_HTTP2_GOAWAY_SESSION', 'ERR_NETWORK'],
].flat();

const UNREACHABLE: ReadonlySet<unknown> = new Set([...SYSTEM, ...CLIENTS]);

/** Of `AbortSignal.timeout`. */
const TIMEOUT_ERROR = 'TimeoutError';

/** An error within an error within … may be a circle. */
const DEEPEST = 8;

/** @internal */
export function isUnreachable(error: unknown, depth = 0): boolean {
  if (!(typeof error === 'object' && error !== null) || depth === DEEPEST) {
    return false;
  }
  if (error instanceof RpcError) {
    return error.code === UNAVAILABLE || error.code === DEADLINE_EXCEEDED;
  }
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown };
  if (UNREACHABLE.has(code) || (error instanceof DOMException && error.name === TIMEOUT_ERROR)) {
    return true;
  }
  // All of an `AggregateError` are as good as the first: each address of a name was tried.
  const inner = Array.isArray(errors) && errors.length > 0 ? (errors as unknown[]) : [cause];
  return inner.every((one) => isUnreachable(one, depth + 1));
}
