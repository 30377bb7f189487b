// The testbed server of a test file, and its service as protobuf-es and as proto-loader see it.
import { create, fromBinary, toBinary, createFileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { loadSync } from '@grpc/proto-loader';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Channel } from 'causewire';

const PROTO = fileURLToPath(new URL('../../proto', import.meta.url));
const SERVICE = 'causewire.testbed.v1.Testbed';

/** Starts the server; `close` ends it. */
export async function startTestbed() {
  const server = spawn(process.env.CAUSEWIRE_TESTBED, ['serve'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: server.stdout }), 'line');
  const close = async () => {
    server.kill();
    await once(server, 'exit');
  };
  return { places: JSON.parse(line), close };
}

/** A plaintext channel. */
export function plain(target, options = {}) {
  return new Channel(target, { tls: null, ...options });
}

/** The methods as grpc-js stubs have them. */
export const definition = loadSync('causewire/testbed/v1/testbed.proto', {
  includeDirs: [PROTO],
  keepCase: true,
})[SERVICE];

const KINDS = {
  unary: 'unary',
  server_streaming: 'serverStreaming',
  client_streaming: 'clientStreaming',
  bidi_streaming: 'bidirectional',
};

const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: descriptors() }));

/** proto-loader's descriptors, with what it leaves out: imports, and full names instead of those in the source. */
function descriptors() {
  const packages = ['google.protobuf', 'google.rpc', 'causewire.testbed.v1'];
  const parsed = definition.Echo.requestType.fileDescriptorProtos.map((bytes) =>
    fromBinary(FileDescriptorProtoSchema, bytes),
  );
  const files = packages.map((name) => parsed.find((file) => file.package === name));
  files.forEach((file, index) => file.dependency.push(...files.slice(0, index).map(({ name }) => name)));
  const types = files.flatMap((file) => file.messageType.flatMap((type) => withNested(file.package, type)));
  const names = new Set(types.map(([name]) => name));
  for (const [scope, type] of types) {
    for (const field of type.field.filter(({ typeName }) => typeName !== '')) {
      field.typeName = `.${resolve(field.typeName, scope, names)}`;
    }
  }
  return files;
}

function withNested(scope, type) {
  const name = `${scope}.${type.name}`;
  return [[name, type], ...type.nestedType.flatMap((nested) => withNested(name, nested))];
}

/** From the innermost scope outwards, as protobuf does. */
function resolve(name, scope, names) {
  const parts = scope.split('.');
  for (let length = parts.length; length > 0; length--) {
    const candidate = [...parts.slice(0, length), name].join('.');
    if (names.has(candidate)) {
      return candidate;
    }
  }
  return name;
}

/** A protobuf-es message. */
export function message(name, init) {
  return create(registry.getMessage(`causewire.testbed.v1.${name}`), init);
}

/** The methods with protobuf-es messages. */
export const service = Object.fromEntries(
  registry.getService(SERVICE).methods.map((method) => [
    method.localName,
    {
      path: `/${SERVICE}/${method.name}`,
      kind: KINDS[method.methodKind],
      encode: (request) => toBinary(method.input, request),
      decode: (bytes) => fromBinary(method.output, bytes),
      responseType: method.output.typeName,
    },
  ]),
);

/** How many RST_STREAM(CANCEL) the server has got. */
export async function cancelsSeen(channel) {
  const { message: counters } = await channel.unary(service.counters, message('CountersRequest'));
  return Number(counters.resets[8] ?? 0);
}

/** Polls until `check` holds. */
export async function eventually(check, what, timeoutMs = 5000) {
  const deadline = performance.now() + timeoutMs;
  while (!(await check())) {
    if (performance.now() > deadline) {
      throw new Error(`${what} did not happen within ${timeoutMs} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
