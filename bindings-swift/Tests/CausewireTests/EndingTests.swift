import Causewire
import Foundation
import XCTest

/// How calls end before their time: cancelled, left, dropped, closed.
final class EndingTests: TestbedCase {
  private let slow = EchoRequest(payload: Data("x".utf8), delay: 30_000)
  private let endless = EchoRequest(payload: Data(count: 1_000), count: .max >> 32)

  func testCancellingTheTaskEndsAUnaryCallInMilliseconds() async throws {
    let channel = try open()
    let before = try await ServerCounters.read(channel).cancels
    let task = Task { [slow] in try await channel.unary(Testbed.echo, slow) }
    try await eventually("the call is on the wire") { channel.stats.streams == 1 }
    let started = DispatchTime.now()
    task.cancel()
    let result = await task.result
    let elapsed = Double(DispatchTime.now().uptimeNanoseconds - started.uptimeNanoseconds) / 1e6
    XCTAssertThrowsError(try result.get()) { error in
      XCTAssertEqual((error as? RpcError)?.failure.cause, .cancelledByCaller)
      XCTAssertEqual((error as? RpcError)?.code, .cancelled)
    }
    XCTAssertLessThan(elapsed, 100)
    try await eventually("the server saw RST_STREAM(CANCEL)") {
      try await ServerCounters.read(channel).cancels == before + 1
    }
  }

  func testATaskThatIsCancelledAlreadySendsNothing() async throws {
    let channel = try open()
    let task = Task { [slow] in
      while !Task.isCancelled { await Task.yield() }
      return try await channel.unary(Testbed.echo, slow)
    }
    task.cancel()
    let result = await task.result
    XCTAssertThrowsError(try result.get()) { XCTAssertEqual(($0 as? RpcError)?.failure.cause, .cancelledByCaller) }
  }

  func testCancellingAtAnyMomentGivesAReplyOrAnError() async throws {
    let channel = try open()
    var ends = (replied: 0, cancelled: 0)
    for round in 0..<2_000 {
      let task = Task { try await channel.unary(Testbed.echo, EchoRequest(payload: Data([9]))) }
      for _ in 0..<(round % 7) { await Task.yield() }
      if round % 3 == 0 { try await Task.sleep(nanoseconds: UInt64(round % 400) * 1_000) }
      task.cancel()
      switch await task.result {
      case .success(let response):
        XCTAssertEqual(response.message.payload, Data([9]))
        ends.replied += 1
      case .failure(let error):
        XCTAssertEqual((error as? RpcError)?.failure.cause, .cancelledByCaller)
        ends.cancelled += 1
      }
    }
    XCTAssertEqual(ends.replied + ends.cancelled, 2_000)
    XCTAssertGreaterThan(ends.cancelled, 0)
    try await idle(channel)
  }

  func testLeavingTheLoopCancels() async throws {
    let channel = try open()
    let before = try await ServerCounters.read(channel).cancels
    let call = try channel.serverStreaming(Testbed.serverStream, endless)
    for try await _ in call.messages { break }
    try await eventually("the server saw RST_STREAM(CANCEL)") {
      try await ServerCounters.read(channel).cancels == before + 1
    }
    // The call lives on as a value; it is over all the same.
    let error = try await failure { () throws(RpcError) in try await call.trailers() }
    XCTAssertEqual(error.failure.cause, .cancelledByCaller)
    try await idle(channel)
  }

  func testACallThatNobodyHoldsIsCancelled() async throws {
    let channel = try open()
    let before = try await ServerCounters.read(channel).cancels
    do {
      let call = try channel.serverStreaming(Testbed.serverStream, endless)
      _ = try await call.headers()
    }
    try await eventually("the server saw RST_STREAM(CANCEL)") {
      try await ServerCounters.read(channel).cancels == before + 1
    }
    try await idle(channel)
  }

