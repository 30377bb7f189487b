import Causewire
import Foundation

/// The scripted answers of one hook: the next entry per use, the last one again when they run out.
final class Script: @unchecked Sendable {
  struct ScriptedError: Error, CustomStringConvertible {
    let description: String
  }

  private let lock = NSLock()
  private var entries: [Any]

  init(_ entries: [Any]) { self.entries = entries }

  /// A value, or what the entry says instead of one.
  func next<Value: Sendable>(_ type: Value.Type) async throws -> Value { try await value(take(), type) }

  private func value<Value: Sendable>(_ entry: Any?, _: Value.Type) async throws -> Value {
    switch entry {
    case let value as Value:
      return value
    case let object as [String: Any] where object["hang"] != nil:
      while true { try await Task.sleep(nanoseconds: 3_600_000_000_000) }
    case let object as [String: Any]:
      throw ScriptedError(description: object["error"] as? String ?? "failed")
    default:
      throw ScriptedError(description: "the script has no value of this kind")
    }
  }

  /// Addresses alone, or with a service config.
  func resolution() async throws -> Resolution {
    let entry = take()
    if let object = entry as? [String: Any], let addresses = object["addresses"] as? [String] {
      let config = try object["service_config"].map { try JSONSerialization.data(withJSONObject: $0) }
      return Resolution(addresses, serviceConfig: config.map { String(decoding: $0, as: UTF8.self) })
    }
    return Resolution(try await value(entry, [String].self))
  }

  private func take() -> Any? {
    lock.lock()
    defer { lock.unlock() }
    return entries.count > 1 ? entries.removeFirst() : entries.first
  }
}

/// What the host's logger received since the last look.
final class LogBook: @unchecked Sendable {
  private let lock = NSLock()
  private var lines: [String] = []

  func add(_ line: String) {
    lock.lock()
    defer { lock.unlock() }
    lines.append(line)
  }

  func drain() -> [String] {
    lock.lock()
    defer { lock.unlock() }
    let all = lines
    lines = []
    return all
  }
}

func hooks(_ line: Line, logs: LogBook) throws -> Hooks {
  var hooks = Hooks()
  hooks.log = { logs.add($0.description) }
  guard let described = try line.nested("hooks") else { return hooks }
  if let entries: [Any] = try described.array("token") {
    let script = Script(entries)
    hooks.token = { _ in try await script.next(String.self) }
  }
  if let entries: [Any] = try described.array("addresses") {
    let script = Script(entries)
    hooks.addresses = { _ in try await script.resolution() }
  }
  return hooks
}
