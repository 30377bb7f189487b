import CausewireCore
import Foundation

/// A connection to a service, kept up under real networks; calls are made on it from any task.
///
/// Make one per service and keep it. It connects when it is first used, closes its connections when its last owner and
/// its last call are gone, and speaks TLS with the system's roots unless ``ChannelOptions`` say otherwise.
public final class Channel: Sendable {
  private let core: Core

  /// - Parameters:
  ///   - target: `dns:///host:port`, `host:port`, `ipv4:`, `ipv6:` or `unix:` (gRPC's naming).
  ///   - hooks: What the program answers on the channel's behalf: tokens, addresses, log lines.
  /// - Throws: `TARGET_INVALID`, `OPTION_INVALID` or `TLS_CONFIG_INVALID`, which name the field. Nothing was sent.
  public convenience init(_ target: String, options: ChannelOptions = ChannelOptions(), hooks: Hooks = Hooks())
    throws(RpcError)
  {
    self.init(try Core(target, options: options.json, secrets: options.secrets, hooks: hooks))
  }

  /// With the options of a configuration file: the JSON document that every language of this library reads.
  public convenience init(_ target: String, optionsJSON: String, hooks: Hooks = Hooks()) throws(RpcError) {
    let (document, secrets) = Secrets.split(optionsJSON)
    self.init(try Core(target, options: document, secrets: secrets, hooks: hooks))
  }

  private init(_ core: Core) { self.core = core }

  // MARK: calls

  /// One request, one reply. Cancelling the task cancels the call.
  public func unary<Request, Reply>(
    _ method: Method<Request, Reply>, _ message: Request, options: CallOptions = CallOptions()
  ) async throws(RpcError) -> Response<Reply> {
    let core = self.core
    let number = try core.register(method.path, .unary)
    let id = try core.submit(number, method.request.encode(message, core, number), options)
    let ended = await withTaskCancellationHandler {
      await withUnsafeContinuation { core.pump.wait(id, $0) }
    } onCancel: {
      core.queue.cancel(call: id)
    }
    let reply = try ended.get()
    return Response(
      message: try method.reply.decode(reply.message ?? Data(), core, number, peer: reply.peer),
      headers: reply.headers, trailers: reply.trailers, peer: reply.peer, attempts: reply.attempts)
  }

  /// One request, any number of replies: read ``Call/messages``.
  public func serverStreaming<Request, Reply>(
    _ method: Method<Request, Reply>, _ message: Request, options: CallOptions = CallOptions()
  ) throws(RpcError) -> Call<Request, Reply> {
    let number = try core.register(method.path, .serverStreaming)
    let id = try core.submit(number, method.request.encode(message, core, number), options)
    return Call(StreamCall(core: core, id: id, method: number), method)
  }

  /// Any number of requests, one reply: ``Call/send(_:)``, ``Call/closeSend()``, then ``Call/response()``.
  public func clientStreaming<Request, Reply>(
    _ method: Method<Request, Reply>, options: CallOptions = CallOptions()
  ) throws(RpcError) -> Call<Request, Reply> {
    try start(method, .clientStreaming, options)
  }

  /// Any number of both, at the same time.
  public func bidirectional<Request, Reply>(
    _ method: Method<Request, Reply>, options: CallOptions = CallOptions()
  ) throws(RpcError) -> Call<Request, Reply> {
    try start(method, .bidirectional, options)
  }

  private func start<Request, Reply>(
    _ method: Method<Request, Reply>, _ kind: Kind, _ options: CallOptions
  ) throws(RpcError) -> Call<Request, Reply> {
    let number = try core.register(method.path, kind)
    let id = try core.submit(number, nil, options)
    return Call(StreamCall(core: core, id: id, method: number), method)
  }

  // MARK: the connection

  public var state: ConnectivityState { ConnectivityState(rawValue: core.queue.state()) ?? .shutdown }

  /// Connects now instead of at the first call.
  public func connect() { core.queue.connect() }

  /// Waits until the state is another than `known`.
  ///
  /// - Returns: False when time ran out or the task was cancelled before.
  public func waitForStateChange(from known: ConnectivityState, timeout: Timeout? = nil) async -> Bool {
    await core.pump.watches.wait(core.queue, from: known, timeout: timeout)
  }

  /// Forgets how long to wait before the next attempt: tries again at once.
  public func resetBackoff() { core.queue.resetBackoff() }

  /// Says that the network of this machine is another one now; connections that are dead are found at once.
  public func networkChanged() { core.queue.networkChanged() }

  public var stats: ChannelStats { ChannelStats(core.queue.stats()) }

  /// Ends all calls with `CANCELLED` and closes all connections. A closed channel fails each call with
  /// `CHANNEL_UNUSABLE`.
  public func close() { core.close() }
}
