/** The functions that a channel's user has set, and what waits for its state. */
import { AsyncResource } from 'node:async_hooks';
import type { ChannelListener } from './border.js';
import type { NativeChannel } from './native.js';
import type { LogEntry, Resolution, SplitOptions } from './options.js';
import { type ConnectivityState, STATES } from './state.js';
import { isUnreachable } from './unreachable.js';
import type { Awaitable } from './wait.js';

const LEVELS: readonly LogEntry['level'][] = ['error', 'warn', 'info', 'debug'];

/** The bits that `native/channel.rs` reads. @internal */
export function hookBits(options: SplitOptions): number {
  const { tokenProvider, resolver, logger } = options;
  return (tokenProvider ? 1 : 0) | (resolver ? 2 : 0) | (logger ? 4 : 0);
}

/** @internal */
export class Hooks implements ChannelListener {
  readonly #native: NativeChannel;
  readonly #options: SplitOptions;
  /** Whoever made the channel: the functions see his `AsyncLocalStorage`, whichever call it is that needs them. */
  readonly #maker: AsyncResource | undefined;
  #closed = false;
  /** The functions that run, by the number of the question. */
  readonly #answering = new Map<number, AbortController>();
  /** By the number of the watch. */
  readonly #changes = new Map<number, () => void>();
  /** The watch that stands for a last state, so that asking again and again makes no second one. */
  readonly #watches = new Map<ConnectivityState, Watch>();

  constructor(native: NativeChannel, options: SplitOptions) {
    this.#native = native;
    this.#options = options;
    this.#maker = hookBits(options) === 0 ? undefined : new AsyncResource('causewire.Channel');
  }

  onToken(ask: number, method: string, audience: string): void {
    this.#answer(ask, async (signal) => {
      const token: unknown = await this.#options.tokenProvider?.({ method, audience, signal });
      if (typeof token !== 'string') {
        throw new TypeError('tokenProvider must give a string');
      }
      this.#native.answerToken(ask, token);
    });
  }

  onResolve(ask: number, target: string): void {
    this.#answer(ask, async (signal) => {
      const { addresses, serviceConfig } = resolution(await this.#options.resolver?.(target, { signal }));
      this.#native.answerResolution(ask, [...addresses], serviceConfig && JSON.stringify(serviceConfig));
    });
  }

  onAskCancelled(ask: number): void {
    this.#answering.get(ask)?.abort();
  }

  onLog(level: number, message: string, dropped: number): void {
    try {
      this.#run(() => this.#options.logger?.({ level: LEVELS[level] ?? 'debug', message, dropped }));
    } catch (error) {
      // As an event listener's: not ours to swallow, and not a reason to leave the rest of the batch unsettled.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  onState(watch: number): void {
    this.#changes.get(watch)?.();
    this.#changes.delete(watch);
  }

  /** The channel is closed: nobody waits for the functions that still run. */
  close(): void {
    this.#closed = true;
    this.#answering.forEach((running) => running.abort());
  }

  /** Waits until the state differs from `last`. */
  changed(last: ConnectivityState): Awaitable {
    const watch = this.#watches.get(last) ?? this.#watch(last);
    watch.waiting += 1;
    return { happened: watch.changed, stop: () => this.#stop(last, watch) };
  }

  #watch(last: ConnectivityState): Watch {
    const id = this.#native.watchState(STATES.indexOf(last));
    const changed = new Promise<void>((resolve) => {
      this.#changes.set(id, () => {
        this.#watches.delete(last);
        resolve();
      });
    });
    const watch = { id, changed, waiting: 0 };
    this.#watches.set(last, watch);
    return watch;
  }

  #stop(last: ConnectivityState, watch: Watch): void {
    watch.waiting -= 1;
    if (watch.waiting === 0 && this.#watches.get(last) === watch) {
      this.#watches.delete(last);
      this.#changes.delete(watch.id);
      this.#native.unwatch(watch.id);
    }
  }

  #answer(ask: number, work: (signal: AbortSignal) => Promise<void>): void {
    const running = new AbortController();
    if (this.#closed) {
      running.abort();
    }
    this.#answering.set(ask, running);
    this.#run(() => work(running.signal))
      .catch((error: unknown) => this.#failed(ask, error))
      .finally(() => this.#answering.delete(ask));
  }

  #run<T>(hook: () => T): T {
    return this.#maker === undefined ? hook() : this.#maker.runInAsyncScope(hook);
  }

  /** An exception's text never crosses: it may hold the secret itself. */
  #failed(ask: number, error: unknown): void {
    this.#native.answerFailed(ask, isUnreachable(error));
  }
}

/** A watch of the core, and how many wait for it. */
interface Watch {
  readonly id: number;
  readonly changed: Promise<void>;
  waiting: number;
}

/** What a resolver gave, in its long form. */
function resolution(given: unknown): Resolution {
  const { addresses, serviceConfig } = (Array.isArray(given) ? { addresses: given } : Object(given)) as Resolution;
  if (!Array.isArray(addresses) || !addresses.every((address) => typeof address === 'string')) {
    throw new TypeError('resolver must give an array of strings, or an object with one as addresses');
  }
  if (serviceConfig !== undefined && (serviceConfig === null || typeof serviceConfig !== 'object')) {
    throw new TypeError('serviceConfig must be an object');
  }
  return { addresses, serviceConfig };
}
