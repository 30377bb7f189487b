import CausewireCore

/// The state of a channel (gRPC's connectivity semantics).
public enum ConnectivityState: UInt8, Sendable, CaseIterable, CustomStringConvertible {
  /// No connection, and nobody asked for one.
  case idle = 0
  case connecting = 1
  case ready = 2
  /// The last attempt failed; the next one follows after the backoff.
  case transientFailure = 3
  /// Closed, for good.
  case shutdown = 4

  /// gRPC's name of it.
  public var description: String {
    switch self {
    case .idle: "IDLE"
    case .connecting: "CONNECTING"
    case .ready: "READY"
    case .transientFailure: "TRANSIENT_FAILURE"
    case .shutdown: "SHUTDOWN"
    }
  }

  public init?(_ name: String) {
    guard let state = Self.allCases.first(where: { $0.description == name }) else { return nil }
    self = state
  }
}

/// What a channel holds at the moment; all of it is zero once its calls are over and its connections closed.
public struct ChannelStats: Sendable, Equatable {
  public let connections: Int
  public let streams: Int
  public let tasks: Int
  public let bufferedBytes: Int
}

extension ChannelStats {
  init(_ counters: Counters) {
    connections = Int(clamping: counters.connections)
    streams = Int(clamping: counters.streams)
    tasks = Int(clamping: counters.tasks)
    bufferedBytes = Int(clamping: counters.bufferedBytes)
  }
}
