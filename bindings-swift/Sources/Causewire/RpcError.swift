import CausewireCore
import Foundation

/// Why a call, or the making of a channel, failed. The one error that this library throws.
///
/// `code` is gRPC's status; ``failure`` says which layer failed and why, whether it is a security, network, server,
/// client or configuration fault, whether the request may have reached the server, whether a retry is safe, and what
/// to do.
///
/// Printing it shows one line without secrets; ``diagnostic()`` has everything for the person who has to repair it,
/// ``publicDescription()`` no address or name.
public struct RpcError: Error, Sendable {
  // One pointer, so that a typed throw and a `Result` stay small.
  private let facts: Facts

  private final class Facts: Sendable {
    let record: String
    let message: String
    let details: Data?
    let headers: Metadata?
    let trailers: Metadata
    let peer: String?
    let attempts: Int
    let cause: (any Error)?
    private let decoded = Locked<Failure?>(nil)

    /// Decoded when somebody looks: an error may be made on the core's thread, which has better things to do.
    var failure: Failure {
      decoded.withLock { decoded in
        if let decoded { return decoded }
        let failure = Failure(json: record)
        decoded = failure
        return failure
      }
    }

    init(
      record: String, message: String, details: Data?, headers: Metadata?, trailers: Metadata, peer: String?,
      attempts: Int, cause: (any Error)?
    ) {
      self.record = record
      self.message = message
      self.details = details
      self.headers = headers
      self.trailers = trailers
      self.peer = peer
      self.attempts = attempts
      self.cause = cause
    }
  }

  init(
    record: String, message: String, details: Data? = nil, headers: Metadata? = nil, trailers: Metadata = Metadata(),
    peer: String? = nil, attempts: Int = 0, cause: (any Error)? = nil
  ) {
    facts = Facts(
      record: record, message: message, details: details, headers: headers, trailers: trailers,
      peer: peer, attempts: attempts, cause: cause)
  }

  init(refusal error: any Error) {
    switch error as? Refusal {
    case .Failed(let record, let message): self.init(record: record, message: message)
    // Only if the border itself is broken: the core then has no record to give.
    case nil: self.init(record: "", message: String(describing: error))
    }
  }

  /// gRPC's status code.
  public var code: StatusCode { failure.code }
  /// The server's grpc-message, unchanged, or one line of ours. It is the server's own text: treat it as input.
  public var message: String { facts.message }
  /// The server's serialized `google.rpc.Status`, if it sent one; ``failure`` has it decoded.
  public var details: Data? { facts.details }
  /// Why, as data.
  public var failure: Failure { facts.failure }
  /// What the server sent first, if it got that far.
  public var headers: Metadata? { facts.headers }
  public var trailers: Metadata { facts.trailers }
  /// The address of the server that the call was on.
  public var peer: String? { facts.peer }
  /// How often the call was tried.
  public var attempts: Int { facts.attempts }
  /// What a codec of the program threw, for the program's eyes: it is in no text, because it may quote payload.
  public var cause: (any Error)? { facts.cause }

  /// Several lines for the person who has to repair it. Has addresses and names, never secrets.
  public func diagnostic() -> String { render(record: facts.record, style: 1) }

  /// One line without addresses and names, to be shown to a stranger.
  public func publicDescription() -> String { render(record: facts.record, style: 2) }
}

extension RpcError: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable, LocalizedError {
  public var description: String { render(record: facts.record, style: 0) }
  public var debugDescription: String { "RpcError(\(description))" }
  public var errorDescription: String? { description }
  public var customMirror: Mirror { Mirror(self, children: ["code": code, "cause": failure.cause]) }
}
