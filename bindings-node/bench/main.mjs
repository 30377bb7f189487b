// CPU (user + system, all threads) per operation, against @grpc/grpc-js: `node bench/main.mjs [ROUNDS]`.
// The clients take turns in processes of their own, so that a slow phase of the machine meets both.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CASES = ['unary_sequential', 'unary_64', 'stream_100B', 'stream_64KiB', 'unary_1MiB'];
const CLIENTS = ['causewire', 'grpc-js'];

const rounds = Number(process.argv[2] ?? 5);
const server = spawn(process.env.CAUSEWIRE_TESTBED, ['serve'], { stdio: ['ignore', 'pipe', 'inherit'] });
const [line] = await once(createInterface({ input: server.stdout }), 'line');
const { target } = JSON.parse(line);
const client = fileURLToPath(new URL('client.mjs', import.meta.url));
const samples = new Map();
for (let round = 0; round < rounds; round++) {
  for (const bench of CASES) {
    for (const name of CLIENTS) {
      const { stdout } = await promisify(execFile)(process.execPath, [client, name, target, bench]);
      const { micros, rate } = JSON.parse(stdout);
      const key = `${bench} ${name}`;
      samples.set(key, [...(samples.get(key) ?? []), { micros, rate }]);
    }
  }
}
server.kill();

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
for (const bench of CASES) {
  const [ours, theirs] = CLIENTS.map((name) => {
    const taken = samples.get(`${bench} ${name}`);
    return {
      micros: median(taken.map(({ micros }) => micros)),
      least: Math.min(...taken.map(({ micros }) => micros)),
      rate: median(taken.map(({ rate }) => rate)),
    };
  });
  const cell = ({ micros, least, rate }) => `${micros.toFixed(2)} µs (min ${least.toFixed(2)}), ${Math.round(rate)}/s`;
  const ratio = (theirs.micros / ours.micros).toFixed(1);
  const least = (theirs.least / ours.least).toFixed(1);
  console.log(`${bench}: causewire ${cell(ours)} | grpc-js ${cell(theirs)} | CPU ratio ${ratio} (min ${least})`);
}
