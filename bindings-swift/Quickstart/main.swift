import Causewire
import Foundation

let target = CommandLine.arguments.dropFirst().first ?? "localhost:50051"
let channel = try Channel(target, options: .plaintext)

do throws(RpcError) {
  // EchoRequest { payload: "hello" }; with swift-protobuf, `Method<EchoRequest, EchoResponse>(protobuf: …)` encodes it.
  let request = Data([0x0a, 0x05] + "hello".utf8)
  let reply = try await channel.unary(
    "/causewire.testbed.v1.Testbed/Echo", request, options: CallOptions(timeout: .seconds(2)))
  print("\(reply.message.count) bytes from \(reply.peer ?? "nowhere")")

  let stream = try channel.serverStreaming("/causewire.testbed.v1.Testbed/EchoServerStream", request)
  for try await message in stream.messages { print("streamed: \(message.count) bytes") }
} catch {
  // One typed error, the same record in every language.
  switch error.failure.cause {
  case .connectRefused: print("nothing listens there; retry: \(error.failure.retry)")
  default: print(error.diagnostic())
  }
}
