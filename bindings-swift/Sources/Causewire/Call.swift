import Foundation

/// A streaming call: what is sent, what is received, and how it ends.
///
/// Sending and receiving may be done by different tasks at once. The call is cancelled when its last owner lets go of
/// it, when the loop over its messages is left early, and when a task that waits for it is cancelled.
public final class Call<Request: Sendable, Reply: Sendable>: Sendable {
  /// What the server sends. Also for a client-streaming call, whose one reply it has.
  public let messages: Messages<Reply>

  private let stream: StreamCall
  private let coder: Coder<Request>

  init(_ stream: StreamCall, _ method: Method<Request, Reply>) {
    self.stream = stream
    coder = method.request
    messages = Messages(stream: stream, coder: method.reply)
  }

  /// What the server sent before its first message. Waits for it.
  ///
  /// - Throws: The call's failure, when it failed before.
  public func headers() async throws(RpcError) -> Metadata {
    let found: Result<Metadata, RpcError> = await stream.wait { inbox in
      if let headers = inbox.headers { return .success(headers) }
      return inbox.ended?.map(\.headers)
    }
    return try found.get()
  }

  /// What it sent at the end. Waits for the end, which comes once the messages have been read.
  ///
  /// - Throws: The call's failure.
  public func trailers() async throws(RpcError) -> Metadata {
    try await stream.end().get().trailers
  }

  /// Sends a message, and waits while the server takes them more slowly than they are sent.
  ///
  /// - Parameter compress: False: the message leaves as it is although the call compresses. The size of a compressed
  ///   message tells of a secret that stands beside text which others choose (gRPC's doc/compression.md; CRIME, BREACH).
  /// - Returns: False, when the server takes no more; reading tells why.
  /// - Throws: The call's failure when it has failed; `REQUEST_INVALID` after ``closeSend()``.
  @discardableResult
  public func send(_ message: Request, compress: Bool = true) async throws(RpcError) -> Bool {
    let bytes = try coder.encode(message, stream.core, stream.method)
    // Before the message leaves: the room may be there before we look for it.
    let (rooms, closed) = stream.locked { ($0.rooms, $0.sendingClosed) }
    switch closed ? .closed : stream.send(bytes, compress: compress) {
    case .accepted: return true
    case .full:
      // The message is taken, so that the call's end, if it comes first, is for the reader to see.
      await stream.wait { $0.ended != nil || $0.rooms != rooms ? () : nil }
      return true
    case .ended:
      if let ended = stream.locked({ $0.ended }) { _ = try ended.get() }
      return false
    case .closed:
      throw stream.core.failure(.sendingClosed, method: stream.method)
    }
  }

  /// Says that no more messages follow; the server may still answer.
  public func closeSend() { stream.closeSend() }

  /// Stops the call: the server learns of it at once, and everything that waits throws `CANCELLED_BY_CALLER`.
  public func cancel() { stream.cancel() }

  /// The address of the server, once it has answered.
  public var peer: String? { stream.peer }

  /// How often the call was tried, once it has ended.
  public var attempts: Int {
    switch stream.locked({ $0.ended }) {
    case .success(let reply): reply.attempts
    case .failure(let error): error.attempts
    case nil: 0
    }
  }

  /// The one reply of a client-streaming call, with what came around it.
  ///
  /// - Throws: The call's failure; `REQUEST_INVALID` in a call whose replies are streamed, when there was not exactly one.
  public func response() async throws(RpcError) -> Response<Reply> {
    var reader = messages.makeAsyncIterator()
    let message = try await reader.next()
    let more = try await reader.next()
    guard let message, more == nil else { throw stream.core.failure(.noSingleReply, method: stream.method) }
    let reply = try await stream.end().get()
    return Response(
      message: message, headers: reply.headers, trailers: reply.trailers, peer: reply.peer, attempts: reply.attempts)
  }
}
