import Causewire
import Foundation

// The cases of compression. A client cannot see the compressed flag of what it sends or receives: the servers with the
// feature CompressedRequest judge the one, the runner, which looks on, judges both.

private let notRefused = "the server accepted an uncompressed message although expect_compressed is true"

func clientCompressedUnary(_ channel: Channel, probe: Bool) async throws {
  func expecting(_ value: Bool) -> SimpleRequest {
    var request = largeRequest
    request.expectCompressed = BoolValue(value: value)
    return request
  }
  if probe {
    try await checkFails(.invalidArgument, notRefused) { () async throws(RpcError) in
      try await channel.unary(TestService.unaryCall, expecting(true))
    }
  }
  for (value, compression) in [(true, Compression.gzip), (false, .identity)] {
    let options = CallOptions(compression: compression)
    let response = try await channel.unary(TestService.unaryCall, expecting(value), options: options)
    try checkZeros(response.message.body, responseSize)
  }
}

func serverCompressedUnary(_ channel: Channel) async throws {
  for value in [true, false] {
    var request = largeRequest
    request.responseCompressed = BoolValue(value: value)
    let response = try await channel.unary(TestService.unaryCall, request)
    try checkZeros(response.message.body, responseSize)
    if value { try checkGzip(response.headers) }
  }
}

func clientCompressedStreaming(_ channel: Channel, probe: Bool) async throws {
  func expecting(_ value: Bool, _ size: Int) -> StreamingInputCallRequest {
    StreamingInputCallRequest(payload: Payload(zeros: size), expectCompressed: BoolValue(value: value))
  }
  if probe {
    let call = try channel.clientStreaming(TestService.streamingInputCall)
    // The server may refuse it before it has all of it.
    try? await call.send(expecting(true, 27_182))
    call.closeSend()
    try await checkFails(.invalidArgument, notRefused) { () async throws(RpcError) in try await call.response() }
  }
  let call = try channel.clientStreaming(
    TestService.streamingInputCall, options: CallOptions(compression: .gzip))
  try await call.send(expecting(true, 27_182))
  try await call.send(expecting(false, 45_904), compress: false)
  call.closeSend()
  let size = try await call.response().message.aggregatedPayloadSize
  try check(size == 73_086, "aggregated_payload_size is \(size)")
}

func serverCompressedStreaming(_ channel: Channel) async throws {
  let wanted = [(31_415, true), (92_653, false)]
  let parameters = wanted.map { ResponseParameters(size: $0.0, compressed: BoolValue(value: $0.1)) }
  let request = StreamingOutputCallRequest(responseParameters: parameters)
  let call = try channel.serverStreaming(TestService.streamingOutputCall, request)
  var left = wanted[...]
  for try await message in call.messages {
    guard let (size, _) = left.popFirst() else { throw Failed("too many responses") }
    try checkZeros(message.body, size)
  }
  try check(left.isEmpty, "too few responses")
  try checkGzip(try await call.headers())
}
