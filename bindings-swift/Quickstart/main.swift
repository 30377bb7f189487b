import Causewire
import Foundation

let target = ProcessInfo.processInfo.environment["TARGET"] ?? "localhost:50051"
let channel = try Channel(target, options: .plaintext)

do throws(RpcError) {
  let reply = try await channel.unary(
    "/grpc.health.v1.Health/Check", Data(), options: CallOptions(timeout: .seconds(2)))
  print(reply.message == Data([0x08, 0x01]) ? "serving" : "not serving")
} catch {
  print(error.diagnostic())
}
