@testable import Causewire
import Foundation
import XCTest

/// The four kinds, and what comes with a success.
final class CallTests: TestbedCase {
  func testUnaryHasEverythingAroundItsMessage() async throws {
    let channel = try open()
    let request = EchoRequest(
      payload: Data("hello".utf8), headers: [("x-first", "1"), ("x-many", "a"), ("x-many", "b")],
      trailers: [("x-last", "2")])
    let response = try await channel.unary(Testbed.echo, request)
    XCTAssertEqual(response.message.payload, Data("hello".utf8))
    XCTAssertEqual(response.headers.first("x-first"), "1")
    XCTAssertEqual(response.headers.all("X-Many").map(\.string), ["a", "b"])
    XCTAssertEqual(response.trailers.first("x-last"), "2")
    XCTAssertEqual(response.peer, try testbed().target)
    XCTAssertEqual(response.attempts, 1)
  }

  func testRawBytesNeedNoCodec() async throws {
    let request = EchoCodec().encode(EchoRequest(payload: Data([1, 2, 3])))
    let response = try await open().unary("/causewire.testbed.v1.Testbed/Echo", request)
    XCTAssertEqual(try ReplyCodec().decode(response.message).payload, Data([1, 2, 3]))
  }

  func testMessagesOfAllSizesCross() async throws {
    let channel = try open()
    // On both sides of 64 KiB, from where a message crosses by reference.
    for size in [0, 1, 65_500, 65_535, 65_536, 65_600, 1 << 20] {
      let payload = Data((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) })
      let response = try await channel.unary(Testbed.echo, EchoRequest(payload: payload))
      XCTAssertEqual(response.message.payload, payload, "\(size)")
    }
  }

  func testServerStreamComesInOrder() async throws {
    let request = EchoRequest(payload: Data("x".utf8), count: 5_000, headers: [("x-first", "1")])
    let call = try open().serverStreaming(Testbed.serverStream, request)
    let headers = try await call.headers()
    XCTAssertEqual(headers.first("x-first"), "1")
    var next: UInt64 = 0
    for try await message in call.messages {
      XCTAssertEqual(message.index, next)
      next += 1
    }
    XCTAssertEqual(next, 5_000)
    _ = try await call.trailers()
    XCTAssertEqual(call.peer, try testbed().target)
    XCTAssertEqual(call.attempts, 1)
  }

  func testAStreamThatIsOverBeforeItsOwnerKnowsItsNumberIsReadWhole() async throws {
    let options = ChannelOptions()
    let core = try Core("ipv4:127.0.0.1:1", options: options.json, secrets: options.secrets, hooks: Hooks())
    let reply = Reply(message: nil, headers: Metadata(), trailers: Metadata(), peer: "p", attempts: 1)
    core.pump.deliver([.headers(7, Metadata(), peer: "p"), .messages(7, [Data([1])])], core.queue)
    core.pump.deliver([.messages(7, [Data([2])]), .done(7, .success(reply))], core.queue)
    let stream = StreamCall(core: core, id: 7, method: 0)
    let first = try await stream.nextList(isolation: nil)
    XCTAssertEqual(first, [Data([1]), Data([2])])
    let second = try await stream.nextList(isolation: nil)
    XCTAssertNil(second)
    XCTAssertTrue(core.pump.table.withLock { $0.isEmpty })
  }

  func testClientStreamHasOneReply() async throws {
    let call = try open().clientStreaming(Testbed.clientStream)
    for part in ["a", "b", "c"] { try await call.send(EchoRequest(payload: Data(part.utf8))) }
    call.closeSend()
    let response = try await call.response()
    XCTAssertEqual(response.message.payload, Data("abc".utf8))
    XCTAssertEqual(response.message.received, 3)
  }

  func testBothSidesOfABidiCallRunAtOnce() async throws {
    let call = try open().bidirectional(Testbed.bidi)
    let sender = Task {
      for index in 0..<1_000 { try await call.send(EchoRequest(payload: Data("\(index)".utf8))) }
      call.closeSend()
    }
    var received = 0
    for try await message in call.messages {
      XCTAssertEqual(message.payload, Data("\(received)".utf8))
      received += 1
    }
    try await sender.value
    XCTAssertEqual(received, 1_000)
  }

  func testASlowReaderHoldsUpItsOwnSenderOnly() async throws {
    let channel = try open()
    let call = try channel.bidirectional(Testbed.bidi)
    let accepted = Locked(0)
    let sender = Task {
      for _ in 0..<400 {
        try await call.send(EchoRequest(payload: Data(count: 256 << 10)))
        accepted.withLock { $0 += 1 }
      }
      call.closeSend()
    }
    try await Task.sleep(nanoseconds: 500_000_000)
    XCTAssertLessThan(accepted.withLock { $0 }, 400, "100 MiB were taken without a reader")
    let other = try await channel.unary(Testbed.echo, EchoRequest(payload: Data([7])))
    XCTAssertEqual(other.message.payload, Data([7]))
    var received = 0
    for try await _ in call.messages { received += 1 }
    try await sender.value
    XCTAssertEqual(received, 400)
  }

  func test64AtATime() async throws {
    let channel = try open()
    let total = try await withThrowingTaskGroup(of: Int.self) { group in
      for worker in 0..<64 {
        group.addTask {
          for index in 0..<50 {
            let payload = Data("\(worker) \(index)".utf8)
            let response = try await channel.unary(Testbed.echo, EchoRequest(payload: payload))
            guard response.message.payload == payload else { return index }
          }
          return 50
        }
      }
      return try await group.reduce(0, +)
    }
    XCTAssertEqual(total, 64 * 50)
  }

  func testReadingOnTheMainActorStaysThere() async throws {
    let count = try await readOnMainActor(open())
    XCTAssertEqual(count, 100)
  }
}

@MainActor
private func readOnMainActor(_ channel: Channel) async throws -> Int {
  let call = try channel.serverStreaming(Testbed.serverStream, EchoRequest(count: 100))
  var count = 0
  for try await _ in call.messages {
    MainActor.assertIsolated()
    count += 1
  }
  return count
}
