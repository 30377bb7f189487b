import Causewire
import Foundation

// The cases of streams.

private let requestSizes = [27_182, 8, 1_828, 45_904]
private let responseSizes = [31_415, 9, 2_653, 58_979]

func ping(_ responseSize: Int, _ requestSize: Int) -> StreamingOutputCallRequest {
  StreamingOutputCallRequest(
    responseParameters: [ResponseParameters(size: responseSize)], payload: Payload(zeros: requestSize))
}

func clientStreaming(_ channel: Channel) async throws {
  let call = try channel.clientStreaming(TestService.streamingInputCall)
  for size in requestSizes { try await call.send(StreamingInputCallRequest(payload: Payload(zeros: size))) }
  call.closeSend()
  let size = try await call.response().message.aggregatedPayloadSize
  try check(size == 74_922, "aggregated_payload_size is \(size)")
}

func serverStreaming(_ channel: Channel) async throws {
  let request = StreamingOutputCallRequest(responseParameters: responseSizes.map { ResponseParameters(size: $0) })
  let call = try channel.serverStreaming(TestService.streamingOutputCall, request)
  var left = responseSizes[...]
  for try await message in call.messages {
    guard let size = left.popFirst() else { throw Failed("too many responses") }
    try checkZeros(message.body, size)
  }
  try check(left.isEmpty, "too few responses")
}

func pingPong(_ channel: Channel) async throws {
  let call = try channel.bidirectional(TestService.fullDuplexCall)
  var messages = call.messages.makeAsyncIterator()
  for (responseSize, requestSize) in zip(responseSizes, requestSizes) {
    try await call.send(ping(responseSize, requestSize))
    guard let message = try await messages.next() else { throw Failed("too few responses") }
    try checkZeros(message.body, responseSize)
  }
  call.closeSend()
  try check(try await messages.next() == nil, "too many responses")
}

/// Three streams at a time where a connection has room for two. That there is a second one is asked of the channel.
func connectionScaling(_ channel: Channel) async throws {
  typealias Duplex = Call<StreamingOutputCallRequest, StreamingOutputCallResponse>
  // An iterator that goes away ends its call.
  var open: [(call: Duplex, messages: Messages<StreamingOutputCallResponse>.Iterator)] = []
  for _ in 0..<3 {
    let call = try channel.bidirectional(TestService.fullDuplexCall, options: CallOptions(timeout: .seconds(10)))
    try await call.send(ping(1, 1))
    var messages = call.messages.makeAsyncIterator()
    guard let message = try await messages.next() else { throw Failed("no response") }
    try checkZeros(message.body, 1)
    open.append((call, messages))
  }
  let connections = channel.stats.connections
  try check(connections == 2, "connections: \(connections) instead of 2")
  for (call, iterator) in open {
    var messages = iterator
    call.closeSend()
    try check(try await messages.next() == nil, "too many responses")
  }
}

func emptyStream(_ channel: Channel) async throws {
  let call = try channel.bidirectional(TestService.fullDuplexCall)
  call.closeSend()
  for try await _ in call.messages { throw Failed("a response") }
}

func cancelAfterBegin(_ channel: Channel) async throws {
  let call = try channel.clientStreaming(TestService.streamingInputCall)
  call.cancel()
  try await checkFails(.cancelled) { () async throws(RpcError) in try await call.response() }
}

func cancelAfterFirstResponse(_ channel: Channel) async throws {
  let call = try channel.bidirectional(TestService.fullDuplexCall)
  var messages = call.messages.makeAsyncIterator()
  try await call.send(ping(31_415, 27_182))
  guard let message = try await messages.next() else { throw Failed("no response") }
  try checkZeros(message.body, 31_415)
  call.cancel()
  try await checkFails(.cancelled) { () async throws(RpcError) in try await messages.next() }
}

func timeoutOnSleepingServer(_ channel: Channel) async throws {
  let options = CallOptions(timeout: .milliseconds(1))
  let call = try channel.bidirectional(TestService.fullDuplexCall, options: options)
  // The call may be over before.
  try? await call.send(StreamingOutputCallRequest(payload: Payload(zeros: 27_182)))
  var messages = call.messages.makeAsyncIterator()
  try await checkFails(.deadlineExceeded) { () async throws(RpcError) in try await messages.next() }
}
