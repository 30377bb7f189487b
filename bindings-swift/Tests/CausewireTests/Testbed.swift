import Causewire
import Foundation
import XCTest

/// The server that `build.sh test` started, and its messages encoded by hand.
struct Testbed {
  let target: String
  let tlsTarget: String
  let certificateAuthority: String
  let faults: [String: String]

  static let shared: Testbed? = {
    guard let line = ProcessInfo.processInfo.environment["CAUSEWIRE_TESTBED"],
      let places = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
      let target = places["target"] as? String, let tlsTarget = places["tls_target"] as? String,
      let file = places["ca_file"] as? String, let pem = try? String(contentsOfFile: file, encoding: .utf8),
      let faults = places["faults"] as? [String: String]
    else { return nil }
    return Testbed(target: target, tlsTarget: tlsTarget, certificateAuthority: pem, faults: faults)
  }()

  static let echo = Method("/causewire.testbed.v1.Testbed/Echo", request: EchoCodec(), reply: ReplyCodec())
  static let serverStream = Method(
    "/causewire.testbed.v1.Testbed/EchoServerStream", request: EchoCodec(), reply: ReplyCodec())
  static let clientStream = Method(
    "/causewire.testbed.v1.Testbed/EchoClientStream", request: EchoCodec(), reply: ReplyCodec())
  static let bidi = Method("/causewire.testbed.v1.Testbed/EchoBidi", request: EchoCodec(), reply: ReplyCodec())
}

/// `EchoRequest` of proto/causewire/testbed/v1/testbed.proto.
struct EchoRequest: Sendable {
  var payload = Data()
  var responseBytes: UInt64 = 0
  var count: UInt64 = 0
  var delay: UInt64 = 0
  var status: (code: UInt64, message: String)?
  var headers: [(String, String)] = []
  var trailers: [(String, String)] = []
}

struct EchoReply: Sendable, Equatable {
  var payload = Data()
  var received: UInt64 = 0
  var index: UInt64 = 0
}

struct EchoCodec: MessageCodec {
  var typeName: String? { "causewire.testbed.v1.EchoRequest" }

  func encode(_ message: EchoRequest) -> Data {
    var out = Wire()
    out.bytes(1, message.payload)
    out.number(2, message.responseBytes)
    out.number(3, message.count)
    out.number(4, message.delay)
    if let status = message.status {
      var inner = Wire()
      inner.number(1, status.code)
      inner.bytes(2, Data(status.message.utf8))
      out.bytes(5, inner.data)
    }
    for (field, entries) in [(6, message.headers), (7, message.trailers)] {
      for (key, value) in entries {
        var inner = Wire()
        inner.bytes(1, Data(key.utf8))
        inner.bytes(2, Data(value.utf8))
        out.bytes(field, inner.data)
      }
    }
    return out.data
  }

  func decode(_ bytes: Data) throws -> EchoRequest { throw Wire.Malformed() }
}

struct ReplyCodec: MessageCodec {
  var typeName: String? { "causewire.testbed.v1.EchoResponse" }
  func encode(_ message: EchoReply) throws -> Data { throw Wire.Malformed() }

  func decode(_ bytes: Data) throws -> EchoReply {
    var reply = EchoReply()
    for (field, value) in try Wire.fields(bytes) {
      switch (field, value) {
      case (1, .bytes(let payload)): reply.payload = payload
      case (2, .number(let received)): reply.received = received
      case (3, .number(let index)): reply.index = index
      default: break
      }
    }
    return reply
  }
}

/// As much of protobuf's wire format as the tests need.
struct Wire {
  struct Malformed: Error {}
  enum Value { case number(UInt64), bytes(Data) }

  private(set) var data = Data()

  mutating func number(_ field: Int, _ value: UInt64) {
    guard value != 0 else { return }
    varint(UInt64(field) << 3)
    varint(value)
  }

  mutating func bytes(_ field: Int, _ value: Data) {
    varint(UInt64(field) << 3 | 2)
    varint(UInt64(value.count))
    data.append(value)
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      data.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    data.append(UInt8(rest))
  }

  static func fields(_ data: Data) throws -> [(Int, Value)] {
    var rest = data[...]
    func varint() throws -> UInt64 {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 7) {
        guard let byte = rest.popFirst() else { throw Malformed() }
        value |= UInt64(byte & 0x7f) << shift
        if byte < 0x80 { return value }
      }
      throw Malformed()
    }
    var fields: [(Int, Value)] = []
    while !rest.isEmpty {
      let tag = try varint()
      switch tag & 7 {
      case 0: fields.append((Int(tag >> 3), .number(try varint())))
      case 2:
        let count = Int(try varint())
        guard rest.count >= count else { throw Malformed() }
        fields.append((Int(tag >> 3), .bytes(Data(rest.prefix(count)))))
        rest = rest.dropFirst(count)
      default: throw Malformed()
      }
    }
    return fields
  }
}

/// What the server has counted since it started.
struct ServerCounters {
  var resets: [UInt64: UInt64] = [:]
  /// RST_STREAM(CANCEL) frames.
  var cancels: UInt64 { resets[8] ?? 0 }

  static func read(_ channel: Channel) async throws -> ServerCounters {
    let bytes = try await channel.unary("/causewire.testbed.v1.Testbed/Counters", Data()).message
    var counters = ServerCounters()
    for (field, value) in try Wire.fields(bytes) {
      guard field == 4, case .bytes(let entry) = value else { continue }
      var key: UInt64 = 0, count: UInt64 = 0
      for (field, value) in try Wire.fields(entry) {
        guard case .number(let number) = value else { continue }
        if field == 1 { key = number } else { count = number }
      }
      counters.resets[key] = count
    }
    return counters
  }
}

class TestbedCase: XCTestCase {
  /// Plaintext to the echo service.
  func open(hooks: Hooks = Hooks()) throws -> Channel {
    try Channel(try testbed().target, options: .plaintext, hooks: hooks)
  }

  func testbed() throws -> Testbed {
    try XCTUnwrap(Testbed.shared, "run these tests by `bindings-swift/build.sh test`, which starts their server")
  }

  /// Polls, for what the server is told after the client has gone on.
  func eventually(_ what: String, _ holds: () async throws -> Bool) async throws {
    for _ in 0..<500 {
      if try await holds() { return }
      try await Task.sleep(nanoseconds: 10_000_000)
    }
    XCTFail("not within 5 s: \(what)")
  }
}

/// What was expected to fail gave this instead.
struct Succeeded: Error { let value: String }

/// The error of a call that must fail.
func failure<T>(_ work: () async throws(RpcError) -> T) async throws -> RpcError {
  let value: T
  do throws(RpcError) { value = try await work() } catch { return error }
  throw Succeeded(value: "\(value)")
}
