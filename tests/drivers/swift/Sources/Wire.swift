import Foundation

/// Protobuf's wire format, without a library: what every generated decoder demands of its bytes, whatever the type.
struct WireReader {
  struct Malformed: Error {}

  private var rest: Data

  init(_ bytes: Data) { rest = bytes }

  /// Throws unless the bytes are a message.
  mutating func message() throws {
    var groups: [UInt64] = []
    while !rest.isEmpty {
      let tag = try varint()
      guard tag >= 8, tag <= UInt32.max else { throw Malformed() }
      switch tag & 7 {
      case 0: _ = try varint()
      case 1: try skip(8)
      case 2: try skip(varint())
      case 3: groups.append(tag >> 3)
      case 4: guard groups.popLast() == tag >> 3 else { throw Malformed() }
      case 5: try skip(4)
      default: throw Malformed()
      }
    }
    guard groups.isEmpty else { throw Malformed() }
  }

  private mutating func varint() throws -> UInt64 {
    var value: UInt64 = 0
    for place in 0..<10 {
      guard let byte = rest.popFirst() else { throw Malformed() }
      value |= UInt64(byte & 0x7f) << UInt64(7 * place)
      if byte < 0x80 { return value }
    }
    throw Malformed()
  }

  private mutating func skip(_ length: UInt64) throws {
    guard length <= UInt64(rest.count) else { throw Malformed() }
    rest.removeFirst(Int(length))
  }
}
