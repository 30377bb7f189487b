// Its calls take messages of a type, so the bytes travel in a `BytesValue` of the same size on the wire.
import { create, createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { BytesValueSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { readFileSync } from 'node:fs';
import { CREATED_MS, METADATA, ORDER, TIMEOUT_MS } from './shared.mjs';

const files = fromBinary(FileDescriptorSetSchema, readFileSync(process.env.BENCH_DESCRIPTORS));
const registry = createFileRegistry(files);
const options = () => ({ headers: METADATA, timeoutMs: TIMEOUT_MS });

export function open(address) {
  const client = createClient(registry.getService('bench.Echo'), createGrpcTransport({ baseUrl: `http://${address}` }));
  return {
    message: (size) => value(Buffer.alloc(inside(size), 'x')),
    size: (message) => message.value.length,
    wish(count, size) {
      const request = Buffer.alloc(8);
      request.writeUInt32LE(count, 0);
      request.writeUInt32LE(size, 4);
      return value(request);
    },
    unary: (message) => client.unary(message, options()),
    stream: (wish) => client.serverStream(wish, options()),
    pingPong: () => turns(client),
    async orders() {
      const order = create(registry.getMessage('bench.Order'), { ...ORDER, createdMs: BigInt(CREATED_MS) });
      return { order, place: (message) => client.place(message, options()) };
    },
  };
}

const value = (bytes) => create(BytesValueSchema, { value: bytes });

/** What a message of `size` bytes holds: without its tag and its length. */
function inside(size) {
  let length = 1;
  while (size - 1 - length >= 2 ** (7 * length)) {
    length++;
  }
  return size - 1 - length;
}

function turns(client) {
  const waiting = [];
  let wake = () => {};
  let open = true;
  async function* requests() {
    while (open || waiting.length > 0) {
      if (waiting.length === 0) {
        await new Promise((resolve) => (wake = resolve));
      } else {
        yield waiting.shift();
      }
    }
  }
  const replies = client.bidi(requests(), options())[Symbol.asyncIterator]();
  return {
    async turn(message) {
      waiting.push(message);
      wake();
      return (await replies.next()).value;
    },
    async end() {
      open = false;
      wake();
      await replies.next();
    },
  };
}
