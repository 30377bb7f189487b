import Foundation

/// The messages of a call, in the order in which the server sent them.
///
/// Read by one task at a time. Leaving the loop early (`break`, a throw) cancels the call: the server learns of it at
/// once. A loop in a cancelled task throws `CANCELLED_BY_CALLER`, also when messages were left unread, so that a stream
/// that was cut short never looks complete.
public struct Messages<Element: Sendable>: AsyncSequence, Sendable {
  public typealias Failure = RpcError

  let stream: StreamCall
  let coder: Coder<Element>

  public func makeAsyncIterator() -> Iterator { Iterator(stream: stream, coder: coder) }

  public struct Iterator: AsyncIteratorProtocol {
    /// Dies with the loop, also when the sequence lives on.
    private final class Loop: Sendable {
      let stream: StreamCall
      init(_ stream: StreamCall) { self.stream = stream }
      deinit { stream.abandon() }
    }

    private let loop: Loop
    private let coder: Coder<Element>
    private var list: [Data] = []
    private var index = 0
    private var finished = false

    init(stream: StreamCall, coder: Coder<Element>) {
      loop = Loop(stream)
      self.coder = coder
    }

    public mutating func next() async throws(RpcError) -> Element? { try await next(isolation: nil) }

    /// Yields from the list without suspending; `isolation` keeps a caller on an actor from hopping away and back for
    /// every message. (No `defer` here: with an isolated parameter it crashes Swift 6.0's compiler.)
    public mutating func next(isolation: isolated (any Actor)?) async throws(RpcError) -> Element? {
      if finished { return nil }
      if index == list.count {
        do {
          guard let fresh = try await loop.stream.nextList(isolation: isolation) else {
            finished = true
            return nil
          }
          list = fresh
          index = 0
        } catch {
          finished = true
          throw error
        }
      }
      if Task.isCancelled {
        finished = true
        throw await loop.stream.cancelled(isolation: isolation)
      }
      let bytes = list[index]
      index += 1
      do {
        return try coder.decode(bytes, loop.stream.core, loop.stream.method, peer: loop.stream.peer)
      } catch {
        finished = true
        loop.stream.cancel()
        throw error
      }
    }
  }
}
