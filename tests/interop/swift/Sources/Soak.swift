import Causewire
import Foundation

/// rpc_soak and channel_soak: many large_unary calls in sequence, on one channel or each on a channel of its own.
func soak(_ flags: Flags, shared: Channel?) async throws {
  let iterations = flags.int("soak_iterations"), threads = flags.int("soak_num_threads")
  try check(threads > 0 && iterations % threads == 0, "--soak_num_threads must divide --soak_iterations")
  let end = milliseconds() + Double(flags.int("soak_overall_timeout_seconds")) * 1000
  let (done, failures) = try await withThrowingTaskGroup(of: (Int, Int).self) { group in
    for number in 0..<threads {
      group.addTask { try await work(number, iterations / threads, flags, shared, until: end) }
    }
    return try await group.reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
  }
  try check(done == iterations, "\(done) of \(iterations) iterations within the overall timeout")
  try check(failures <= flags.int("soak_max_failures"), "\(failures) failures")
}

/// How many iterations there were, and how many of them failed.
private func work(
  _ number: Int, _ iterations: Int, _ flags: Flags, _ shared: Channel?, until end: Double
) async throws -> (Int, Int) {
  let size = flags.int("soak_response_size")
  let request = SimpleRequest(responseSize: size, payload: Payload(zeros: flags.int("soak_request_size")))
  var failures = 0
  for iteration in 0..<iterations {
    let began = milliseconds()
    guard began < end else { return (iteration, failures) }
    let channel = try shared ?? flags.channel()
    let started = milliseconds()
    var peer: String?
    var outcome = "succeeded"
    do throws(RpcError) {
      let response = try await channel.unary(TestService.unaryCall, request)
      peer = response.peer
      if response.message.body != Data(count: size) { outcome = "failed: not \(size) zeros" }
    } catch {
      outcome = "failed: \(error)"
    }
    let elapsed = milliseconds() - started
    if shared == nil { channel.close() }
    if elapsed > Double(flags.int("soak_per_iteration_max_acceptable_latency_ms")) {
      outcome += ", exceeds the acceptable latency"
    }
    if outcome != "succeeded" { failures += 1 }
    let place = "worker \(number) iteration \(iteration) elapsed_ms \(elapsed)"
    say("\(place) peer \(peer ?? "unknown") server \(flags.target) \(outcome)")
    let pause = began + Double(flags.int("soak_min_time_ms_between_rpcs")) - milliseconds()
    if pause > 0 { try await Task.sleep(nanoseconds: UInt64(pause * 1e6)) }
  }
  return (iterations, failures)
}

private func milliseconds() -> Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e6 }

func say(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }
