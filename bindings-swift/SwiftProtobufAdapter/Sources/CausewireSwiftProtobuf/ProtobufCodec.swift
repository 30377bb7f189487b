import Causewire
import Foundation
import SwiftProtobuf

/// Messages that `protoc-gen-swift` generated.
public struct ProtobufCodec<Message: SwiftProtobuf.Message & Sendable>: MessageCodec {
  public init() {}

  public var typeName: String? { Message.protoMessageName }
  public func encode(_ message: Message) throws -> Data { try message.serializedData() }
  public func decode(_ bytes: Data) throws -> Message { try Message(serializedBytes: bytes) }
}

extension Method where Request: SwiftProtobuf.Message, Reply: SwiftProtobuf.Message {
  /// `Method<Echo_Request, Echo_Reply>(protobuf: "/echo.Echo/Unary")`
  public init(protobuf path: String) {
    self.init(path, request: ProtobufCodec<Request>(), reply: ProtobufCodec<Reply>())
  }
}
