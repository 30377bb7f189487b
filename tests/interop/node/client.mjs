// The interop client of Node: one case of grpc/grpc doc/interop-test-descriptions.md, exit code 0 when all that the
// document asks for holds.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Channel } from '../../../bindings-node/dist/index.mjs';
import * as compression from './compression.mjs';
import { soak } from './soak.mjs';
import * as streaming from './streaming.mjs';
import * as unary from './unary.mjs';

const PROTO = fileURLToPath(new URL('../../../proto', import.meta.url));
/** The CA of gRPC's interop tests. */
const TEST_CA = new URL('../ca.pem', import.meta.url);

const { loadSync } = createRequire(new URL('../../../bindings-node/', import.meta.url))('@grpc/proto-loader');
const services = loadSync('grpc/testing/test.proto', { includeDirs: [PROTO], defaults: true });

const DEFAULTS = {
  test_case: 'large_unary',
  server_host: 'localhost',
  server_port: '8080',
  server_host_override: '',
  use_tls: 'false',
  use_test_ca: 'false',
  service_config_json: '',
  soak_iterations: '10',
  soak_max_failures: '0',
  soak_per_iteration_max_acceptable_latency_ms: '1000',
  soak_min_time_ms_between_rpcs: '0',
  soak_overall_timeout_seconds: '10',
  soak_request_size: '271828',
  soak_response_size: '314159',
  soak_num_threads: '1',
};
const flags = Object.entries(DEFAULTS).map(([name, value]) => [name, { type: 'string', default: value }]);
const { values } = parseArgs({ options: Object.fromEntries(flags) });

function openChannel() {
  const options = { tls: null };
  if (values.use_tls === 'true') {
    options.tls = values.use_test_ca === 'true' ? { caPem: readFileSync(TEST_CA, 'utf8') } : {};
  }
  if (values.server_host_override !== '') {
    options.authority = values.server_host_override;
  }
  if (values.service_config_json !== '') {
    options.serviceConfig = JSON.parse(values.service_config_json);
  }
  return new Channel(`${values.server_host}:${values.server_port}`, options);
}

const clientOf = (channel) => channel.client(services['grpc.testing.TestService']);

const channel = openChannel();
const client = clientOf(channel);
const cases = {
  empty_unary: () => unary.emptyUnary(client),
  large_unary: () => unary.largeUnary(client),
  concurrent_large_unary: () => unary.concurrentLargeUnary(client),
  custom_metadata: () => unary.customMetadata(client),
  status_code_and_message: () => unary.statusCodeAndMessage(client),
  special_status_message: () => unary.specialStatusMessage(client),
  unimplemented_method: () => unary.unimplemented(client.UnimplementedCall),
  unimplemented_service: () =>
    unary.unimplemented(channel.client(services['grpc.testing.UnimplementedService']).UnimplementedCall),
  pick_first_unary: () => unary.pickFirstUnary(client),
  client_streaming: () => streaming.clientStreaming(client),
  server_streaming: () => streaming.serverStreaming(client),
  ping_pong: () => streaming.pingPong(client),
  max_concurrent_streams_connection_scaling: () => streaming.connectionScaling(channel, client),
  empty_stream: () => streaming.emptyStream(client),
  cancel_after_begin: () => streaming.cancelAfterBegin(client),
  cancel_after_first_response: () => streaming.cancelAfterFirstResponse(client),
  timeout_on_sleeping_server: () => streaming.timeoutOnSleepingServer(client),
  client_compressed_unary: () => compression.clientUnary(client, { probe: true }),
  client_compressed_unary_noprobe: () => compression.clientUnary(client, { probe: false }),
  server_compressed_unary: () => compression.serverUnary(client),
  client_compressed_streaming: () => compression.clientStreaming(client, { probe: true }),
  client_compressed_streaming_noprobe: () => compression.clientStreaming(client, { probe: false }),
  server_compressed_streaming: () => compression.serverStreaming(client),
  rpc_soak: () => soak(values, async (call) => call(client)),
  channel_soak: () =>
    soak(values, async (call) => {
      const fresh = openChannel();
      try {
        return await call(clientOf(fresh));
      } finally {
        fresh.close();
      }
    }),
};

const run = cases[values.test_case];
if (run === undefined) {
  console.error(`${values.test_case} is no case of this client`);
  process.exitCode = 1;
} else {
  await run();
}
channel.close();
