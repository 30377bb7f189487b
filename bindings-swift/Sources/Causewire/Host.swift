import CausewireCore
import Foundation

/// What a program answers or hears on a channel's behalf. All closures may run at the same time on any thread.
public struct Hooks: Sendable {
  /// The bearer token of a call, asked once per attempt and only on a secure connection. Bounded by the call's
  /// deadline and cancelled with the call. Throw ``ProviderUnavailable`` when the issuer cannot be reached
  /// (`CREDENTIALS_UNAVAILABLE`); any other error refuses the call (`CREDENTIALS_FAILED`). What was thrown appears
  /// in no failure, because it may quote the secret.
  public var token: (@Sendable (TokenRequest) async throws -> String)?
  /// What is known of a target, instead of a name lookup; an array of addresses is one. Asked again after failures and
  /// on the period `dns.refreshMs`, and cancelled when the channel is closed. What it throws appears in no failure: a call
  /// then fails with `RESOLVER_FAILED`, and without an address with `NAME_NOT_FOUND`. The addresses that it gave before
  /// stay in use.
  public var addresses: (@Sendable (String) async throws -> Resolution)?
  /// The channel's log lines, one at a time and in order. They are free of secrets.
  public var log: (@Sendable (LogRecord) -> Void)?

  public init(
    token: (@Sendable (TokenRequest) async throws -> String)? = nil,
    addresses: (@Sendable (String) async throws -> Resolution)? = nil,
    log: (@Sendable (LogRecord) -> Void)? = nil
  ) {
    self.token = token
    self.addresses = addresses
    self.log = log
  }
}

extension Hooks {
  /// Which questions the core may ask (`bindings-swift/src/interface.rs`).
  var bits: UInt8 { (token == nil ? 0 : 1) | (addresses == nil ? 0 : 2) | (log == nil ? 0 : 4) }
}

/// What an `addresses` hook found.
public struct Resolution: Sendable, ExpressibleByArrayLiteral {
  /// `ip:port`, `[ip6]:port` or `unix:/path`, in the order in which they are to be tried.
  public var addresses: [String]
  /// The gRPC service config as its JSON document, in place of the channel's own. One that is not valid is rejected whole:
  /// the last one stays, and without one calls fail with `SERVICE_CONFIG_INVALID`.
  public var serviceConfig: String?

  public init(_ addresses: [String], serviceConfig: String? = nil) {
    self.addresses = addresses
    self.serviceConfig = serviceConfig
  }

  public init(arrayLiteral addresses: String...) { self.init(addresses) }
}

/// What a token is asked for.
public struct TokenRequest: Sendable {
  /// `/package.Service/Method`
  public let method: String
  /// `https://host[:port]/package.Service`, as JWT access tokens name it.
  public let audience: String
}

/// Thrown by a token hook whose issuer cannot be reached: the call may be tried again.
public struct ProviderUnavailable: Error {
  public init() {}
}

/// One line for the program's own logger.
public struct LogRecord: Sendable, CustomStringConvertible {
  public enum Level: UInt8, Sendable, CustomStringConvertible {
    case error, warn, info, debug
    public var description: String {
      switch self {
      case .error: "error"
      case .warn: "warn"
      case .info: "info"
      case .debug: "debug"
      }
    }
  }

  public let level: Level
  public let text: String
  /// Lines that were dropped before this one because they were not taken in time.
  public let dropped: UInt64

  init(level: UInt8, text: String, dropped: UInt64) {
    self.level = Level(rawValue: level) ?? .info
    self.text = text
    self.dropped = dropped
  }

  public var description: String { "\(level): \(text)" }
}

/// A question of the core.
enum Question: Sendable {
  case token(TokenRequest)
  case addresses(target: String)
}

/// Answers the core's questions and hands on its log lines.
final class Host: Sendable {
  private let hooks: Hooks
  private let log: AsyncStream<LogRecord>.Continuation?
  private let answering = Locked([UInt64: Task<Void, Never>]())

  init(hooks: Hooks) {
    self.hooks = hooks
    guard let handler = hooks.log else {
      log = nil
      return
    }
    // The program's logger must not hold up the core's thread, nor grow without bound when it is slow.
    let (lines, log) = AsyncStream.makeStream(of: LogRecord.self, bufferingPolicy: .bufferingNewest(1024))
    self.log = log
    Task.detached { for await line in lines { handler(line) } }
  }

  deinit { stop() }

  /// The channel is closed: nobody waits for an answer any more.
  func stop() {
    log?.finish()
    let tasks = answering.withLock { tasks in
      defer { tasks = [:] }
      return tasks.values
    }
    for task in tasks { task.cancel() }
  }

  func record(_ line: LogRecord) { log?.yield(line) }

  /// Nobody waits for the answer any more.
  func cancel(_ ask: UInt64) { answering.withLock { $0[ask] }?.cancel() }

  /// Runs the hook in a task of its own. An answer that comes too late is dropped by the core.
  func answer(_ ask: UInt64, _ question: Question, _ queue: Queue) {
    answering.withLock { tasks in
      tasks[ask] = Task.detached { [weak self, hooks] in
        await hooks.answer(ask, question, queue)
        self?.answering.withLock { $0[ask] = nil }
      }
    }
  }
}

extension Hooks {
  fileprivate func answer(_ ask: UInt64, _ question: Question, _ queue: Queue) async {
    do {
      switch question {
      case .token(let request):
        guard let token else { throw ProviderUnavailable() }
        queue.answerToken(ask: ask, token: try await token(request))
      case .addresses(let target):
        guard let addresses else { throw ProviderUnavailable() }
        let found = try await addresses(target)
        queue.answerResolution(ask: ask, addresses: found.addresses, serviceConfig: found.serviceConfig)
      }
    } catch {
      queue.answerFailed(ask: ask, unavailable: error is ProviderUnavailable)
    }
  }
}
