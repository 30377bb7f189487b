/// A failure that arises above the border. Its record is made by the core, like every other one
/// (`bindings-swift/src/failure.rs` has the same numbers).
enum LocalFailure {
  case cancelled
  case encode
  case decode(typeName: String?)
  case sendingClosed
  case noSingleReply

  var kind: UInt8 {
    switch self {
    case .cancelled: 0
    case .encode: 1
    case .decode: 2
    case .sendingClosed: 3
    case .noSingleReply: 4
    }
  }

  var typeName: String {
    if case .decode(let typeName) = self { typeName ?? "" } else { "" }
  }
}
