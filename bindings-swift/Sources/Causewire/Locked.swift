#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A lock with its state.
///
/// `Mutex` of Synchronization needs macOS 15 / iOS 18 and `OSAllocatedUnfairLock` macOS 13 / iOS 16; this works on every
/// platform of the package. Never resume a continuation inside `withLock`: a cancellation handler may want the same lock.
final class Locked<State>: @unchecked Sendable {
  #if canImport(Darwin)
  private typealias Raw = os_unfair_lock
  #else
  private typealias Raw = pthread_mutex_t
  #endif
  // A lock needs a stable address, which a Swift property does not have.
  private let raw = UnsafeMutablePointer<Raw>.allocate(capacity: 1)
  private var state: State

  init(_ state: State) {
    self.state = state
    #if canImport(Darwin)
    raw.initialize(to: os_unfair_lock())
    #else
    raw.initialize(to: pthread_mutex_t())
    pthread_mutex_init(raw, nil)
    #endif
  }

  deinit {
    #if !canImport(Darwin)
    pthread_mutex_destroy(raw)
    #endif
    raw.deinitialize(count: 1)
    raw.deallocate()
  }

  @inline(__always)
  func withLock<R, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
    #if canImport(Darwin)
    os_unfair_lock_lock(raw)
    defer { os_unfair_lock_unlock(raw) }
    #else
    pthread_mutex_lock(raw)
    defer { pthread_mutex_unlock(raw) }
    #endif
    return try body(&state)
  }
}
