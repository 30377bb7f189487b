import Causewire
import Foundation

/// Decodes nothing: the driver's `"deserialize":"throw"`.
struct RefusingCodec: MessageCodec {
  struct Refused: Error {}
  var typeName: String? { nil }
  func encode(_ message: Data) throws -> Data { message }
  func decode(_ bytes: Data) throws -> Data { throw Refused() }
}

/// Takes what is in protobuf's wire format, as bytes: the driver's `"deserialize":"protobuf"`.
struct ProtobufCodec: MessageCodec {
  var typeName: String? { nil }
  func encode(_ message: Data) throws -> Data { message }
  func decode(_ bytes: Data) throws -> Data {
    var reader = WireReader(bytes)
    try reader.message()
    return bytes
  }
}

/// What one call showed its caller.
struct Outcome: Sendable {
  var headers: Metadata?
  var messages: [Data] = []
  var trailers = Metadata()
  var peer: String?
  var attempts = 0
  var unsent = 0
  var sendError: RpcError?
  /// The call object was let go of: nobody was told an end.
  var dropped = false
  var error: RpcError?

  mutating func fail(_ error: RpcError) {
    self.error = error
    headers = error.headers ?? headers
    trailers = error.trailers
    peer = error.peer
    attempts = error.attempts
  }
}

/// Makes one call through the public API and keeps what its user would see.
struct CallRunner: Sendable {
  let channel: Channel
  let request: CallRequest

  private var method: Method<Data, Data> {
    switch request.reading {
    case nil: Method(request.path)
    case .protobuf: Method(request.path, request: BytesCodec(), reply: ProtobufCodec())
    case .refuse: Method(request.path, request: BytesCodec(), reply: RefusingCodec())
    }
  }

  func run() async -> Outcome {
    var outcome = Outcome()
    do throws(RpcError) {
      if request.kind == .unary {
        await pause()
        let message = request.messages.first ?? Data()
        take(try await channel.unary(method, message, options: request.options), into: &outcome)
      } else {
        try await stream(&outcome)
      }
    } catch {
      outcome.fail(error)
    }
    return outcome
  }

  private func start(_ message: Data) throws(RpcError) -> Call<Data, Data> {
    switch request.kind {
    case .unary, .serverStreaming: try channel.serverStreaming(method, message, options: request.options)
    case .clientStreaming: try channel.clientStreaming(method, options: request.options)
    case .bidi: try channel.bidirectional(method, options: request.options)
    }
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

  private func stream(_ outcome: inout Outcome) async throws(RpcError) {
    if request.kind == .serverStreaming { await pause() }
    let (message, steps) = request.firstMessage()
    if let steps {
      // Nobody else holds the call, so that `drop` lets go of it.
      var runner = StepRunner(call: try start(message))
      return try await runner.run(steps, &outcome)
    }
    let call = try start(message)
    if request.kind == .bidi {
      async let sent = sendAll(call)
      let error = await receiveAll(call, &outcome)
      (outcome.unsent, outcome.sendError) = await sent
      if let error { throw error }
    } else {
      if request.kind == .clientStreaming { (outcome.unsent, outcome.sendError) = await sendAll(call) }
      if let error = await receiveAll(call, &outcome) { throw error }
    }
    try await finish(call, &outcome)
  }

  /// How many were not accepted, and the first error that says why.
  private func sendAll(_ call: Call<Data, Data>) async -> (Int, RpcError?) {
    var unsent = 0
    var first: RpcError?
  var sendError: RpcError?
    for message in request.messages {
      await pause()
      do throws(RpcError) {
        if !(try await call.send(message)) { unsent += 1 }
      } catch {
        unsent += 1
        first = first ?? error
      }
    }
    call.closeSend()
    return (unsent, first)
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
    outcome.unsent = steps.count(where: \.sends)
    for step in steps {
      guard try await perform(step, &outcome) else { break }
    }
    guard let call else {
      outcome.dropped = true
      return
    }
    call.closeSend()
    while let message = try await reader?.next() { outcome.messages.append(message) }
    try await finish(call, &outcome)
  }

  /// False: a message was not accepted.
  private mutating func perform(_ step: Step, _ outcome: inout Outcome) async throws(RpcError) -> Bool {
    guard let call else { return false }
    switch step {
    case .send(let message, let compress):
      do throws(RpcError) {
        guard try await call.send(message, compress: compress) else { return false }
      } catch {
        outcome.sendError = outcome.sendError ?? error
        return false
      }
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
      return false
    }
    return true
  }
}
