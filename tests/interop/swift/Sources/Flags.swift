import Causewire
import Foundation

/// The flags that the document gives to clients.
struct Flags: Sendable {
  private var values = [
    "test_case": "large_unary", "server_host": "localhost", "server_port": "8080", "server_host_override": "",
    "use_tls": "false", "use_test_ca": "false", "service_config_json": "", "soak_iterations": "10", "soak_max_failures": "0",
    "soak_per_iteration_max_acceptable_latency_ms": "1000", "soak_min_time_ms_between_rpcs": "0",
    "soak_overall_timeout_seconds": "10", "soak_request_size": "271828", "soak_response_size": "314159",
    "soak_num_threads": "1",
  ]

  init(_ arguments: some Sequence<String>) throws {
    for argument in arguments {
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, parts[0].hasPrefix("--"), values[String(parts[0].dropFirst(2))] != nil else {
        throw Failed("\(argument) is no flag of this client")
      }
      values[String(parts[0].dropFirst(2))] = String(parts[1])
    }
  }

  func string(_ name: String) -> String { values[name] ?? "" }
  func int(_ name: String) -> Int { Int(string(name)) ?? 0 }

  var target: String { "\(string("server_host")):\(string("server_port"))" }

  /// A new channel to the server.
  func channel() throws -> Channel {
    var options = ChannelOptions.plaintext
    if string("use_tls") == "true" {
      options.tls = .tls(TlsOptions(caPem: string("use_test_ca") == "true" ? try Flags.testCA() : nil))
    }
    let name = string("server_host_override")
    options.authority = name.isEmpty ? nil : name
    let config = string("service_config_json")
    if !config.isEmpty {
      options.serviceConfig = try JSONDecoder().decode(JSONValue.self, from: Data(config.utf8))
    }
    return try Channel(target, options: options)
  }

  /// The CA of gRPC's interop tests, beside these sources.
  private static func testCA() throws -> String {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../ca.pem")
    return try String(contentsOf: file.standardizedFileURL, encoding: .utf8)
  }
}
