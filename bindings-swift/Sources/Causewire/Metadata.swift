import Foundation

/// gRPC metadata: an ordered list of keys and values, in which a key may occur more than once.
///
/// A key that ends in `-bin` carries arbitrary bytes, any other one printable ASCII. Keys and values are checked when a
/// call starts, which fails with `REQUEST_INVALID`; the error names the key's place and never the value.
///
/// Printing a `Metadata` shows keys and lengths only, because values are where tokens travel.
public struct Metadata: Sendable, Equatable {
  /// One pair.
  public struct Entry: Sendable, Equatable {
    /// In lower case when it came from a server.
    public let key: String
    /// The value as it was before base64, for a `-bin` key too.
    public let bytes: [UInt8]

    /// Whether the key says that the value is arbitrary bytes.
    public var isBinary: Bool { key.hasSuffix("-bin") }
    /// The value as text, one character per byte (ISO 8859-1): a header that is not ASCII loses nothing.
    public var string: String {
      var text = String.UnicodeScalarView()
      for byte in bytes { text.append(Unicode.Scalar(byte)) }
      return String(text)
    }
  }

  // The one flat form that crosses the border, so that a call neither builds nor parses a dictionary:
  // [u32 LE key length][key][u32 LE value length][value], repeated.
  private(set) var packed: [UInt8]

  public init() { packed = [] }

  /// For bytes that the core made.
  init(packed: [UInt8]) { self.packed = packed }

  public var isEmpty: Bool { packed.isEmpty }

  /// Adds a text value after the ones that are there.
  public mutating func append(_ key: String, _ value: String) {
    append(key, bytes: Array(value.utf8))
  }

  /// Adds raw bytes; the key should end in `-bin`.
  public mutating func append(_ key: String, bytes: some Collection<UInt8>) {
    let name = Array(key.utf8)
    packed.reserveCapacity(packed.count + 8 + name.count + bytes.count)
    appendLength(name.count)
    packed.append(contentsOf: name)
    appendLength(bytes.count)
    packed.append(contentsOf: bytes)
  }

  /// The first text value of a key; keys are compared without case.
  public func first(_ key: String) -> String? {
    first { $0.key.lowercased() == key.lowercased() }?.string
  }

  /// All values of a key, in order.
  public func all(_ key: String) -> [Entry] {
    filter { $0.key.lowercased() == key.lowercased() }
  }

  private mutating func appendLength(_ count: Int) {
    let length = UInt32(clamping: count)
    for shift in stride(from: UInt32(0), to: 32, by: 8) { packed.append(UInt8(truncatingIfNeeded: length >> shift)) }
  }
}

extension Metadata: Sequence {
  public struct Iterator: IteratorProtocol {
    private let packed: [UInt8]
    private var at = 0

    fileprivate init(_ packed: [UInt8]) { self.packed = packed }

    public mutating func next() -> Entry? {
      guard let key = field(), let value = field() else { return nil }
      return Entry(key: String(decoding: key, as: UTF8.self), bytes: Array(value))
    }

    private mutating func field() -> ArraySlice<UInt8>? {
      guard packed.count - at >= 4 else { return nil }
      let length = (0..<4).reduce(0) { $0 | Int(packed[at + $1]) << ($1 * 8) }
      guard packed.count - at - 4 >= length else { return nil }
      let start = at + 4
      at = start + length
      return packed[start..<at]
    }
  }

  public func makeIterator() -> Iterator { Iterator(packed) }
}

extension Metadata: ExpressibleByDictionaryLiteral {
  /// `["x-request-id": "42"]`; order and repeated keys are kept.
  public init(dictionaryLiteral elements: (String, String)...) {
    self.init()
    for (key, value) in elements { append(key, value) }
  }
}

extension Metadata: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String {
    "[" + map { "\($0.key): <\($0.bytes.count) bytes>" }.joined(separator: ", ") + "]"
  }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Metadata.Entry: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "\(key): <\(bytes.count) bytes>" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: ["key": key, "bytes": bytes.count]) }
}
