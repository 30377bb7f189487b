import Causewire
import Foundation

/// What is wrong with a line of the driver's protocol.
struct Misuse: Error {
  let field: String
  let message: String
}

/// A request line, read field by field with the field's name in the error.
/// It is handed from the reader to one task and never changed, which `[String: Any]` cannot say of itself.
struct Line: @unchecked Sendable {
  let object: [String: Any]

  init(_ text: String) throws {
    guard let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] else {
      throw Misuse(field: "line", message: "is not a JSON object")
    }
    self.object = object
  }

  init(_ object: [String: Any]) { self.object = object }

  /// As it came, to be given back unchanged.
  var id: String { object["id"].map(canonical) ?? "null" }

  func has(_ key: String) -> Bool { value(key) != nil }

  func value(_ key: String) -> Any? {
    guard let value = object[key], !(value is NSNull) else { return nil }
    return value
  }

  func string(_ key: String) throws -> String? { try typed(key, "a string") }

  func required(_ key: String) throws -> String {
    guard let value = try string(key) else { throw Misuse(field: key, message: "is missing") }
    return value
  }

  func integer(_ key: String) throws -> Int? {
    let number: NSNumber? = try typed(key, "a number")
    return number?.intValue
  }

  func number(_ key: String) throws -> Double? {
    let number: NSNumber? = try typed(key, "a number")
    return number?.doubleValue
  }

  func bool(_ key: String) throws -> Bool? {
    let number: NSNumber? = try typed(key, "true or false")
    return number?.boolValue
  }

  func array<Element>(_ key: String, of _: Element.Type = Element.self) throws -> [Element]? {
    try typed(key, "a list of the right kind")
  }

  func nested(_ key: String) throws -> Line? {
    let object: [String: Any]? = try typed(key, "an object")
    return object.map(Line.init)
  }

  private func typed<T>(_ key: String, _ form: String) throws -> T? {
    guard let value = value(key) else { return nil }
    guard let typed = value as? T else { throw Misuse(field: key, message: "must be \(form)") }
    return typed
  }
}

func bytes(_ base64: String, field: String) throws -> Data {
  guard let data = Data(base64Encoded: base64) else { throw Misuse(field: field, message: "is not base64") }
  return data
}

enum Kind: String {
  case unary
  case serverStreaming = "server_streaming"
  case clientStreaming = "client_streaming"
  case bidi
}

/// What responses are read as, where they are not left as bytes.
enum Reading: String {
  case protobuf
  case refuse = "throw"
}

enum Step {
  case send(Data, compress: Bool)
  case receive(Int?)
  case headers
  case sleep(Int)
  case close
  case cancel
  case drop

  init(_ object: [String: Any]) throws {
    let line = Line(object)
    if let base64 = try line.string("send") {
      self = .send(try bytes(base64, field: "steps.send"), compress: true)
    } else if let base64 = try line.string("send_uncompressed") {
      self = .send(try bytes(base64, field: "steps.send_uncompressed"), compress: false)
    }
    else if let count = line.value("recv") as? NSNumber { self = .receive(count.intValue) }
    else if line.value("recv") as? String == "all" { self = .receive(nil) }
    else if line.has("headers") { self = .headers }
    else if let duration = try line.integer("sleep_ms") { self = .sleep(duration) }
    else if line.has("close") { self = .close }
    else if line.has("cancel") { self = .cancel }
    else if line.has("drop") { self = .drop }
    else { throw Misuse(field: "steps", message: "has an unknown step") }
  }
}

/// A `call` line.
struct CallRequest: Sendable {
  let kind: Kind
  let path: String
  let options: CallOptions
  let messages: [Data]
  let delay: Int
  let cancelAfter: Int?
  let steps: [Step]?
  let render: Bool
  let reading: Reading?

  init(_ line: Line) throws {
    guard let kind = Kind(rawValue: try line.required("kind")) else {
      throw Misuse(field: "kind", message: "must be unary, server_streaming, client_streaming or bidi")
    }
    self.kind = kind
    path = try line.required("method")
    options = try CallRequest.options(line)
    messages = try (line.array("messages", of: String.self) ?? []).map { try bytes($0, field: "messages") }
    delay = try line.integer("delay_ms") ?? 0
    cancelAfter = try line.integer("cancel_after_ms")
    steps = try line.array("steps", of: [String: Any].self)?.map(Step.init)
    if steps != nil && kind == .unary { throw Misuse(field: "steps", message: "are for streams") }
    render = try line.bool("render") ?? false
    let deserialize = try line.nested("hooks")?.string("deserialize")
    reading = deserialize.flatMap(Reading.init)
    if deserialize != nil && reading == nil {
      throw Misuse(field: "hooks.deserialize", message: "must be throw or protobuf")
    }
  }

  /// A kind with one request takes it from the first step, and half-closes by itself.
  func firstMessage() -> (Data, [Step]?) {
    guard kind == .serverStreaming, let steps, case .send(let message, compress: true) = steps.first else { return (messages.first ?? Data(), steps) }
    if case .close = steps.dropFirst().first { return (message, Array(steps.dropFirst(2))) }
    return (message, Array(steps.dropFirst()))
  }

  private static func options(_ line: Line) throws -> CallOptions {
    var metadata = Metadata()
    for pair in try line.array("metadata", of: [String].self) ?? [] {
      guard pair.count == 2 else { throw Misuse(field: "metadata", message: "must be a list of pairs") }
      if pair[0].hasSuffix("-bin") {
        metadata.append(pair[0], bytes: try bytes(pair[1], field: "metadata"))
      } else {
        metadata.append(pair[0], pair[1])
      }
    }
    return CallOptions(
      timeout: try line.number("deadline_ms").map { Timeout(nanoseconds: Int64(clamping: $0 * 1e6)) },
      metadata: metadata,
      waitForReady: try line.bool("wait_for_ready"),
      compression: try line.string("compression").map(compression),
      authority: try line.string("authority"),
      idempotent: try line.bool("idempotent") ?? false,
      retry: try line.value("retry").map { try JSONDecoder().decode(JSONValue.self, from: Data(canonical($0).utf8)) })
  }
}

extension Step: Sendable {
  var sends: Bool { if case .send = self { true } else { false } }
}

extension Int64 {
  fileprivate init(clamping value: Double) {
    self = Int64(exactly: value.rounded()) ?? (value < 0 ? .min : .max)
  }
}

private func compression(_ name: String) throws -> Compression {
  guard let compression = Compression(rawValue: name) else { throw Misuse(field: "compression", message: "is not known") }
  return compression
}
