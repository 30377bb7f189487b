import CausewireCore

/// What the core's queue holds of us: takes batches and settles who waits for what.
///
/// The core sends exactly one end per call, cancelled or not, so each entry is removed exactly once.
final class Pump: Notify {
  enum Slot {
    /// The caller came first.
    case waiting(UnsafeContinuation<Ended, Never>)
    /// The end came first.
    case arrived(Ended)
    /// News came first, perhaps all of it: a server may have answered before the owner knows the call's number.
    case early(Inbox)
    case stream(Inbox)
  }

  let table = Locked([UInt64: Slot]())
  // Pump -> Queue -> core -> Pump is a cycle on purpose: the core lets go once the queue is closed and the last end is
  // taken, so no continuation can be lost.
  private let queue = Locked<Queue?>(nil)
  let watches = StateWatches()
  let host: Host

  init(host: Host) { self.host = host }

  func start(_ queue: Queue) { self.queue.withLock { $0 = queue } }

  /// The one call from the core, on its own thread. Draining right here saves a thread's wake per batch; the batches
  /// stay in order because the core never rings twice at once.
  func ready() {
    guard let queue = queue.withLock({ $0 }) else { return }
    var news: [News] = []
    var more = true
    while more {
      news.removeAll(keepingCapacity: true)
      more = queue.take(max: 256, into: &news)
      deliver(news, queue)
    }
  }

  func deliver(_ news: [News], _ queue: Queue) {
    // Never resume inside the lock: a cancellation handler may want it.
    if news.count == 1, let only = news.first {
      finish(table.withLock { settle(&$0, only) }, queue)
      return
    }
    var steps: [Step] = []
    steps.reserveCapacity(news.count)
    table.withLock { table in
      for item in news { steps.append(settle(&table, item)) }
    }
    for step in steps { finish(step, queue) }
  }

  // MARK: the callers' side

  func wait(_ id: UInt64, _ continuation: UnsafeContinuation<Ended, Never>) {
    let early: Ended? = table.withLock { table in
      if case .arrived(let ended) = table[id] {
        table[id] = nil
        return ended
      }
      table[id] = .waiting(continuation)
      return nil
    }
    if let early { continuation.resume(returning: early) }
  }

  /// The inbox of a stream that was just submitted; news may have come before.
  func adopt(_ id: UInt64) -> Inbox {
    table.withLock { table in
      switch table[id] {
      case .stream(let inbox): return inbox
      case .early(let inbox):
        table[id] = inbox.ended == nil ? .stream(inbox) : nil
        return inbox
      case .arrived(let ended):
        table[id] = nil
        let inbox = Inbox()
        inbox.finish(ended)
        return inbox
      case .waiting, nil:
        let inbox = Inbox()
        table[id] = .stream(inbox)
        return inbox
      }
    }
  }

  // MARK: settling

  /// What is left to do once the lock is open.
  private enum Step {
    case nothing
    case unary(UnsafeContinuation<Ended, Never>, Ended)
    case stream([UnsafeContinuation<Void, Never>])
    case ask(UInt64, Question)
    case askCancelled(UInt64)
    case log(LogRecord)
    case state(watch: UInt64)
  }

  private func finish(_ step: Step, _ queue: Queue) {
    switch step {
    case .nothing: break
    case .unary(let continuation, let ended): continuation.resume(returning: ended)
    case .stream(let waiters): for waiter in waiters { waiter.resume() }
    case .ask(let ask, let question): host.answer(ask, question, queue)
    case .askCancelled(let ask): host.cancel(ask)
    case .log(let line): host.record(line)
    case .state(let watch): watches.settle(watch, changed: true)
    }
  }

  private func settle(_ table: inout [UInt64: Slot], _ news: News) -> Step {
    switch news {
    case .done(let id, let ended): return end(&table, id, ended)
    case .messages(let id, let list):
      return change(&table, id) { inbox in if !inbox.abandoned { inbox.list.append(contentsOf: list) } }
    case .headers(let id, let headers, let peer):
      return change(&table, id) { inbox in
        inbox.headers = headers
        inbox.peer = peer ?? inbox.peer
      }
    case .room(let id): return change(&table, id) { $0.rooms += 1 }
    case .ask(let ask, let question): return .ask(ask, question)
    case .askCancelled(let ask): return .askCancelled(ask)
    case .log(let line): return .log(line)
    case .state(let watch, _): return .state(watch: watch)
    }
  }

  private func end(_ table: inout [UInt64: Slot], _ id: UInt64, _ ended: Ended) -> Step {
    switch table[id] {
    case .waiting(let continuation):
      table[id] = nil
      return .unary(continuation, ended)
    case .stream(let inbox):
      table[id] = nil
      inbox.finish(ended)
      return .stream(inbox.wake())
    case .early(let inbox):
      inbox.finish(ended)
      return .nothing
    case .arrived, nil:
      table[id] = .arrived(ended)
      return .nothing
    }
  }

  private func change(_ table: inout [UInt64: Slot], _ id: UInt64, _ body: (Inbox) -> Void) -> Step {
    let inbox: Inbox
    switch table[id] {
    case .stream(let known), .early(let known): inbox = known
    // A unary call has its headers in its reply.
    case .waiting, .arrived: return .nothing
    case nil:
      inbox = Inbox()
      table[id] = .early(inbox)
    }
    body(inbox)
    return .stream(inbox.wake())
  }
}
