// rpc_soak and channel_soak: many large_unary calls in sequence, on one channel or each on a channel of its own.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertZeros, payload } from './unary.mjs';

/** `withClient` makes a call with the client of the next iteration. */
export async function soak(flags, withClient) {
  const iterations = Number(flags.soak_iterations);
  const threads = Number(flags.soak_num_threads);
  assert.equal(iterations % threads, 0, '--soak_num_threads must divide --soak_iterations');
  const deadline = performance.now() + Number(flags.soak_overall_timeout_seconds) * 1000;
  const workers = Array.from({ length: threads }, (_, number) =>
    work(number, iterations / threads, flags, withClient, deadline),
  );
  const results = (await Promise.all(workers)).flat();
  const failures = results.filter((succeeded) => !succeeded).length;
  assert.equal(results.length, iterations, 'not all iterations within the overall timeout');
  assert.ok(failures <= Number(flags.soak_max_failures), `${failures} failures`);
}

/** Whether each iteration succeeded. */
async function work(number, iterations, flags, withClient, deadline) {
  const results = [];
  while (results.length < iterations && performance.now() < deadline) {
    const pause = sleep(Number(flags.soak_min_time_ms_between_rpcs));
    const { elapsed, outcome, peer } = await withClient((client) => largeUnary(client, flags));
    const slow = elapsed > Number(flags.soak_per_iteration_max_acceptable_latency_ms);
    const told = slow ? `${outcome}, exceeds the acceptable latency` : outcome;
    const server = `${flags.server_host}:${flags.server_port}`;
    console.error(
      `worker ${number} iteration ${results.length} elapsed_ms ${elapsed.toFixed(1)} peer ${peer} server ${server} ${told}`,
    );
    results.push(outcome === 'succeeded' && !slow);
    await pause;
  }
  return results;
}

async function largeUnary(client, flags) {
  const size = Number(flags.soak_response_size);
  const request = { responseSize: size, payload: payload(Number(flags.soak_request_size)) };
  const started = performance.now();
  try {
    const { message, peer } = await client.UnaryCall(request);
    const elapsed = performance.now() - started;
    assertZeros(message.payload, size);
    return { elapsed, outcome: 'succeeded', peer };
  } catch (error) {
    return { elapsed: performance.now() - started, outcome: `failed: ${error.message}`, peer: error.peer };
  }
}
