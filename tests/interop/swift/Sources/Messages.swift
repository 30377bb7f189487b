import Causewire
import Foundation

// The messages of proto/grpc/testing, as far as the cases use them.

struct Empty: WireEncodable, WireDecodable {
  init() {}
  init(fields: [(Int, Wire.Value)]) throws { guard fields.isEmpty else { throw Wire.Malformed() } }
  func encode(into wire: inout Wire) {}
}

struct Payload: WireEncodable {
  var body: Data
  init(zeros: Int) { body = Data(count: zeros) }
  func encode(into wire: inout Wire) { wire.bytes(2, body) }
}

struct BoolValue: WireEncodable {
  var value: Bool
  func encode(into wire: inout Wire) { wire.bool(1, value) }
}

struct EchoStatus: WireEncodable {
  var code: Int
  var message: String

  func encode(into wire: inout Wire) {
    wire.number(1, code)
    wire.bytes(2, Data(message.utf8))
  }
}

struct SimpleRequest: WireEncodable {
  var responseSize = 0
  var payload: Payload?
  var responseCompressed: BoolValue?
  var responseStatus: EchoStatus?
  var expectCompressed: BoolValue?
  var fillServerID = false

  func encode(into wire: inout Wire) {
    wire.number(2, responseSize)
    wire.message(3, payload)
    wire.message(6, responseCompressed)
    wire.message(7, responseStatus)
    wire.message(8, expectCompressed)
    wire.bool(9, fillServerID)
  }
}

struct SimpleResponse: WireDecodable {
  var body = Data()
  var serverID = ""

  init(fields: [(Int, Wire.Value)]) throws {
    for (field, value) in fields {
      switch (field, value) {
      case (1, .bytes(let payload)): body = try payloadBody(payload)
      case (4, .bytes(let text)): serverID = String(decoding: text, as: UTF8.self)
      default: break
      }
    }
  }
}

struct StreamingInputCallRequest: WireEncodable {
  var payload: Payload
  var expectCompressed: BoolValue?

  func encode(into wire: inout Wire) {
    wire.message(1, payload)
    wire.message(2, expectCompressed)
  }
}

struct StreamingInputCallResponse: WireDecodable {
  var aggregatedPayloadSize: UInt64 = 0

  init(fields: [(Int, Wire.Value)]) throws {
    for case (1, .number(let size)) in fields { aggregatedPayloadSize = size }
  }
}

struct ResponseParameters: WireEncodable {
  var size: Int
  var compressed: BoolValue?

  func encode(into wire: inout Wire) {
    wire.number(1, size)
    wire.message(3, compressed)
  }
}

struct StreamingOutputCallRequest: WireEncodable {
  var responseParameters: [ResponseParameters] = []
  var payload: Payload?
  var responseStatus: EchoStatus?

  func encode(into wire: inout Wire) {
    for parameters in responseParameters { wire.message(2, parameters) }
    wire.message(3, payload)
    wire.message(7, responseStatus)
  }
}

struct StreamingOutputCallResponse: WireDecodable {
  var body = Data()

  init(fields: [(Int, Wire.Value)]) throws {
    for case (1, .bytes(let payload)) in fields { body = try payloadBody(payload) }
  }
}

private func payloadBody(_ payload: Data) throws -> Data {
  for case (2, .bytes(let body)) in try Wire.fields(payload) { return body }
  return Data()
}

/// A codec each way, as generated code would declare them.
struct RequestCodec<Message: WireEncodable>: MessageCodec {
  var typeName: String? { "grpc.testing.\(Message.self)" }

  func encode(_ message: Message) -> Data {
    var wire = Wire()
    message.encode(into: &wire)
    return wire.data
  }

  func decode(_ bytes: Data) throws -> Message { throw Wire.Malformed() }
}

struct ReplyCodec<Message: WireDecodable>: MessageCodec {
  var typeName: String? { "grpc.testing.\(Message.self)" }
  func encode(_ message: Message) throws -> Data { throw Wire.Malformed() }
  func decode(_ bytes: Data) throws -> Message { try Message(fields: try Wire.fields(bytes)) }
}

extension Method where Request: WireEncodable, Reply: WireDecodable {
  init(testing path: String) { self.init("/grpc.testing.\(path)", request: RequestCodec(), reply: ReplyCodec()) }
}

enum TestService {
  static let emptyCall = Method<Empty, Empty>(testing: "TestService/EmptyCall")
  static let unaryCall = Method<SimpleRequest, SimpleResponse>(testing: "TestService/UnaryCall")
  static let streamingInputCall = Method<StreamingInputCallRequest, StreamingInputCallResponse>(
    testing: "TestService/StreamingInputCall")
  static let streamingOutputCall = Method<StreamingOutputCallRequest, StreamingOutputCallResponse>(
    testing: "TestService/StreamingOutputCall")
  static let fullDuplexCall = Method<StreamingOutputCallRequest, StreamingOutputCallResponse>(
    testing: "TestService/FullDuplexCall")
  static let unimplementedCall = Method<Empty, Empty>(testing: "TestService/UnimplementedCall")
}

enum UnimplementedService {
  static let unimplementedCall = Method<Empty, Empty>(testing: "UnimplementedService/UnimplementedCall")
}