  func testACancelledReaderDoesNotLookComplete() async throws {
    let channel = try open()
    let reader = Task { [endless] in
      var count = 0
      for try await _ in try channel.serverStreaming(Testbed.serverStream, endless).messages { count += 1 }
      return count
    }
    try await eventually("the stream runs") { channel.stats.streams == 1 }
    reader.cancel()
    let result = await reader.result
    XCTAssertThrowsError(try result.get()) { XCTAssertEqual(($0 as? RpcError)?.failure.cause, .cancelledByCaller) }
    try await idle(channel)
  }

  func testAGroupThatFailsTakesItsCallsWithIt() async throws {
    struct Enough: Error {}
    let channel = try open()
    do {
      try await withThrowingTaskGroup(of: Void.self) { [slow, endless] group in
        for _ in 0..<30 { group.addTask { _ = try await channel.unary(Testbed.echo, slow) } }
        for _ in 0..<5 {
          group.addTask {
            for try await _ in try channel.serverStreaming(Testbed.serverStream, endless).messages {}
          }
        }
        group.addTask {
          while channel.stats.streams < 35 { try await Task.sleep(nanoseconds: 1_000_000) }
          throw Enough()
        }
        for try await _ in group {}
      }
      XCTFail("the group must fail")
    } catch {
      XCTAssertTrue(error is Enough, "\(error)")
    }
    try await idle(channel)
  }

  func testCancelEndsEverythingThatWaits() async throws {
    let call = try open().bidirectional(Testbed.bidi)
    _ = try await call.headers()
    async let reading: RpcError = failure { () throws(RpcError) in for try await _ in call.messages {} }
    async let ending: RpcError = failure { () throws(RpcError) in try await call.trailers() }
    try await Task.sleep(nanoseconds: 20_000_000)
    call.cancel()
    let errors = try await [reading, ending]
    XCTAssertEqual(errors.map(\.failure.cause), [.cancelledByCaller, .cancelledByCaller])
  }

  func testClosingTheChannelEndsItsCalls() async throws {
    let channel = try open()
    let running = Task { [slow] in try await channel.unary(Testbed.echo, slow) }
    try await eventually("the call is on the wire") { channel.stats.streams == 1 }
    channel.close()
    let result = await running.result
    XCTAssertThrowsError(try result.get()) { XCTAssertEqual(($0 as? RpcError)?.code, .cancelled) }
    let late = try await failure { [slow] () throws(RpcError) in try await channel.unary(Testbed.echo, slow) }
    XCTAssertEqual(late.failure.cause, .channelUnusable)
    XCTAssertEqual(channel.state, .shutdown)
    channel.close()
  }

  func testACallOutlivesTheChannelThatMadeIt() async throws {
    let call = try open().serverStreaming(Testbed.serverStream, EchoRequest(payload: Data([1]), count: 3, delay: 50))
    var count = 0
    for try await _ in call.messages { count += 1 }
    XCTAssertEqual(count, 3)
  }

  func testManyShortChannelsLeaveNothingBehind() async throws {
    for _ in 0..<50 {
      let channel = try open()
      _ = try await channel.unary(Testbed.echo, EchoRequest(payload: Data([1])))
      _ = try channel.serverStreaming(Testbed.serverStream, endless)
    }
  }

  func testTheDeadlineHolds() async throws {
    let channel = try open()
    let started = DispatchTime.now()
    let error = try await failure { [slow] () throws(RpcError) in
      try await channel.unary(Testbed.echo, slow, options: CallOptions(timeout: .milliseconds(100)))
    }
    let elapsed = Double(DispatchTime.now().uptimeNanoseconds - started.uptimeNanoseconds) / 1e6
    XCTAssertEqual(error.code, .deadlineExceeded)
    XCTAssertEqual(error.failure.cause, .deadlineAwaitingResponse)
    XCTAssertLessThan(elapsed, 350)
  }

  private func idle(_ channel: Channel) async throws {
    try await eventually("no stream is left: \(channel.stats)") { channel.stats.streams == 0 }
    // Those of a call leave with its last owner, which may be a task that has yet to end.
    try await eventually("nothing is held: \(channel.stats)") { channel.stats.bufferedBytes == 0 }
  }
}
