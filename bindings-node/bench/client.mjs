// One client, one case, one line of JSON: `client.mjs causewire|grpc-js TARGET CASE`.
const [, , name, target, bench] = process.argv;
const SECONDS = Number(process.env.BENCH_SECONDS ?? 1);

async function causewire() {
  const { Channel } = await import('causewire');
  const channel = new Channel(target, { tls: null, maxReceiveMessageBytes: 64 << 20 });
  return {
    unary: (message) => channel.unary('/bench.Echo/Unary', message),
    stream: (message) => channel.serverStreaming('/bench.Echo/ServerStream', message),
  };
}

async function grpcJs() {
  const { default: grpc } = await import('@grpc/grpc-js');
  const limits = { 'grpc.max_receive_message_length': 64 << 20, 'grpc.max_send_message_length': 64 << 20 };
  const client = new grpc.Client(target, grpc.credentials.createInsecure(), limits);
  const same = (bytes) => bytes;
  return {
    unary: (message) =>
      new Promise((resolve, reject) => {
        const done = (error, response) => (error ? reject(error) : resolve(response));
        client.makeUnaryRequest('/bench.Echo/Unary', same, same, message, done);
      }),
    stream: (message) => client.makeServerStreamRequest('/bench.Echo/ServerStream', same, same, message),
  };
}

/** How many messages, and of how many bytes. */
function wish(count, size) {
  const request = Buffer.alloc(8);
  request.writeUInt32LE(count, 0);
  request.writeUInt32LE(size, 4);
  return request;
}

function unary(client, size, inFlight) {
  const message = Buffer.alloc(size, 'x');
  return async (until) => {
    let count = 0;
    const worker = async () => {
      while (performance.now() < until) {
        await client.unary(message);
        count++;
      }
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
    return count;
  };
}

function stream(client, count, size) {
  const request = wish(count, size);
  return async (until) => {
    let received = 0;
    while (performance.now() < until) {
      for await (const _ of client.stream(request)) {
        received++;
      }
    }
    return received;
  };
}

const client = await (name === 'causewire' ? causewire() : grpcJs());
const run = {
  unary_sequential: () => unary(client, 100, 1),
  unary_64: () => unary(client, 100, 64),
  stream_100B: () => stream(client, 10_000, 100),
  stream_64KiB: () => stream(client, 400, 64 << 10),
  unary_1MiB: () => unary(client, 1 << 20, 1),
}[bench]();

await run(performance.now() + 500);
const cpu = process.cpuUsage();
const started = performance.now();
const count = await run(started + SECONDS * 1000);
const seconds = (performance.now() - started) / 1000;
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify({ micros: (user + system) / count, rate: count / seconds }));
process.exit(0);
