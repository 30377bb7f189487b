import Causewire
import Foundation

/// Decodes nothing: the driver's `"deserialize":"throw"`.
struct RefusingCodec: MessageCodec {
  struct Refused: Error {}
  var typeName: String { "bytes" }
  func encode(_ message: Data) throws -> Data { message }
  func decode(_ bytes: Data) throws -> Data { throw Refused() }
}

/// What one call showed its caller.
struct Outcome: Sendable {
  var headers: Metadata?
  var messages: [Data] = []
  var trailers = Metadata()
  var peer: String?
  var attempts = 0
  var unsent = 0
  var error: RpcError?

  mutating func fail(_ error: RpcError) {
    self.error = error
    headers = error.headers ?? headers
    trailers = error.trailers
    peer = error.peer ?? peer
    attempts = error.attempts
  }
}

/// Makes one call through the public API and keeps what its user would see.
struct CallRunner: Sendable {
  let channel: Channel
  let request: CallRequest

  private var method: Method<Data, Data> {
    request.refuseToDecode
      ? Method(request.path, request: BytesCodec(), reply: RefusingCodec())
      : Method(request.path)
  }

  func run() async -> Outcome {
    var outcome = Outcome()
    do throws(RpcError) {
      switch request.kind {
      case .unary:
        await pause()
        outcome.unsent = request.messages.isEmpty ? 0 : 1
        let message = request.messages.first ?? Data()
        let response = try await channel.unary(method, message, options: request.options)
        outcome.unsent = 0
        take(response, into: &outcome)
      case .serverStreaming:
        await pause()
        let message = request.messages.first ?? Data()
        try await stream(channel.serverStreaming(method, message, options: request.options), &outcome, sends: false)
      case .clientStreaming:
        try await stream(channel.clientStreaming(method, options: request.options), &outcome, sends: true)
      case .bidi:
        try await stream(channel.bidirectional(method, options: request.options), &outcome, sends: true)
      }
    } catch {
      outcome.fail(error)
    }
    return outcome
  }

  private func pause() async {
    guard request.delay > 0 else { return }
    try? await Task.sleep(nanoseconds: UInt64(request.delay) * 1_000_000)
  }

  private func take(_ response: Response<Data>, into outcome: inout Outcome) {
    outcome.headers = response.headers
    outcome.messages = [response.message]
    outcome.trailers = response.trailers
    outcome.peer = response.peer
    outcome.attempts = response.attempts
  }

  private func stream(_ call: Call<Data, Data>, _ outcome: inout Outcome, sends: Bool) async throws(RpcError) {
    if let steps = request.steps {
      var runner = StepRunner(call: call)
      try await runner.run(steps, &outcome)
      return
    }
    if request.kind == .bidi {
      async let sent = sendAll(call)
      let error = await receiveAll(call, &outcome)
      outcome.unsent = await sent
      if let error { throw error }
    } else {
      if sends { outcome.unsent = await sendAll(call) }
      if let error = await receiveAll(call, &outcome) { throw error }
    }
    try await finish(call, &outcome)
  }

  /// How many were not accepted; the call's end says why.
  private func sendAll(_ call: Call<Data, Data>) async -> Int {
    for (index, message) in request.messages.enumerated() {
      await pause()
      do throws(RpcError) { try await call.send(message) } catch { return request.messages.count - index }
    }
    call.closeSend()
    return 0
  }
}

private func receiveAll(_ call: Call<Data, Data>, _ outcome: inout Outcome) async -> RpcError? {
  do throws(RpcError) {
    for try await message in call.messages { outcome.messages.append(message) }
    return nil
  } catch {
    return error
  }
}

private func finish(_ call: Call<Data, Data>, _ outcome: inout Outcome) async throws(RpcError) {
  outcome.headers = try await call.headers()
  outcome.trailers = try await call.trailers()
  outcome.peer = call.peer
  outcome.attempts = call.attempts
}

/// Runs the driver's `steps` one after another.
private struct StepRunner {
  private var call: Call<Data, Data>?
  private var reader: Messages<Data>.Iterator?

  init(call: Call<Data, Data>) {
    self.call = call
    reader = call.messages.makeAsyncIterator()
  }

  mutating func run(_ steps: [Step], _ outcome: inout Outcome) async throws(RpcError) {
    let sends = steps.reduce(0) { if case .send = $1 { $0 + 1 } else { $0 } }
    outcome.unsent = sends
    var failed: RpcError?
    for step in steps {
      do throws(RpcError) {
        try await perform(step, &outcome)
      } catch {
        failed = error
        break
      }
    }
    guard let call else { return }
    if failed == nil { call.closeSend() }
    if let error = await drain(&outcome) ?? failed { throw error }
    try await finish(call, &outcome)
  }

  private mutating func perform(_ step: Step, _ outcome: inout Outcome) async throws(RpcError) {
    guard let call else { return }
    switch step {
    case .send(let message):
      try await call.send(message)
      outcome.unsent -= 1
    case .receive(let count):
      var left = count ?? .max
      while left > 0, let message = try await reader?.next() {
        outcome.messages.append(message)
        left -= 1
      }
    case .headers: outcome.headers = try await call.headers()
    case .sleep(let duration): try? await Task.sleep(nanoseconds: UInt64(max(0, duration)) * 1_000_000)
    case .close: call.closeSend()
    case .cancel: call.cancel()
    case .drop:
      reader = nil
      self.call = nil
    }
  }

  private mutating func drain(_ outcome: inout Outcome) async -> RpcError? {
    do throws(RpcError) {
      while let message = try await reader?.next() { outcome.messages.append(message) }
      return nil
    } catch {
      return error
    }
  }
}
