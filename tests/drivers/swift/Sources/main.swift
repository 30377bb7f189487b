import Causewire
import Foundation

// JSON lines in, JSON lines out. The reader is the main thread: what has to happen in the order of the lines (which
// channel a name means, which call an id is) happens here, everything else in a task per line.

var driver = Driver()
while let line = readLine(strippingNewline: true) {
  if line.allSatisfy(\.isWhitespace) { continue }
  driver.start(line)
}
driver.finish()

/// The reader's state.
struct Driver {
  private var channels = Channels()
  private var calls: [String: Task<Void, Never>] = [:]
  private let pending = DispatchGroup()

  mutating func start(_ text: String) {
    var id = "null"
    do {
      let line = try Line(text)
      id = line.id
      switch try line.string("op") {
      case nil, "call": try call(line)
      case "channel": try operation(line)
      case "cancel": try cancel(line)
      case "logs": logs(line)
      case let other?: throw Misuse(field: "op", message: "\(other) is not known")
      }
    } catch let error as Misuse {
      Output.line(misuse(id, error))
    } catch {
      Output.line(misuse(id, Misuse(field: "line", message: "cannot be read")))
    }
  }

  /// Waits for every answer: the end of the input lets calls end.
  func finish() {
    pending.wait()
    channels.closeAll()
  }

  private mutating func call(_ line: Line) throws {
    let request = try CallRequest(line)
    let channel = try channels.channel(line)
    let id = line.id
    let task = spawn {
      let started = DispatchTime.now()
      var outcome = Outcome()
      switch channel {
      case .success(let channel): outcome = await CallRunner(channel: channel, request: request).run()
      case .failure(let error): outcome.fail(error)
      }
      let elapsed = Int((DispatchTime.now().uptimeNanoseconds - started.uptimeNanoseconds) / 1_000_000)
      Output.line(answer(id, outcome, render: request.render, elapsed: elapsed))
    }
    calls[id] = task
    if let delay = request.cancelAfter {
      Task.detached {
        try? await Task.sleep(nanoseconds: UInt64(max(0, delay)) * 1_000_000)
        task.cancel()
      }
    }
  }

  private mutating func operation(_ line: Line) throws {
    let operation = try ChannelOperation(line)
    _ = try line.required("channel")
    // Without a target, the channel has to be one that an earlier line made.
    let channel = try channels.channel(line)
    spawn {
      switch channel {
      case .failure(let error): Output.line(refusal(operation.id, error))
      case .success(let channel):
        do {
          Output.line(try await operation.run(on: channel))
        } catch {
          Output.line(misuse(operation.id, error as? Misuse ?? Misuse(field: "do", message: "failed")))
        }
      }
    }
  }

  private func cancel(_ line: Line) throws {
    guard let target = line.value("call").map(canonical), let task = calls[target] else {
      throw Misuse(field: "call", message: "is not known")
    }
    task.cancel()
    var object = JsonObject()
    object.add("id", raw: line.id)
    Output.line(object)
  }

  private func logs(_ line: Line) {
    var object = JsonObject()
    object.add("id", raw: line.id)
    object.add("logs", raw: list(channels.logs.drain().map(quoted)))
    Output.line(object)
  }

  @discardableResult
  private func spawn(_ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
    let pending = self.pending
    pending.enter()
    return Task.detached {
      await work()
      pending.leave()
    }
  }
}
