import CausewireCore
import CausewireCoreFFI
import Foundation

/// The end of a call as the core told it.
typealias Ended = Result<Reply, RpcError>

/// The end of a call that the server answered with OK.
struct Reply: Sendable {
  var message: Data?
  var headers: Metadata
  var trailers: Metadata
  var peer: String?
  var attempts: Int
}

/// One piece of news out of a batch.
enum News {
  case headers(UInt64, Metadata, peer: String?)
  case messages(UInt64, [Data])
  case room(UInt64)
  case done(UInt64, Ended)
  case ask(UInt64, Question)
  case askCancelled(UInt64)
  case log(LogRecord)
  case state(watch: UInt64, ConnectivityState)
}

extension Queue {
  /// Takes the news of up to `max` calls; false when the queue is empty now.
  ///
  /// Reads the flat batch in place, past the generated code, which would copy it byte by byte: one copy per message,
  /// none from 64 KiB. The layout is `bindings-swift/src/batch.rs`.
  func take(max: UInt32, into news: inout [News]) -> Bool {
    var status = RustCallStatus()
    let buffer = uniffi_causewire_swift_fn_method_queue_take(uniffiCloneHandle(), max, &status)
    defer { ffi_causewire_swift_rustbuffer_free(buffer, &status) }
    guard status.code == 0, let start = buffer.data else { return false }
    // The first four bytes are UniFFI's length.
    var batch = Batch(at: UnsafeRawPointer(start) + 4, end: UnsafeRawPointer(start) + Int(buffer.len))
    let more = batch.byte() == 1
    while let item = batch.next() { news.append(item) }
    return more
  }
}

/// A cursor over a batch that our own library wrote.
private struct Batch {
  private var at: UnsafeRawPointer
  private let end: UnsafeRawPointer

  private static let absent = UInt32.max - 1
  private static let byReference = UInt32.max

  init(at: UnsafeRawPointer, end: UnsafeRawPointer) {
    self.at = at
    self.end = end
  }

  mutating func next() -> News? {
    guard at < end else { return nil }
    switch byte() {
    case 1:
      let id = u64()
      return .headers(id, metadata(), peer: string())
    case 2:
      let id = u64()
      let count = Int(u32())
      var list: [Data] = []
      list.reserveCapacity(count)
      for _ in 0..<count { list.append(data() ?? Data()) }
      return .messages(id, list)
    case 3: return .room(u64())
    case 4:
      let id = u64()
      let message = data()
      let headers = metadata()
      let trailers = metadata()
      let peer = string()
      return .done(id, .success(Reply(
        message: message, headers: headers, trailers: trailers, peer: peer, attempts: Int(u32()))))
    case 5:
      let id = u64()
      return .done(id, .failure(failure()))
    case 6:
      let ask = u64()
      let method = string() ?? ""
      return .ask(ask, .token(TokenRequest(method: method, audience: string() ?? "")))
    case 7:
      let ask = u64()
      return .ask(ask, .addresses(target: string() ?? ""))
    case 8:
      let level = byte()
      let dropped = u64()
      return .log(LogRecord(level: level, text: string() ?? "", dropped: dropped))
    case 10: return .askCancelled(u64())
    default:
      let watch = u64()
      return .state(watch: watch, ConnectivityState(rawValue: byte()) ?? .shutdown)
    }
  }

  mutating func failure() -> RpcError {
    let record = string() ?? ""
    let message = string() ?? ""
    let details = data()
    let headers = optionalMetadata()
    let trailers = metadata()
    let peer = string()
    return RpcError(
      record: record, message: message, details: details, headers: headers, trailers: trailers, peer: peer,
      attempts: Int(u32()))
  }

  mutating func byte() -> UInt8 {
    defer { at += 1 }
    return at.load(as: UInt8.self)
  }

  private mutating func u32() -> UInt32 {
    defer { at += 4 }
    return UInt32(littleEndian: at.loadUnaligned(as: UInt32.self))
  }

  private mutating func u64() -> UInt64 {
    defer { at += 8 }
    return UInt64(littleEndian: at.loadUnaligned(as: UInt64.self))
  }

  private mutating func slice() -> UnsafeRawBufferPointer? {
    let count = u32()
    if count == Batch.absent { return nil }
    defer { at += Int(count) }
    return UnsafeRawBufferPointer(start: at, count: Int(count))
  }

  private mutating func string() -> String? { slice().map { String(decoding: $0, as: UTF8.self) } }
  private mutating func optionalMetadata() -> Metadata? { slice().map { Metadata(packed: Array($0)) } }
  private mutating func metadata() -> Metadata { optionalMetadata() ?? Metadata() }

  private mutating func data() -> Data? {
    guard at.loadUnaligned(as: UInt32.self) == Batch.byReference.littleEndian else {
      return slice().map { Data($0) }
    }
    at += 4
    let address = UInt(u64()), count = Int(u64()), capacity = UInt(u64())
    guard let pointer = UnsafeMutableRawPointer(bitPattern: address) else { return nil }
    return Data(bytesNoCopy: pointer, count: count, deallocator: .custom { pointer, count in
      causewire_swift_free(pointer.assumingMemoryBound(to: UInt8.self), UInt(count), capacity)
    })
  }
}
