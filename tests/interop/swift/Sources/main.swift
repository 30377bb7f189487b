import Causewire
import Foundation

// The interop client of Swift: one case of grpc/grpc doc/interop-test-descriptions.md, exit code 0 when all that the
// document asks for holds.

do {
  let flags = try Flags(CommandLine.arguments.dropFirst())
  let channel = try flags.channel()
  try await run(flags, channel)
  channel.close()
} catch {
  say("\(error)")
  exit(1)
}

func run(_ flags: Flags, _ channel: Channel) async throws {
  switch flags.string("test_case") {
  case "empty_unary": try await emptyUnary(channel)
  case "large_unary": try await largeUnary(channel)
  case "concurrent_large_unary": try await concurrentLargeUnary(channel)
  case "custom_metadata": try await customMetadata(channel)
  case "status_code_and_message": try await statusCodeAndMessage(channel)
  case "special_status_message": try await specialStatusMessage(channel)
  case "unimplemented_method": try await unimplemented(channel, TestService.unimplementedCall)
  case "unimplemented_service": try await unimplemented(channel, UnimplementedService.unimplementedCall)
  case "pick_first_unary": try await pickFirstUnary(channel)
  case "client_streaming": try await clientStreaming(channel)
  case "server_streaming": try await serverStreaming(channel)
  case "ping_pong": try await pingPong(channel)
  case "max_concurrent_streams_connection_scaling": try await connectionScaling(channel)
  case "empty_stream": try await emptyStream(channel)
  case "cancel_after_begin": try await cancelAfterBegin(channel)
  case "cancel_after_first_response": try await cancelAfterFirstResponse(channel)
  case "timeout_on_sleeping_server": try await timeoutOnSleepingServer(channel)
  case "client_compressed_unary": try await clientCompressedUnary(channel, probe: true)
  case "client_compressed_unary_noprobe": try await clientCompressedUnary(channel, probe: false)
  case "server_compressed_unary": try await serverCompressedUnary(channel)
  case "client_compressed_streaming": try await clientCompressedStreaming(channel, probe: true)
  case "client_compressed_streaming_noprobe": try await clientCompressedStreaming(channel, probe: false)
  case "server_compressed_streaming": try await serverCompressedStreaming(channel)
  case "rpc_soak": try await soak(flags, shared: channel)
  case "channel_soak": try await soak(flags, shared: nil)
  case let other: throw Failed("\(other) is no case of this client")
  }
}
