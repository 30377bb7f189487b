@testable import Causewire
import Foundation
import XCTest

/// What a program answers on a channel's behalf, and the channel's own life.
final class HookTests: TestbedCase {
  struct Refused: Error, CustomStringConvertible {
    let description = "vault said canary-secret"
  }

  private func secure(_ hooks: Hooks) throws -> Channel {
    let testbed = try testbed()
    let tls = ["ca_pem": testbed.certificateAuthority]
    let document = try JSONSerialization.data(withJSONObject: ["tls": tls])
    return try Channel(testbed.tlsTarget, optionsJSON: String(decoding: document, as: UTF8.self), hooks: hooks)
  }

  func testATokenTravelsOnASecureConnection() async throws {
    let asked = Locked<TokenRequest?>(nil)
    let channel = try secure(Hooks(token: { request in
      asked.withLock { $0 = request }
      await Task.yield()
      return "token-of-this-test"
    }))
    var question = Wire()
    question.bytes(1, Data("authorization".utf8))
    let answer = try await channel.unary("/causewire.testbed.v1.Testbed/WhoAmI", question.data).message
    XCTAssertNotNil(answer.range(of: Data("Bearer token-of-this-test".utf8)))
    XCTAssertEqual(asked.withLock { $0?.method }, "/causewire.testbed.v1.Testbed/WhoAmI")
    XCTAssertEqual(asked.withLock { $0?.audience.hasSuffix("/causewire.testbed.v1.Testbed") }, true)
  }

  func testATokenNeverTravelsInTheClear() async throws {
    let channel = try open(hooks: Hooks(token: { _ in "canary-token" }))
    let error = try await failure { () throws(RpcError) in try await channel.unary(Testbed.echo, EchoRequest()) }
    XCTAssertEqual(error.failure.cause, .credentialsOnInsecureChannel)
    XCTAssertFalse(everyText(error).contains("canary-token"))
  }

  func testAHookThatThrows() async throws {
    let refused = try secure(Hooks(token: { _ in throw Refused() }))
    let first = try await failure { () throws(RpcError) in try await refused.unary(Testbed.echo, EchoRequest()) }
    XCTAssertEqual(first.failure.cause, .credentialsFailed)
    XCTAssertFalse(everyText(first).contains("canary-secret"))
    let down = try secure(Hooks(token: { _ in throw ProviderUnavailable() }))
    let second = try await failure { () throws(RpcError) in try await down.unary(Testbed.echo, EchoRequest()) }
    XCTAssertEqual(second.failure.cause, .credentialsUnavailable)
  }

  func testAHookThatHangsIsBoundedByTheDeadline() async throws {
    let cancelled = expectation(description: "the hook's task is cancelled with the channel")
    let channel = try secure(Hooks(token: { _ in
      do {
        try await Task.sleep(nanoseconds: 60_000_000_000)
      } catch {
        cancelled.fulfill()
        throw error
      }
      return ""
    }))
    let error = try await failure { () throws(RpcError) in
      try await channel.unary(Testbed.echo, EchoRequest(), options: CallOptions(timeout: .milliseconds(200)))
    }
    XCTAssertEqual(error.failure.cause, .deadlineNotSent)
    XCTAssertEqual(error.failure.phase, .credentials)
    channel.close()
    await fulfillment(of: [cancelled], timeout: 5)
  }

  func testAddressesOfTheProgram() async throws {
    let target = try testbed().target
    let channel = try Channel(
      "dns:///no-such-name.invalid:1", options: .plaintext, hooks: Hooks(addresses: { _ in [target] }))
    let response = try await channel.unary(Testbed.echo, EchoRequest(payload: Data([1])))
    XCTAssertEqual(response.peer, target)
  }

  func testAServiceConfigOfTheProgram() async throws {
    let target = try testbed().target
    let found = Resolution([target], serviceConfig: #"{"methodConfig": 7}"#)
    let hooks = Hooks(addresses: { _ in found })
    let channel = try Channel("dns:///no-such-name.invalid:1", options: .plaintext, hooks: hooks)
    let error = try await failure { () throws(RpcError) in try await channel.unary(Testbed.echo, EchoRequest()) }
    XCTAssertEqual(error.failure.cause, .serviceConfigInvalid)
  }

  func testTheProgramsLoggerHears() async throws {
    let lines = Locked([LogRecord]())
    let refused = try XCTUnwrap(testbed().faults["refused"])
    let hooks = Hooks(log: { line in lines.withLock { $0.append(line) } })
    let channel = try Channel(refused, options: .plaintext, hooks: hooks)
    _ = try await failure { () throws(RpcError) in try await channel.unary(Testbed.echo, EchoRequest()) }
    try await eventually("a line came") { lines.withLock { !$0.isEmpty } }
  }

  func testStatesAreSeen() async throws {
    let channel = try open()
    XCTAssertEqual(channel.state, .idle)
    let unchanged = await channel.waitForStateChange(from: .idle, timeout: .milliseconds(20))
    XCTAssertFalse(unchanged)
    async let changed = channel.waitForStateChange(from: .idle, timeout: .seconds(5))
    channel.connect()
    let seen = await changed
    XCTAssertTrue(seen)
    try await eventually("READY") { channel.state == .ready }
    XCTAssertEqual(channel.stats.connections, 1)
    let waiting = Task { await channel.waitForStateChange(from: .ready) }
    try await Task.sleep(nanoseconds: 10_000_000)
    waiting.cancel()
    let cancelled = await waiting.value
    XCTAssertFalse(cancelled)
    channel.close()
    try await eventually("SHUTDOWN") { channel.state == .shutdown }
    try await eventually("no connection is left") { channel.stats.connections == 0 }
  }
}
