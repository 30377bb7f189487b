import CausewireCore

/// Who waits for a channel to change its state.
final class StateWatches: Sendable {
  private enum Watch {
    case open
    case waiting(UnsafeContinuation<Bool, Never>)
    case settled(Bool)
  }

  private let table = Locked([UInt64: Watch]())

  /// Waits until the state is another than `known`. False: the time was up, or the task was cancelled.
  func wait(_ queue: Queue, from known: ConnectivityState, timeout: Timeout?) async -> Bool {
    // The core may tell before it has told us the number: the table stays locked until the number is in it.
    let watch = table.withLock { table in
      let watch = queue.watch(known: known.rawValue)
      table[watch] = .open
      return watch
    }
    let timer = timeout.map { timeout in
      Task.detached {
        try? await Task.sleep(nanoseconds: UInt64(max(0, timeout.nanoseconds)))
        self.settle(watch, changed: false)
      }
    }
    let changed = await withTaskCancellationHandler {
      await withUnsafeContinuation { self.park(watch, $0) }
    } onCancel: {
      self.settle(watch, changed: false)
    }
    timer?.cancel()
    if !changed { queue.unwatch(watch: watch) }
    return changed
  }

  /// The first answer counts.
  func settle(_ watch: UInt64, changed: Bool) {
    let continuation: UnsafeContinuation<Bool, Never>? = table.withLock { table in
      switch table[watch] {
      case .open:
        table[watch] = .settled(changed)
        return nil
      case .waiting(let continuation):
        table[watch] = nil
        return continuation
      case .settled, nil: return nil
      }
    }
    continuation?.resume(returning: changed)
  }

  private func park(_ watch: UInt64, _ continuation: UnsafeContinuation<Bool, Never>) {
    let settled: Bool? = table.withLock { table in
      if case .settled(let changed) = table[watch] {
        table[watch] = nil
        return changed
      }
      table[watch] = .waiting(continuation)
      return nil
    }
    if let settled { continuation.resume(returning: settled) }
  }
}
