import { inspect } from 'node:util';
import { brand } from './brand.js';
import { wrongType } from './wrong.js';

/** Text; raw bytes for a key that ends in `-bin`. */
export type MetadataValue = string | Uint8Array;

/** What is accepted as metadata. Order and duplicates are kept. */
export type MetadataInit =
  | Iterable<readonly [key: string, value: MetadataValue]>
  | { readonly [key: string]: MetadataValue | readonly MetadataValue[] };

/**
 * What travels beside the messages: an ordered multimap. Keys are lower case; values of `-bin` keys are `Buffer`s,
 * all others are strings, a character per byte. `util.inspect` shows keys and sizes only, because a value may be a token.
 */
export class Metadata implements Iterable<[key: string, value: string | Buffer]> {
  #entries: [string, string | Buffer][] | undefined;
  #packed: Buffer;

  constructor(init?: MetadataInit) {
    this.#packed = EMPTY;
    if (init !== undefined) {
      this.#packed = Buffer.from(pack(init));
    } else {
      this.#entries = [];
    }
  }

  /** The first value of a key. */
  get(key: string): string | Buffer | undefined {
    const name = key.toLowerCase();
    return this.#all().find((entry) => entry[0] === name)?.[1];
  }

  /** All values of a key, in order. */
  getAll(key: string): (string | Buffer)[] {
    const name = key.toLowerCase();
    return this.#all().flatMap((entry) => (entry[0] === name ? [entry[1]] : []));
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** Adds an entry. */
  append(key: string, value: MetadataValue): this {
    check(key, value, this.size);
    const name = key.toLowerCase();
    const bytes = typeof value === 'string' ? value : Buffer.from(value);
    this.#all().push([name, present(name, bytes)]);
    return this;
  }

  /** Number of entries. */
  get size(): number {
    return this.#all().length;
  }

  entries(): IterableIterator<[key: string, value: string | Buffer]> {
    return this.#all()[Symbol.iterator]();
  }

  [Symbol.iterator](): IterableIterator<[key: string, value: string | Buffer]> {
    return this.entries();
  }

  [inspect.custom](): string {
    const shown = this.#all().map(([key, value]) => `${inspect(key)} => ${Buffer.byteLength(value)} bytes`);
    return `Metadata(${shown.length}) {${shown.length === 0 ? '' : ` ${shown.join(', ')} `}}`;
  }

  #all(): [string, string | Buffer][] {
    if (this.#entries === undefined) {
      this.#entries = unpack(this.#packed);
      this.#packed = EMPTY;
    }
    return this.#entries;
  }

  /** Metadata that arrived, decoded when somebody looks. @internal */
  static received(packed: Buffer): Metadata {
    const metadata = new Metadata();
    metadata.#entries = undefined;
    metadata.#packed = packed;
    return metadata;
  }
}

brand(Metadata);

const EMPTY = Buffer.alloc(0);

/** Grows to the largest metadata of a call; the native half copies what it needs before the next use. */
let scratch = Buffer.allocUnsafeSlow(1024);

/**
 * The flat form that crosses: key and value in turn, each after its length as 32 bits, low byte first. Valid until the
 * next use.
 *
 * @internal
 */
export function pack(init: MetadataInit): Uint8Array {
  let end = 0;
  let index = 0;
  const add = (key: unknown, value: unknown): void => {
    check(key, value, index++);
    end = put(key as string, end);
    end = put(value as MetadataValue, end);
  };
  if (init === null || typeof init !== 'object') {
    throw wrongType('metadata', 'an object or an iterable of [key, value]', init);
  }
  if (Symbol.iterator in init) {
    for (const entry of init as Iterable<unknown>) {
      if (!Array.isArray(entry) || entry.length !== 2) {
        throw wrongType(`metadata[${index}]`, '[key, value]', entry);
      }
      add(entry[0], entry[1]);
    }
  } else {
    for (const [key, value] of Object.entries(init)) {
      for (const item of Array.isArray(value) ? value : [value]) {
        add(key, item);
      }
    }
  }
  return scratch.subarray(0, end);
}

function check(key: unknown, value: unknown, index: number): void {
  if (typeof key !== 'string') {
    throw wrongType(`metadata[${index}].key`, 'a string', key);
  }
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
    throw wrongType(`metadata['${key}']`, 'a string or a Uint8Array', value);
  }
}

function put(part: MetadataValue, at: number): number {
  const length = typeof part === 'string' ? Buffer.byteLength(part) : part.length;
  const end = at + 4 + length;
  if (end > scratch.length) {
    const grown = Buffer.allocUnsafeSlow(2 * end);
    scratch.copy(grown, 0, 0, at);
    scratch = grown;
  }
  scratch.writeUInt32LE(length, at);
  if (typeof part === 'string') {
    scratch.write(part, at + 4);
  } else {
    scratch.set(part, at + 4);
  }
  return end;
}

function unpack(packed: Buffer): [string, string | Buffer][] {
  const entries: [string, string | Buffer][] = [];
  let at = 0;
  const take = (): Buffer => {
    const start = at + 4;
    at = start + packed.readUInt32LE(at);
    return packed.subarray(start, at);
  };
  while (at < packed.length) {
    const key = take().toString('latin1');
    const value = take();
    // The bytes of headers that repeat are those of other responses, too: the caller gets his own.
    entries.push([key, key.endsWith('-bin') ? Buffer.from(value) : value.toString('latin1')]);
  }
  return entries;
}

function present(key: string, value: string | Buffer): string | Buffer {
  if (key.endsWith('-bin')) {
    return typeof value === 'string' ? Buffer.from(value) : value;
  }
  return typeof value === 'string' ? value : value.toString('latin1');
}
