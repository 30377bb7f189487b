import Foundation

/// One call's options in the form that crosses: numbers, and bytes only where there are any.
struct CallHead {
  var flags: UInt32 = 0
  /// Milliseconds; infinite without a deadline.
  var timeout = Double.infinity
  /// [u8 tag][u32 LE length][bytes], repeated. Empty for most calls.
  var extras: [UInt8] = []
  let metadata: [UInt8]

  private static let waitForReadyGiven: UInt32 = 1
  private static let waitForReady: UInt32 = 1 << 1
  private static let idempotent: UInt32 = 1 << 2

  init(_ options: CallOptions) {
    metadata = options.metadata.packed
    if let timeout = options.timeout { self.timeout = Double(timeout.nanoseconds) / 1_000_000 }
    if let waitForReady = options.waitForReady {
      flags |= CallHead.waitForReadyGiven | (waitForReady ? CallHead.waitForReady : 0)
    }
    if options.idempotent { flags |= CallHead.idempotent }
    if let authority = options.authority { add(1, authority) }
    if let compression = options.compression { add(2, compression.rawValue) }
    if let retry = options.retry { add(3, String(decoding: (try? JSONEncoder().encode(retry)) ?? Data(), as: UTF8.self)) }
  }

  private mutating func add(_ tag: UInt8, _ text: String) {
    let bytes = Array(text.utf8)
    extras.append(tag)
    withUnsafeBytes(of: UInt32(clamping: bytes.count).littleEndian) { extras.append(contentsOf: $0) }
    extras.append(contentsOf: bytes)
  }
}
