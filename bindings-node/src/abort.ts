import { border } from './border.js';
import type { Reason } from './errors.js';
import type { FailedParts } from './native.js';
import { wrongType } from './wrong.js';

const CANCELLED = 1;

/** Cancels a call when a signal fires, until the call has ended. @internal */
export class Abort {
  readonly #signal: AbortSignal;
  readonly #listener: () => void;

  constructor(signal: AbortSignal, call: number) {
    this.#signal = signal;
    this.#listener = () => border.cancel(call);
    if (signal.aborted) {
      border.cancel(call);
    } else {
      signal.addEventListener('abort', this.#listener, { once: true });
    }
  }

  end(): void {
    this.#signal.removeEventListener('abort', this.#listener);
  }

  /** `signal.reason`, where the signal is why the call failed. */
  reason(parts: FailedParts): Reason | undefined {
    return this.#signal.aborted && parts.code === CANCELLED ? { cause: this.#signal.reason } : undefined;
  }
}

/** @internal */
export function checkSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) {
    return signal;
  }
  throw wrongType('signal', 'an AbortSignal', signal);
}
