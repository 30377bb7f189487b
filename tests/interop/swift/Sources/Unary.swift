import Causewire
import Foundation

// The cases of unary calls.

let responseSize = 314_159
/// 271,828 zeros, to be answered with 314,159.
let largeRequest = SimpleRequest(responseSize: responseSize, payload: Payload(zeros: 271_828))

private let initialKey = "x-grpc-test-echo-initial"
private let initialValue = "test_initial_metadata_value"
private let trailingKey = "x-grpc-test-echo-trailing-bin"
private let trailingValue: [UInt8] = [0xab, 0xab, 0xab]

func emptyUnary(_ channel: Channel) async throws {
  _ = try await channel.unary(TestService.emptyCall, Empty())
}

func largeUnary(_ channel: Channel) async throws {
  let response = try await channel.unary(TestService.unaryCall, largeRequest)
  try checkZeros(response.message.body, responseSize)
}

func concurrentLargeUnary(_ channel: Channel) async throws {
  try await withThrowingTaskGroup(of: Void.self) { group in
    for _ in 0..<1000 { group.addTask { try await largeUnary(channel) } }
    try await group.waitForAll()
  }
}

func customMetadata(_ channel: Channel) async throws {
  var metadata = Metadata()
  metadata.append(initialKey, initialValue)
  metadata.append(trailingKey, bytes: trailingValue)
  let options = CallOptions(metadata: metadata)

  let response = try await channel.unary(TestService.unaryCall, largeRequest, options: options)
  try checkZeros(response.message.body, responseSize)
  try checkEchoed(response.headers, response.trailers)

  let call = try channel.bidirectional(TestService.fullDuplexCall, options: options)
  try await call.send(ping(responseSize, 271_828))
  call.closeSend()
  var bodies: [Data] = []
  for try await message in call.messages { bodies.append(message.body) }
  try check(bodies.count == 1, "\(bodies.count) responses")
  try checkZeros(bodies[0], responseSize)
  try checkEchoed(try await call.headers(), try await call.trailers())
}

private func checkEchoed(_ headers: Metadata, _ trailers: Metadata) throws {
  try check(headers.first(initialKey) == initialValue, "\(initialKey) is not in the headers")
  try check(trailers.all(trailingKey).map(\.bytes) == [trailingValue], "\(trailingKey) is not in the trailers")
}

func statusCodeAndMessage(_ channel: Channel) async throws {
  let status = EchoStatus(code: 2, message: "test status message")
  try await checkStatus(channel, status)

  let call = try channel.bidirectional(TestService.fullDuplexCall)
  try await call.send(StreamingOutputCallRequest(responseStatus: status))
  call.closeSend()
  var messages = call.messages.makeAsyncIterator()
  let error = try await checkFails(.unknown) { () async throws(RpcError) in try await messages.next() }
  try check(error.message == status.message, "\(error)")
}

func specialStatusMessage(_ channel: Channel) async throws {
  let message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
  try await checkStatus(channel, EchoStatus(code: 2, message: message))
}

private func checkStatus(_ channel: Channel, _ status: EchoStatus) async throws {
  let error = try await checkFails(.unknown) { () async throws(RpcError) in
    try await channel.unary(TestService.unaryCall, SimpleRequest(responseStatus: status))
  }
  // By scalars: `==` of strings takes what Unicode calls equivalent for the same.
  try check(Array(error.message.utf8) == Array(status.message.utf8), "\(error)")
}

func unimplemented(_ channel: Channel, _ method: Method<Empty, Empty>) async throws {
  try await checkFails(.unimplemented) { () async throws(RpcError) in try await channel.unary(method, Empty()) }
}

/// All calls must go to one server, also once other servers could be connected.
func pickFirstUnary(_ channel: Channel) async throws {
  let request = SimpleRequest(responseSize: 1, payload: Payload(zeros: 1), fillServerID: true)
  let first = try await channel.unary(TestService.unaryCall, request).message.serverID
  try check(!first.isEmpty, "the server does not say its server_id")
  try await Task.sleep(nanoseconds: 5_000_000_000)
  for _ in 0..<100 {
    let other = try await channel.unary(TestService.unaryCall, request).message.serverID
    try check(other == first, "server_id is \(first), then \(other)")
  }
}
