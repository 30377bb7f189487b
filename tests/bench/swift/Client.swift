import Causewire
import Foundation

let metadata: KeyValuePairs = ["x-request-id": "7d0f2c6a94e14b0c", "x-tenant": "bench"]
let streams: [String: (count: UInt32, size: UInt32)] = [
  "stream_100B": (20_000, 100), "stream_64KiB": (400, 64 << 10),
]

/// What every call carries.
func options() -> CallOptions {
  var options = CallOptions(timeout: .seconds(30))
  for (key, value) in metadata { options.metadata.append(key, value) }
  return options
}

func message(_ size: Int) -> Data { Data(repeating: UInt8(ascii: "x"), count: size) }

/// The request of a stream: a `BytesValue` of two numbers.
func wish(_ count: UInt32, _ size: UInt32) -> Data {
  var request = Data([0x0a, 8])
  for number in [count, size] {
    withUnsafeBytes(of: number.littleEndian) { request.append(contentsOf: $0) }
  }
  return request
}

/// Latencies in seconds where an operation has one of its own.
struct Done: Sendable {
  var operations = 0
  var latencies: [Double] = []
}

struct Client: Sendable {
  private let channel: Channel

  init(_ address: String) throws { channel = try Channel(address, options: .plaintext) }

  func unary(_ message: Data) async throws -> Data {
    try await channel.unary("/bench.Echo/Unary", message, options: options()).message
  }

  func pingPong() throws -> Turns {
    Turns(call: try channel.bidirectional("/bench.Echo/Bidi", options: options()))
  }

  func spend(_ cell: String, seconds: Double) async throws -> Done {
    let end = now() + seconds
    if let (count, size) = streams[cell] { return try await read(wish(count, size), until: end) }
    switch cell {
    case "unary": return try await calls(message(100), until: end)
    case "unary_1MiB": return try await calls(message(1 << 20), until: end)
    case "unary_64": return try await together(64, until: end)
    case "unary_10000": return try await together(10_000, until: end)
    case "ping_pong": return try await turns(until: end)
    default: throw Failed("there is no cell \(cell)")
    }
  }

  private func calls(_ message: Data, until end: Double) async throws -> Done {
    var done = Done()
    while true {
      let started = now()
      if started >= end { return done }
      let reply = try await unary(message)
      done.latencies.append(now() - started)
      done.operations += 1
      if reply.count != message.count { throw Failed("the reply is not the request") }
    }
  }

  private func together(_ width: Int, until end: Double) async throws -> Done {
    try await withThrowingTaskGroup(of: Done.self) { group in
      for _ in 0..<width { group.addTask { try await calls(message(100), until: end) } }
      return try await group.reduce(into: Done()) { all, one in
        all.operations += one.operations
        all.latencies += one.latencies
      }
    }
  }

  private func read(_ wish: Data, until end: Double) async throws -> Done {
    var done = Done()
    while now() < end {
      let call: Call<Data, Data> = try channel.serverStreaming("/bench.Echo/ServerStream", wish, options: options())
      for try await _ in call.messages { done.operations += 1 }
    }
    return done
  }

  private func turns(until end: Double) async throws -> Done {
    var done = Done()
    var turns = try pingPong()
    let message = message(100)
    while true {
      let started = now()
      if started >= end { break }
      try await turns.turn(message)
      done.latencies.append(now() - started)
      done.operations += 1
    }
    try await turns.end()
    return done
  }
}

/// One call whose messages are answered in turns.
struct Turns {
  private let call: Call<Data, Data>
  private var replies: Messages<Data>.Iterator

  init(call: Call<Data, Data>) {
    self.call = call
    replies = call.messages.makeAsyncIterator()
  }

  mutating func turn(_ message: Data) async throws {
    try await call.send(message)
    if try await replies.next() == nil { throw Failed("the call ended") }
  }

  mutating func end() async throws {
    call.closeSend()
    while try await replies.next() != nil {}
  }
}
