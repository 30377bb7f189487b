import Causewire
import Foundation

/// The channels by name. Used by the reader of stdin only, so that the first line of a name is the one that counts.
struct Channels {
  private var built: [String: Result<Channel, RpcError>] = [:]
  let logs = LogBook()

  /// The channel of a line; a channel that cannot be built is the failure of each call on it.
  mutating func channel(_ line: Line) throws -> Result<Channel, RpcError> {
    let name = try line.string("channel")
    let described = try line.nested("hooks")
    if described?.has("token") == true || described?.has("addresses") == true, name == nil {
      throw Misuse(field: "channel", message: "is missing: hooks need one")
    }
    let options: [String: Any] = try line.nested("options")?.object ?? [:]
    let key = try name.map { "n:" + $0 } ?? "t:" + line.required("target") + canonical(options)
    if let known = built[key] { return known }
    let channel = try open(target: line.required("target"), options, hooks(line, logs: logs))
    built[key] = channel
    return channel
  }

  func closeAll() {
    for case .success(let channel) in built.values { channel.close() }
  }

  private func open(target: String, _ options: [String: Any], _ hooks: Hooks) -> Result<Channel, RpcError> {
    do throws(RpcError) {
      return .success(try Channel(target, optionsJSON: canonical(options), hooks: hooks))
    } catch {
      return .failure(error)
    }
  }
}
