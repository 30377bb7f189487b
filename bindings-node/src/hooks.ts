/** The functions that a channel's user has set, and what waits for its state. */
import { AsyncResource } from 'node:async_hooks';
import type { ChannelListener } from './border.js';
import type { NativeChannel } from './native.js';
import type { LogEntry, Resolution, SplitOptions } from './options.js';
import { type ConnectivityState, STATES } from './state.js';
import { isUnreachable } from './unreachable.js';

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
  readonly #closed = new AbortController();
  /** By the number of the watch. */
  readonly #changes = new Map<number, () => void>();
  /** The watch that stands for a last state, so that asking again and again makes no second one. */
  readonly #watches = new Map<ConnectivityState, { id: number; changed: Promise<void> }>();

  constructor(native: NativeChannel, options: SplitOptions) {
    this.#native = native;
    this.#options = options;
    this.#maker = hookBits(options) === 0 ? undefined : new AsyncResource('causewire.Channel');
  }

  onToken(ask: number, method: string, audience: string): void {
    const provide = async (): Promise<void> => {
      const token: unknown = await this.#options.tokenProvider?.({ method, audience });
      if (typeof token !== 'string') {
        throw new TypeError('tokenProvider must give a string');
      }
      this.#native.answerToken(ask, token);
    };
    this.#run(provide).catch((error: unknown) => this.#failed(ask, error));
  }

  onResolve(ask: number, target: string): void {
    const resolve = async (): Promise<void> => {
      const { addresses, serviceConfig } = resolution(await this.#options.resolver?.(target, { signal: this.#closed.signal }));
      this.#native.answerResolution(ask, [...addresses], serviceConfig && JSON.stringify(serviceConfig));
    };
    this.#run(resolve).catch((error: unknown) => this.#failed(ask, error));
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
    this.#closed.abort();
  }

  /** Resolves once the state differs from `last`. */
  changed(last: ConnectivityState): Promise<void> {
    const known = this.#watches.get(last);
    if (known !== undefined) {
      return known.changed;
    }
    const id = this.#native.watchState(STATES.indexOf(last));
    const changed = new Promise<void>((resolve) => {
      this.#changes.set(id, () => {
        this.#watches.delete(last);
        resolve();
      });
    });
    this.#watches.set(last, { id, changed });
    return changed;
  }

  #run<T>(hook: () => T): T {
    return this.#maker === undefined ? hook() : this.#maker.runInAsyncScope(hook);
  }

  /** An exception's text never crosses: it may hold the secret itself. */
  #failed(ask: number, error: unknown): void {
    this.#native.answerFailed(ask, isUnreachable(error));
  }
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
