import Causewire
import Foundation
import XCTest

/// Failures as values of one type.
final class ErrorTests: TestbedCase {
  func testAStatusOfTheServerIsTyped() async throws {
    let request = EchoRequest(status: (7, "not for you"), trailers: [("x-request-id", "42")])
    let channel = try open()
    do throws(RpcError) {
      _ = try await channel.unary(Testbed.echo, request)
      XCTFail("must fail")
    } catch {
      // No cast: `error` is an RpcError.
      XCTAssertEqual(error.code, .permissionDenied)
      XCTAssertEqual(error.message, "not for you")
      XCTAssertEqual(error.trailers.first("x-request-id"), "42")
      XCTAssertEqual(error.failure.cause, .appPermissionDenied)
      XCTAssertEqual(error.failure.layer, .application)
      XCTAssertEqual(error.failure.category, .security)
      XCTAssertEqual(error.failure.reached, .yes)
    }
  }

  func testTheSameFailureEndsAStream() async throws {
    let call = try open().serverStreaming(Testbed.serverStream, EchoRequest(status: (8, "quota")))
    let reading = try await failure { () throws(RpcError) in for try await _ in call.messages {} }
    let ending = try await failure { () throws(RpcError) in try await call.trailers() }
    XCTAssertEqual(reading.code, .resourceExhausted)
    XCTAssertEqual(reading.failure.json, ending.failure.json)
  }

  func testNothingListens() async throws {
    let refused = try XCTUnwrap(testbed().faults["refused"])
    let channel = try Channel(refused, options: .plaintext)
    let error = try await failure { () throws(RpcError) in try await channel.unary(Testbed.echo, EchoRequest()) }
    XCTAssertEqual(error.code, .unavailable)
    XCTAssertEqual(error.failure.cause, .connectRefused)
    XCTAssertEqual(error.failure.retry, .safe)
    XCTAssertEqual(error.failure.reached, .no)
    XCTAssertTrue(error.diagnostic().contains("CONNECT_REFUSED"), error.diagnostic())
    XCTAssertFalse(error.publicDescription().contains("127.0.0.1"), error.publicDescription())
    XCTAssertTrue("\(error)".contains("CONNECT_REFUSED"), "\(error)")
    XCTAssertTrue(error.failure.json.hasPrefix(#"{"v":1,"code":14,"#), error.failure.json)
  }

  func testMistakesInBuildingAChannelAreNamed() async throws {
    let target = try await failure { () throws(RpcError) in try Channel("dns:///", options: .plaintext) }
    XCTAssertEqual(target.failure.cause, .targetInvalid)
    let option = try await failure { () throws(RpcError) in
      try Channel("localhost:1", optionsJSON: #"{"keepalive":{"time_ms":"soon"}}"#)
    }
    XCTAssertEqual(option.failure.cause, .optionInvalid)
    XCTAssertTrue(option.failure.json.contains("keepalive.time_ms"), option.failure.json)
    let key = try await failure { () throws(RpcError) in
      try Channel("localhost:1", optionsJSON: #"{"tls":{"cert_pem":"x","key_pem":"canary-key"}}"#)
    }
    XCTAssertEqual(key.failure.cause, .tlsConfigInvalid)
    XCTAssertFalse(everyText(key).contains("canary-key"))
  }

  func testBadArgumentsAreRefusedBeforeAnythingIsSent() async throws {
    let channel = try Channel("127.0.0.1:1", options: .plaintext)
    let method = try await failure { () throws(RpcError) in try await channel.unary("no-slash", Data()) }
    XCTAssertEqual(method.failure.cause, .requestInvalid)
    var options = CallOptions()
    options.metadata.append("x-token", "canary\n")
    let metadata = try await failure { () throws(RpcError) in
      try await channel.unary("/a.B/C", Data(), options: options)
    }
    XCTAssertEqual(metadata.failure.cause, .requestInvalid)
    XCTAssertTrue(metadata.failure.json.contains("metadata.x-token"), metadata.failure.json)
    XCTAssertFalse(everyText(metadata).contains("canary"))
    for (bad, field) in [(CallOptions(timeout: .seconds(-1)), "deadline_ms"), (CallOptions(authority: "a b"), "authority")] {
      let error = try await failure { () throws(RpcError) in try await channel.unary("/a.B/C", Data(), options: bad) }
      XCTAssertEqual(error.failure.evidence["field"], .text(field), error.failure.json)
      XCTAssertEqual(error.failure.reached, .no)
      let stream = try await failure { () throws(RpcError) in try channel.bidirectional("/a.B/C", options: bad) }
      XCTAssertEqual(stream.failure.json, error.failure.json)
    }
  }

  func testCodecsThatThrow() async throws {
    let channel = try open()
    let encode = try await failure { () throws(RpcError) in
      try await channel.unary(Method("/a.B/C", request: ReplyCodec(), reply: ReplyCodec()), EchoReply())
    }
    XCTAssertEqual(encode.failure.cause, .requestInvalid)
    XCTAssertTrue(encode.cause is Wire.Malformed)
    let refusing = Method("/causewire.testbed.v1.Testbed/Echo", request: EchoCodec(), reply: EchoCodec())
    let decode = try await failure { () throws(RpcError) in try await channel.unary(refusing, EchoRequest()) }
    XCTAssertEqual(decode.code, .internal)
    XCTAssertEqual(decode.failure.cause, .responseDecodeFailed)
    XCTAssertTrue(decode.failure.json.contains("causewire.testbed.v1.EchoRequest"), decode.failure.json)
    let stream = Method("/causewire.testbed.v1.Testbed/EchoServerStream", request: EchoCodec(), reply: EchoCodec())
    let call = try channel.serverStreaming(stream, EchoRequest(count: 10))
    let read = try await failure { () throws(RpcError) in for try await _ in call.messages {} }
    XCTAssertEqual(read.failure.cause, .responseDecodeFailed)
  }

  func testSendingAfterTheEnd() async throws {
    let call = try open().bidirectional(Testbed.bidi)
    call.closeSend()
    let closed = try await failure { () throws(RpcError) in try await call.send(EchoRequest()) }
    XCTAssertEqual(closed.failure.cause, .requestInvalid)
    let cancelled = try open().bidirectional(Testbed.bidi)
    cancelled.cancel()
    _ = try await failure { () throws(RpcError) in try await cancelled.trailers() }
    let late = try await failure { () throws(RpcError) in try await cancelled.send(EchoRequest()) }
    XCTAssertEqual(late.failure.cause, .cancelledByCaller)
  }

  func testValuesOfMetadataAreNotPrinted() {
    let metadata: Metadata = ["authorization": "Bearer canary", "x-id": "1"]
    var dumped = "\(metadata) " + String(reflecting: metadata) + "\(Array(metadata))"
    dump(metadata, to: &dumped)
    dump(Array(metadata), to: &dumped)
    dump(CallOptions(metadata: metadata), to: &dumped)
    XCTAssertFalse(dumped.contains("canary"), dumped)
    XCTAssertTrue(dumped.contains("authorization: <13 bytes>"), dumped)
  }
}

/// Everything that a program could print of an error.
func everyText(_ error: RpcError) -> String {
  var text = "\(error) " + String(reflecting: error) + error.localizedDescription + error.failure.json
  text += error.diagnostic() + error.publicDescription() + "\(error.failure)" + String(reflecting: error.failure)
  dump(error, to: &text)
  return text
}
