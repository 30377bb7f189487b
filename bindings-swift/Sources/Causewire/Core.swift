import CausewireCore
import CausewireCoreFFI
import Foundation

/// The core's half of a channel with our half of its queue. Held by the channel and by every call in flight.
final class Core: Sendable {
  let queue: Queue
  let pump: Pump
  private let methods = Locked([MethodKey: UInt32]())

  private struct MethodKey: Hashable {
    let path: String
    let kind: Kind
  }

  init(_ target: String, options: String, secrets: Secrets, hooks: Hooks) throws(RpcError) {
    pump = Pump(host: Host(hooks: hooks))
    do {
      queue = try Queue(target: target, options: options, secrets: secrets, hooks: hooks.bits, notify: pump)
    } catch {
      throw RpcError(refusal: error)
    }
    // Before the first submit, so before the first ring.
    pump.start(queue)
  }

  /// Neither the channel nor a call is left. The core keeps the pump until it has told the last end.
  deinit {
    queue.release()
    pump.host.stop()
  }

  func close() {
    queue.close()
    pump.host.stop()
  }

  /// The number of a method: its path crosses once.
  func register(_ path: String, _ kind: Kind) throws(RpcError) -> UInt32 {
    let key = MethodKey(path: path, kind: kind)
    if let known = methods.withLock({ $0[key] }) { return known }
    do {
      let id = try queue.register(path: path, kind: kind.rawValue)
      methods.withLock { $0[key] = id }
      return id
    } catch {
      throw RpcError(refusal: error)
    }
  }

  /// Starts a call; its news will come under the id. Without a message, its requests are streamed.
  func submit(_ method: UInt32, _ message: Data?, _ options: CallOptions) throws(RpcError) -> UInt64 {
    // Past the generated code, which would first copy every part into a `Data`.
    let head = CallHead(options)
    var status = RustCallStatus()
    let id = head.extras.lent { extras in
      head.metadata.lent { metadata in
        (message ?? Data()).lent { bytes in
          uniffi_causewire_swift_fn_method_queue_submit(
            queue.uniffiCloneHandle(), method, head.flags, head.timeout, extras, metadata, bytes, message == nil ? 1 : 0,
            &status)
        }
      }
    }
    if status.code == 0 { return id }
    throw RpcError(status: status)
  }

  func failure(
    _ local: LocalFailure, method: UInt32, peer: String? = nil, cause: (any Error)? = nil
  ) -> RpcError {
    let made = queue.localFailure(method: method, kind: local.kind, typeName: local.typeName, peer: peer)
    return RpcError(record: made.record, message: made.message, peer: peer, cause: cause)
  }
}

/// The four kinds of a method, numbered as the core numbers them.
enum Kind: UInt8 {
  case unary = 0
  case serverStreaming = 1
  case clientStreaming = 2
  case bidirectional = 3
}

extension RpcError {
  /// What a call into the core was refused with.
  fileprivate init(status: RustCallStatus) {
    do {
      guard status.code == 1 else { throw Panicked() }
      throw try FfiConverterTypeRefusal_lift(status.errorBuf)
    } catch {
      self.init(refusal: error)
    }
  }

  private struct Panicked: Error {}
}

extension ContiguousBytes {
  /// The bytes in place, for the time of one call.
  fileprivate func lent<R>(_ body: (ForeignBytes) -> R) -> R {
    withUnsafeBytes { bytes in
      body(ForeignBytes(len: Int32(clamping: bytes.count), data: bytes.bindMemory(to: UInt8.self).baseAddress))
    }
  }
}
