import Causewire
import Foundation

/// What does not hold.
struct Failed: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

func check(_ condition: Bool, _ reason: @autoclosure () -> String) throws {
  guard condition else { throw Failed(reason()) }
}

func checkZeros(_ body: Data, _ size: Int) throws {
  try check(body.count == size, "a payload of \(body.count) bytes instead of \(size)")
  try check(body == Data(count: size), "a payload that is not all zeros")
}

func checkGzip(_ headers: Metadata) throws {
  let encoding = headers.first("grpc-encoding")
  try check(encoding == "gzip", "the server did not compress: grpc-encoding is \(encoding ?? "absent")")
}

/// The error of a call that must fail with this status.
@discardableResult
func checkFails<T>(
  _ code: StatusCode, _ what: String = "the call did not fail", _ work: () async throws(RpcError) -> T
) async throws -> RpcError {
  do throws(RpcError) {
    _ = try await work()
  } catch {
    try check(error.code == code, "\(error)")
    return error
  }
  throw Failed(what)
}
