import CausewireCore
import Foundation

/// What has arrived for one stream and who waits for it. Every field is guarded by the pump's lock.
final class Inbox: @unchecked Sendable {
  var headers: Metadata?
  var peer: String?
  var list: [Data] = []
  /// How often the core said that there is room to send again.
  var rooms = 0
  /// The core, which would say so too, forgets a call that is over.
  var sendingClosed = false
  var ended: Ended?
  var abandoned = false
  /// Grows with all news: what a waiter has seen.
  private(set) var version = 0
  private var waiters: [UnsafeContinuation<Void, Never>] = []

  /// The reply of a client-streaming call comes with its end; it is read like any other message.
  func finish(_ ended: Ended) {
    self.ended = ended
    guard case .success(let reply) = ended else { return }
    headers = reply.headers
    peer = reply.peer
    if let message = reply.message, !abandoned { list.append(message) }
  }

  func wake() -> [UnsafeContinuation<Void, Never>] {
    version += 1
    defer { waiters = [] }
    return waiters
  }

  /// False when there was news since `seen`.
  func park(_ continuation: UnsafeContinuation<Void, Never>, seen: Int) -> Bool {
    guard version == seen else { return false }
    waiters.append(continuation)
    return true
  }
}

/// A call whose messages are streamed, without its types. The last owner that lets go of it cancels it.
final class StreamCall: Sendable {
  let core: Core
  let id: UInt64
  let method: UInt32
  private let inbox: Inbox

  init(core: Core, id: UInt64, method: UInt32) {
    self.core = core
    self.id = id
    self.method = method
    inbox = core.pump.adopt(id)
  }

  deinit { abandon() }

  func cancel() { core.queue.cancel(call: id) }

  func closeSend() {
    locked { $0.sendingClosed = true }
    core.queue.closeSend(call: id)
  }

  /// What became of a message that was handed to the core.
  enum Sent: UInt8 {
    case accepted = 0
    /// Taken; wait for room before the next.
    case full = 1
    /// Not taken: the call is over, or the server takes no more.
    case ended = 2
    /// Not taken: the caller has closed the sending side.
    case closed = 3
  }

  func send(_ message: Data, compress: Bool) -> Sent {
    let queue = core.queue
    let sent = compress ? queue.send(call: id, message: message) : queue.sendUncompressed(call: id, message: message)
    return Sent(rawValue: sent) ?? .ended
  }

  var peer: String? { locked { $0.peer } }

  /// Nobody will read on.
  func abandon() {
    let over = locked { inbox in
      inbox.abandoned = true
      inbox.list = []
      return inbox.ended != nil
    }
    if !over { cancel() }
  }

  func locked<R>(_ body: (Inbox) -> R) -> R { core.pump.table.withLock { _ in body(inbox) } }

  /// Waits until `ready` has a value. A cancelled task cancels the call, whose end is news like any other.
  func wait<T: Sendable>(
    isolation: isolated (any Actor)? = #isolation, until ready: (Inbox) -> T?
  ) async -> T {
    while true {
      let (value, seen) = locked { (ready($0), $0.version) }
      if let value { return value }
      await withTaskCancellationHandler {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
          if !locked({ $0.park(continuation, seen: seen) }) { continuation.resume() }
        }
      } onCancel: {
        cancel()
      }
    }
  }

  func end(isolation: isolated (any Actor)? = #isolation) async -> Ended {
    await wait(isolation: isolation) { $0.ended }
  }

  /// All messages that are there, or nil at the end. The core gets its credit when the reader takes the list.
  func nextList(isolation: isolated (any Actor)?) async throws(RpcError) -> [Data]? {
    // A stream that is always ahead of its reader would never let go of the thread.
    if locked({ !$0.list.isEmpty }) { await Task.yield() }
    let found: Result<[Data], RpcError> = await wait(isolation: isolation) { inbox in
      if !inbox.list.isEmpty {
        defer { inbox.list = [] }
        return .success(inbox.list)
      }
      return inbox.ended?.map { _ in [] }
    }
    let list = try found.get()
    guard !list.isEmpty else { return nil }
    core.queue.credit(call: id, messages: UInt32(clamping: list.count))
    return list
  }

  /// Cancelled with messages unread: waits for the end, which must not look like a complete stream.
  func cancelled(isolation: isolated (any Actor)?) async -> RpcError {
    cancel()
    locked { $0.list = [] }
    switch await end(isolation: isolation) {
    case .failure(let error): return error
    case .success: return core.failure(.cancelled, method: method, peer: peer)
    }
  }
}
