import Causewire
import Foundation

/// `{"op":"channel"}`: what a program can ask of a channel.
struct ChannelOperation: Sendable {
  let id: String
  let name: String
  let state: String?
  let timeout: Int?

  init(_ line: Line) throws {
    id = line.id
    name = try line.required("do")
    state = try line.string("state")
    timeout = try line.integer("timeout_ms")
  }

  func run(on channel: Channel) async throws -> JsonObject {
    var changed: Bool?
    switch name {
    case "state": break
    case "connect": channel.connect()
    case "wait_for_state_change": changed = try await waitForChange(channel)
    case "reset_backoff": channel.resetBackoff()
    case "network_changed": channel.networkChanged()
    case "close": channel.close()
    case "stats": break
    default: throw Misuse(field: "do", message: "not built")
    }
    var object = JsonObject()
    object.add("id", raw: id)
    object.add("state", channel.state.description)
    if let changed { object.add("changed", changed) }
    object.add("stats", raw: counters(channel.stats))
    object.add("failure", raw: "null")
    return object
  }

  private func waitForChange(_ channel: Channel) async throws -> Bool {
    let from: ConnectivityState
    if let state {
      guard let known = ConnectivityState(state) else { throw Misuse(field: "state", message: "is not a state") }
      from = known
    } else {
      from = channel.state
    }
    return await channel.waitForStateChange(from: from, timeout: timeout.map { Timeout.milliseconds($0) })
  }

  private func counters(_ stats: ChannelStats) -> String {
    var object = JsonObject()
    object.add("connections", stats.connections)
    object.add("streams", stats.streams)
    object.add("tasks", stats.tasks)
    object.add("buffered_bytes", stats.bufferedBytes)
    return object.text
  }
}

func refusal(_ id: String, _ error: RpcError) -> JsonObject {
  var object = JsonObject()
  object.add("id", raw: id)
  object.add("failure", raw: error.failure.json)
  return object
}
