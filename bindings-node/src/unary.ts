import type { Abort } from './abort.js';
import type { CallListener } from './border.js';
import { rejection, rpcError } from './errors.js';
import type { RegisteredMethod } from './method.js';
import type { FailedParts, NativeChannel } from './native.js';
import type { Response } from './response.js';

/** One unary call on its way. @internal */
export class UnaryCall<O> implements CallListener {
  constructor(
    /** Held so that the channel, whose functions the call may need, lives as long as the call. */
    readonly channel: object,
    readonly native: NativeChannel,
    readonly method: RegisteredMethod<never, O>,
    readonly abort: Abort | undefined,
    readonly resolve: (response: Response<O> | Promise<never>) => void,
    readonly reject: (error: unknown) => void,
  ) {}

  onReply(reply: Response<Buffer | undefined>): void {
    this.abort?.end();
    const { decode } = this.method;
    if (decode === undefined) {
      this.resolve(reply as Response<O>);
      return;
    }
    try {
      this.resolve(reply.with(decode(reply.message as Buffer)));
    } catch (source) {
      const parts = this.native.decodeFailed(this.method.id, reply.peer, this.method.responseType);
      this.resolve(rejection((below) => rpcError(parts, { source }, below)));
    }
  }

  onFailure(parts: FailedParts): void {
    this.abort?.end();
    const reason = this.abort?.reason(parts);
    this.resolve(rejection((below) => rpcError(parts, reason, below)));
  }

  onFault(error: unknown): void {
    this.reject(error);
  }

  onHeaders(): void {}

  onMessages(): void {}

  onRoom(): void {}
}
