// The loads, over any client.
export const WARM_UP_MS = 50;
const STREAMS = { stream_100B: [20_000, 100], stream_64KiB: [400, 64 << 10] };

/** Runs from its making until `stop`. */
export class Meter {
  #cpu = process.cpuUsage();
  #started = performance.now();

  stop(cell, operations, latencies) {
    const wall = (performance.now() - this.#started) / 1000;
    const { user, system } = process.cpuUsage(this.#cpu);
    const sorted = Float64Array.from(latencies).sort();
    const quantile = (share) => (sorted.length === 0 ? null : sorted[Math.floor((sorted.length - 1) * share)] * 1000);
    const rss = process.resourceUsage().maxRSS;
    return { cell, operations, wall, cpu: (user + system) / 1e6, p50: quantile(0.5), p99: quantile(0.99), rss };
  }
}

export async function spend(client, cell, milliseconds) {
  const end = performance.now() + milliseconds;
  if (cell in STREAMS) {
    return read(client, ...STREAMS[cell], end);
  }
  switch (cell) {
    case 'ping_pong':
      return turns(client, end);
    case 'protobuf': {
      const { order, place } = await client.orders();
      return calls(place, order, (reply) => reply.lines.length === 3, end);
    }
    case 'unary_64':
    case 'unary_10000': {
      const width = Number(cell.slice('unary_'.length));
      const callers = Array.from({ length: width }, () => unary(client, 100, end));
      const latencies = (await Promise.all(callers)).flatMap((caller) => caller.latencies);
      return { operations: latencies.length, latencies };
    }
    default:
      return unary(client, cell === 'unary_1MiB' ? 1 << 20 : 100, end);
  }
}

function unary(client, size, end) {
  const message = client.message(size);
  return calls((request) => client.unary(request), message, (reply) => client.size(reply) === client.size(message), end);
}

async function calls(call, request, good, end) {
  const latencies = [];
  for (let started = performance.now(); started < end; started = performance.now()) {
    const reply = await call(request);
    latencies.push(performance.now() - started);
    if (!good(reply)) {
      throw new Error('the reply is not the request');
    }
  }
  return { operations: latencies.length, latencies };
}

async function read(client, count, size, end) {
  let operations = 0;
  while (performance.now() < end) {
    for await (const _ of client.stream(client.wish(count, size))) {
      operations++;
    }
  }
  return { operations, latencies: [] };
}

async function turns(client, end) {
  const call = client.pingPong();
  const message = client.message(100);
  const { operations, latencies } = await calls((request) => call.turn(request), message, () => true, end);
  await call.end();
  return { operations, latencies };
}
