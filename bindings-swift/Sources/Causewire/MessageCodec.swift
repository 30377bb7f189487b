import Foundation

/// How one message type becomes bytes and back. Implement it for the protobuf library of your choice.
///
/// An `encode` that throws ends the call with `REQUEST_INVALID` before anything is sent, a `decode` that throws with
/// `RESPONSE_DECODE_FAILED`. What they threw is kept in `RpcError.cause` and appears in no text, as it may quote payload.
public protocol MessageCodec<Message>: Sendable {
  associatedtype Message: Sendable

  /// The type's name as users know it (`echo.v1.EchoRequest`), for failures; none where there is no such type.
  var typeName: String? { get }

  func encode(_ message: Message) throws -> Data
  func decode(_ bytes: Data) throws -> Message
}

/// Messages that are already bytes.
public struct BytesCodec: MessageCodec {
  public init() {}
  public var typeName: String? { nil }
  public func encode(_ message: Data) throws -> Data { message }
  public func decode(_ bytes: Data) throws -> Data { bytes }
}

/// A method of a service with the types of its messages; what generated code would declare once per method.
public struct Method<Request: Sendable, Reply: Sendable>: Sendable {
  /// `/package.Service/Method`
  public let path: String
  let request: Coder<Request>
  let reply: Coder<Reply>

  public init(_ path: String, request: some MessageCodec<Request>, reply: some MessageCodec<Reply>) {
    self.path = path
    self.request = Coder(request)
    self.reply = Coder(reply)
  }
}

extension Method where Request == Data, Reply == Data {
  /// A method whose messages are left as bytes.
  public init(_ path: String) { self.init(path, request: BytesCodec(), reply: BytesCodec()) }
}

extension Method: ExpressibleByStringLiteral, ExpressibleByUnicodeScalarLiteral,
  ExpressibleByExtendedGraphemeClusterLiteral
where Request == Data, Reply == Data {
  /// `channel.unary("/package.Service/Method", bytes)`
  public init(stringLiteral path: String) { self.init(path) }
}

/// A codec without its type: `any MessageCodec<Message>` needs the runtime of macOS 13 / iOS 16.
struct Coder<Message: Sendable>: Sendable {
  private let typeName: String?
  private let encoding: @Sendable (Message) throws -> Data
  private let decoding: @Sendable (Data) throws -> Message

  init(_ codec: some MessageCodec<Message>) {
    typeName = codec.typeName
    encoding = codec.encode
    decoding = codec.decode
  }

  func encode(_ message: Message, _ core: Core, _ method: UInt32) throws(RpcError) -> Data {
    do { return try encoding(message) } catch { throw core.failure(.encode, method: method, cause: error) }
  }

  func decode(_ bytes: Data, _ core: Core, _ method: UInt32, peer: String?) throws(RpcError) -> Message {
    do {
      return try decoding(bytes)
    } catch {
      throw core.failure(.decode(typeName: typeName), method: method, peer: peer, cause: error)
    }
  }
}
