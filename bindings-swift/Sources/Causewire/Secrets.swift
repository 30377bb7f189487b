import CausewireCore
import Foundation

extension Secrets {
  /// Takes the private key out of an options document, so that it crosses beside it and is in no JSON text that
  /// somebody logs. A document that cannot be read is left to the core, which says what is wrong with it.
  static func split(_ document: String) -> (document: String, secrets: Secrets) {
    guard var options = try? JSONSerialization.jsonObject(with: Data(document.utf8)) as? [String: Any],
      var tls = options["tls"] as? [String: Any], let key = tls["key_pem"] as? String
    else { return (document, Secrets(tlsKeyPem: nil)) }
    tls["key_pem"] = nil
    options["tls"] = tls
    guard let rest = try? JSONSerialization.data(withJSONObject: options, options: [.sortedKeys]) else {
      return (document, Secrets(tlsKeyPem: nil))
    }
    return (String(decoding: rest, as: UTF8.self), Secrets(tlsKeyPem: key))
  }
}

extension ChannelOptions {
  /// No TLS, and the defaults: for a server on the same machine, or behind a proxy that does TLS.
  public static var plaintext: ChannelOptions { ChannelOptions(tls: .plaintext) }

  /// The document that crosses; without the secrets.
  var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    // A number that JSON does not know is refused by the core, with the option's name.
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "infinity", negativeInfinity: "-infinity", nan: "nan")
    return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }

  var secrets: Secrets {
    if case .tls(let options) = tls { Secrets(tlsKeyPem: options.keyPem) } else { Secrets(tlsKeyPem: nil) }
  }
}
