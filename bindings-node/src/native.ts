/** The native half, as `native/*.rs` defines it, and how it is found. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { platform } from './platform.js';

/** An error as it crosses; `errors.ts` makes the class of it. */
export interface FailedParts {
  code: number;
  json: string;
  line: string;
  details: string;
  statusDetails?: Buffer;
  headers?: Buffer;
  trailers: Buffer;
  peer?: string;
  attempts: number;
  unsent: number;
}

export type Deliver = (words: number, extras: unknown[] | undefined, header: Buffer | undefined) => void;

export interface Border {
  send(call: number, message: Uint8Array): number;
  sendUncompressed(call: number, message: Uint8Array): number;
  closeSend(call: number): void;
  cancel(call: number): void;
  credit(call: number, messages: number): void;
}

export interface NativeChannel {
  readonly id: number;
  readonly target: string;
  method(path: string, kind: number): number | FailedParts;
  submit(
    method: number,
    message: Uint8Array | undefined,
    metadata: Uint8Array | undefined,
    timeoutMs: number | undefined,
    flags: number,
    authority?: string,
    retry?: string,
  ): number | FailedParts;
  state(): number;
  connect(): void;
  watchState(last: number): number;
  /** False: its record is on its way. */
  unwatch(watch: number): boolean;
  resetBackoff(): void;
  networkChanged(): void;
  close(): void;
  stats(): { connections: number; streams: number; tasks: number; bufferedBytes: number };
  answerToken(ask: number, token: string): void;
  answerResolution(ask: number, addresses: string[], serviceConfig: string | undefined): void;
  answerFailed(ask: number, unavailable: boolean): void;
  decodeFailed(method: number, peer?: string, typeName?: string): FailedParts;
  encodeFailed(method: number): FailedParts;
  sendingClosed(method: number): FailedParts;
}

export interface Native {
  Border: new (deliver: Deliver) => Border;
  NativeChannel: new () => NativeChannel;
  openChannel(
    border: Border,
    target: string,
    options: string,
    keyPem: string | undefined,
    hooks: number,
  ): NativeChannel | FailedParts;
  render(record: string, style: number): string;
  /** The parts of a record that is not of a call here; undefined: it is none. */
  readRecord(record: string): FailedParts | undefined | null;
  unknownOption(field: string, name: string, known: readonly string[]): FailedParts;
}

function load(): Native {
  const suffix = platform();
  const local = join(__dirname, '..', `causewire.${suffix}.node`);
  if (existsSync(local)) {
    return require(local) as Native;
  }
  const name = `@causewire/${suffix}`;
  try {
    return require(name) as Native;
  } catch (cause) {
    const hint = `causewire has no native half for this machine: install the optional dependency ${name}`;
    throw new Error(`${hint}, or build it with bindings-node/build.sh`, { cause });
  }
}

let loaded: Native | undefined;

/** Loaded when it is first needed: an import by itself makes nothing that the process would have to end. */
export function native(): Native {
  loaded ??= load();
  return loaded;
}
