import Causewire
import Foundation

/// The driver's answer to a `call` line.
func answer(_ id: String, _ outcome: Outcome, render: Bool, elapsed: Int) -> JsonObject {
  var object = JsonObject()
  object.add("id", raw: id)
  object.add("headers", raw: outcome.headers.map(pairs) ?? "null")
  object.add("messages", raw: list(outcome.messages.map { quoted($0.base64EncodedString()) }))
  object.add("trailers", raw: pairs(outcome.trailers))
  var status = JsonObject()
  status.add("code", outcome.error?.code.rawValue ?? (outcome.dropped ? 1 : 0))
  status.add("message", outcome.error?.message ?? (outcome.dropped ? "dropped" : ""))
  status.add("details", outcome.error?.details?.base64EncodedString())
  object.add("status", raw: status.text)
  object.add("failure", raw: outcome.error?.failure.json ?? "null")
  object.add("unsent", outcome.unsent)
  object.add("attempts", outcome.attempts)
  object.add("peer", outcome.peer)
  object.add("elapsed_ms", elapsed)
  if let sendError = outcome.sendError, sendError.failure.json != outcome.error?.failure.json {
    object.add("send_error", raw: sendError.failure.json)
  }
  if render, let error = outcome.error { object.add("rendered", raw: rendered(error)) }
  return object
}

func misuse(_ id: String, _ misuse: Misuse) -> JsonObject {
  var error = JsonObject()
  error.add("field", misuse.field)
  error.add("message", misuse.message)
  var object = JsonObject()
  object.add("id", raw: id)
  object.add("error", raw: error.text)
  return object
}

private func pairs(_ metadata: Metadata) -> String {
  list(metadata.map { entry in
    let value = entry.isBinary ? Data(entry.bytes).base64EncodedString() : entry.string
    return list([quoted(entry.key), quoted(value)])
  })
}

/// Everything that a program could print of an error.
private func rendered(_ error: RpcError) -> String {
  var dumped = ""
  dump(error, to: &dumped)
  var object = JsonObject()
  object.add("text", String(describing: error))
  object.add("repr", String(reflecting: error) + "\n" + dumped)
  object.add("diagnostic", error.diagnostic())
  object.add("public", error.publicDescription())
  // Swift's errors carry no stack; what Foundation shows of one is the nearest thing.
  object.add("stack", error.localizedDescription)
  return object.text
}
