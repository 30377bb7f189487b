import Foundation

/// JSON text put together by hand, because the failure record has to be spliced in byte for byte.
struct JsonObject {
  private var fields: [String] = []

  mutating func add(_ key: String, raw value: String) { fields.append("\(quoted(key)):\(value)") }
  mutating func add(_ key: String, _ value: String?) { add(key, raw: value.map(quoted) ?? "null") }
  mutating func add(_ key: String, _ value: Int) { add(key, raw: String(value)) }
  mutating func add(_ key: String, _ value: Bool) { add(key, raw: value ? "true" : "false") }

  var text: String { "{" + fields.joined(separator: ",") + "}" }
}

func quoted(_ text: String) -> String {
  var out = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": out += "\\\""
    case "\\": out += "\\\\"
    case "\n": out += "\\n"
    case "\r": out += "\\r"
    case "\t": out += "\\t"
    case _ where scalar.value < 0x20: out += "\\u00" + hex(UInt8(scalar.value))
    default: out.unicodeScalars.append(scalar)
    }
  }
  return out + "\""
}

private func hex(_ byte: UInt8) -> String {
  let digits = String(byte, radix: 16)
  return digits.count == 1 ? "0" + digits : digits
}

func list(_ values: [String]) -> String { "[" + values.joined(separator: ",") + "]" }

/// The canonical text of a parsed value: equal options share a channel whatever the order of their keys.
func canonical(_ value: Any) -> String {
  guard let data = try? JSONSerialization.data(withJSONObject: value, options: [.fragmentsAllowed, .sortedKeys]) else {
    return "null"
  }
  return String(decoding: data, as: UTF8.self)
}

/// The one writer of stdout; a line leaves whole.
enum Output {
  private static let lock = NSLock()

  static func line(_ object: JsonObject) {
    let bytes = Data((object.text + "\n").utf8)
    lock.lock()
    defer { lock.unlock() }
    FileHandle.standardOutput.write(bytes)
  }
}
