import { checkSignal } from './abort.js';

/** Bounds a wait. */
export interface WaitOptions {
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Whoever is waited for, so that it is not collected meanwhile. */
const waitedFor = new Set<object>();

/** True once `event` has happened, false after the timeout. @internal */
export async function waitFor(holder: object, event: () => Promise<void>, options: WaitOptions): Promise<boolean> {
  const signal = checkSignal(options.signal);
  if (options.timeoutMs !== undefined && typeof options.timeoutMs !== 'number') {
    throw new TypeError('timeoutMs must be a number');
  }
  signal?.throwIfAborted();
  const token = { holder };
  waitedFor.add(token);
  let timer: NodeJS.Timeout | undefined;
  let stop: (() => void) | undefined;
  const others: Promise<boolean>[] = [];
  if (options.timeoutMs !== undefined && options.timeoutMs !== Infinity) {
    const { timeoutMs } = options;
    others.push(new Promise((resolve) => (timer = setTimeout(() => resolve(false), timeoutMs))));
  }
  if (signal !== undefined) {
    others.push(
      new Promise((_, reject) => {
        stop = () => reject(signal.reason as Error);
        signal.addEventListener('abort', stop, { once: true });
      }),
    );
  }
  try {
    return await Promise.race([event().then(() => true), ...others]);
  } finally {
    clearTimeout(timer);
    if (stop !== undefined) {
      signal?.removeEventListener('abort', stop);
    }
    waitedFor.delete(token);
  }
}
