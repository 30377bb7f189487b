import Foundation

/// As much of protobuf's wire format as `grpc.testing` needs.
struct Wire {
  struct Malformed: Error {}
  enum Value { case number(UInt64), bytes(Data) }

  private(set) var data = Data()

  mutating func number(_ field: Int, _ value: Int) {
    guard value != 0 else { return }
    varint(UInt64(field) << 3)
    varint(UInt64(value))
  }

  mutating func bool(_ field: Int, _ value: Bool) { number(field, value ? 1 : 0) }

  mutating func bytes(_ field: Int, _ value: Data) {
    varint(UInt64(field) << 3 | 2)
    varint(UInt64(value.count))
    data.append(value)
  }

  mutating func message(_ field: Int, _ value: (any WireEncodable)?) {
    guard let value else { return }
    var inner = Wire()
    value.encode(into: &inner)
    bytes(field, inner.data)
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      data.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    data.append(UInt8(rest))
  }

  static func fields(_ data: Data) throws -> [(Int, Value)] {
    var rest = data[...]
    func varint() throws -> UInt64 {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 7) {
        guard let byte = rest.popFirst() else { throw Malformed() }
        value |= UInt64(byte & 0x7f) << shift
        if byte < 0x80 { return value }
      }
      throw Malformed()
    }
    var fields: [(Int, Value)] = []
    while !rest.isEmpty {
      let tag = try varint()
      switch tag & 7 {
      case 0: fields.append((Int(tag >> 3), .number(try varint())))
      case 2:
        let count = Int(clamping: try varint())
        guard rest.count >= count else { throw Malformed() }
        fields.append((Int(tag >> 3), .bytes(Data(rest.prefix(count)))))
        rest = rest.dropFirst(count)
      default: throw Malformed()
      }
    }
    return fields
  }
}

protocol WireEncodable: Sendable {
  func encode(into wire: inout Wire)
}

protocol WireDecodable: Sendable {
  init(fields: [(Int, Wire.Value)]) throws
}
