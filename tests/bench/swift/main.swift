// The Swift client: `causewire-bench-swift ADDRESS VERB`, with the verbs of every language's client.
import Causewire
import Foundation

func client(_ address: String, _ verb: [String]) async throws {
  switch verb.first {
  case "cold":
    _ = try await Client(address).unary(message(100))
    say("first")
  case "serve":
    try await serve(Client(address))
  case "channels":
    try await measureEach(count: Int(verb[1])!) {
      let client = try Client(address)
      _ = try await client.unary(message(100))
      return client
    }
  case "streams":
    let client = try Client(address)
    try await measureEach(count: Int(verb[1])!) {
      var turns = try client.pingPong()
      try await turns.turn(message(100))
      return turns
    }
  default:
    throw Failed("\(verb) is no verb of this client")
  }
}

func serve(_ client: Client) async throws {
  say("{}")
  while let line = readLine() {
    let parts = line.split(separator: " ").map(String.init)
    _ = try await client.spend(parts[0], seconds: warmUp)
    let meter = Meter()
    let latencies = try await client.spend(parts[0], seconds: Double(parts[1])!)
    say(meter.stop(parts[0], latencies))
  }
}

/// The first has what all share.
func measureEach<Held>(count: Int, _ make: () async throws -> Held) async throws {
  var held = [try await make()]
  let before = resident()
  for _ in 0..<count { held.append(try await make()) }
  withExtendedLifetime(held) {
    guard let before, let after = resident() else { return say(#"{"bytes":null}"#) }
    say(#"{"bytes":\#(max(0, after - before) / count)}"#)
  }
}

struct Failed: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

let arguments = Array(CommandLine.arguments.dropFirst())
try await client(arguments[0], Array(arguments.dropFirst()))
