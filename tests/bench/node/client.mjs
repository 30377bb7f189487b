// The Node clients: `client.mjs CLIENT ADDRESS VERB`, with the verbs of every language's client.
//
//   serve        reads lines `CELL SECONDS`, answers each with one line of JSON
//   cold         makes one call and prints a line
//   channels N   the memory of each
//   streams N    the memory of each
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [, , name, address, verb, count] = process.argv;
const { open } = await import(`./${name}.mjs`);
const message = (size) => Buffer.alloc(size, 'x');

if (verb === 'cold') {
  const client = open(address);
  await client.unary(client.message(100));
  console.log('first');
} else if (verb === 'serve') {
  await serve(open(address));
} else {
  await measureEach({ channels, streams }[verb], Number(count));
}
process.exit(0);

async function serve(client) {
  const { Meter, spend, WARM_UP_MS } = await import('./load.mjs');
  console.log(JSON.stringify(versions()));
  for await (const line of createInterface({ input: process.stdin })) {
    const [cell, seconds] = line.split(' ');
    await spend(client, cell, WARM_UP_MS);
    const meter = new Meter();
    const { operations, latencies } = await spend(client, cell, seconds * 1000);
    console.log(JSON.stringify(meter.stop(cell, operations, latencies)));
  }
}

function versions() {
  const of = (path) => JSON.parse(readFileSync(new URL(`node_modules/${path}/package.json`, import.meta.url))).version;
  const packages = ['@grpc/grpc-js', '@connectrpc/connect-node', '@bufbuild/protobuf', '@grpc/proto-loader'];
  return { Node: process.versions.node, ...Object.fromEntries(packages.map((path) => [path, of(path)])) };
}

async function* channels() {
  for (;;) {
    const client = open(address);
    await client.unary(client.message(100));
    yield client;
  }
}

async function* streams() {
  const client = open(address);
  for (;;) {
    const turns = client.pingPong();
    await turns.turn(client.message(100));
    yield turns;
  }
}

/** The first has what all share. */
async function measureEach(make, wanted) {
  const held = [];
  let before;
  for await (const each of make()) {
    held.push(each);
    before ??= resident();
    if (held.length > wanted) {
      break;
    }
  }
  const after = resident();
  const bytes = before === undefined ? null : Math.max(0, Math.round((after - before) / wanted));
  console.log(JSON.stringify({ bytes }));
}

function resident() {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}
