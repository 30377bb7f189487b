/// What a successful call with one reply gives.
public struct Response<Message: Sendable>: Sendable {
  public let message: Message
  /// What the server sent before the message.
  public let headers: Metadata
  /// What it sent after it.
  public let trailers: Metadata
  /// The address that answered.
  public let peer: String?
  /// How often the call was tried, the one that succeeded included.
  public let attempts: Int
}
