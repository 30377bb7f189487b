import { checkSignal } from './abort.js';
import { checkNames, names } from './options.js';
import { wrongType } from './wrong.js';

/** Bounds a wait. */
export interface WaitOptions {
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

const WAIT_OPTIONS = names<WaitOptions>({ timeoutMs: true, signal: true });

/** The longest that a timer takes; it takes more for 1 ms. */
const LONGEST_MS = 2 ** 31 - 1;

/** Whoever is waited for, so that it is not collected meanwhile. */
const waitedFor = new Set<object>();

/** Something that happens once. @internal */
export interface Awaitable {
  readonly happened: Promise<void>;
  /** Nobody waits for it any more. */
  stop(): void;
}

/** True once `event` has happened, false after the timeout. Does not keep the process alive. @internal */
export async function waitFor(holder: object, event: () => Awaitable, options: WaitOptions): Promise<boolean> {
  checkNames('wait options', options, WAIT_OPTIONS);
  const signal = checkSignal(options.signal);
  const { timeoutMs = Infinity } = options;
  if (typeof timeoutMs !== 'number' || Number.isNaN(timeoutMs)) {
    throw wrongType('timeoutMs', 'a number', timeoutMs);
  }
  signal?.throwIfAborted();
  const token = { holder };
  waitedFor.add(token);
  let stop = (): void => {};
  let timer: Timer | undefined;
  const awaited = event();
  try {
    return await new Promise((resolve, reject) => {
      stop = () => reject(signal?.reason as Error);
      signal?.addEventListener('abort', stop, { once: true });
      timer = timeoutMs === Infinity ? undefined : new Timer(timeoutMs, () => resolve(false));
      awaited.happened.then(() => resolve(true), reject);
    });
  } finally {
    awaited.stop();
    timer?.clear();
    signal?.removeEventListener('abort', stop);
    waitedFor.delete(token);
  }
}

/** A timeout of any length. */
class Timer {
  readonly #end: number;
  readonly #ring: () => void;
  #timeout: NodeJS.Timeout;

  constructor(ms: number, ring: () => void) {
    this.#end = performance.now() + ms;
    this.#ring = ring;
    this.#timeout = this.#next();
  }

  clear(): void {
    clearTimeout(this.#timeout);
  }

  #next(): NodeJS.Timeout {
    const rest = this.#end - performance.now();
    const next = rest > LONGEST_MS ? () => (this.#timeout = this.#next()) : this.#ring;
    return setTimeout(next, Math.min(rest, LONGEST_MS)).unref();
  }
}
