/// A span of time given to a call.
///
/// `Duration` of the standard library needs macOS 13 / iOS 16; this has its spelling (`.seconds(5)`) and works on every
/// platform of the package.
public struct Timeout: Sendable, Hashable {
  public let nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  public static func seconds(_ count: some BinaryInteger) -> Timeout { scaled(count, 1_000_000_000) }
  public static func milliseconds(_ count: some BinaryInteger) -> Timeout { scaled(count, 1_000_000) }
  public static func microseconds(_ count: some BinaryInteger) -> Timeout { scaled(count, 1_000) }

  @available(macOS 13, iOS 16, *)
  public init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    let whole = Timeout.seconds(seconds).nanoseconds
    nanoseconds = whole.addingReportingOverflow(attoseconds / 1_000_000_000).overflow
      ? whole : whole + attoseconds / 1_000_000_000
  }

  private static func scaled(_ count: some BinaryInteger, _ unit: Int64) -> Timeout {
    let (product, overflow) = Int64(clamping: count).multipliedReportingOverflow(by: unit)
    return Timeout(nanoseconds: overflow ? (count < 0 ? .min : .max) : product)
  }
}

/// What one call asks for beyond its channel's options.
public struct CallOptions: Sendable {
  /// From the call to its last trailer; it is also sent to the server. None: the call waits as long as it takes.
  public var timeout: Timeout?
  public var metadata: Metadata
  /// Wait for a connection instead of failing when none can be made (gRPC's wait-for-ready).
  public var waitForReady: Bool?
  /// How request messages are compressed. None: as the channel does.
  public var compression: Compression?
  /// Sent as `:authority` instead of the channel's. Over TLS the server's certificate must carry it.
  public var authority: String?
  /// Whether the server may run the call twice: allows a retry when it is unknown whether the first one arrived.
  public var idempotent: Bool
  /// What follows a failed attempt, instead of what the service config says: an object with its `retryPolicy` or
  /// `hedgingPolicy` (gRFC A6), or an empty one for no policy. None: what the service config says.
  public var retry: JSONValue?

  public init(
    timeout: Timeout? = nil, metadata: Metadata = Metadata(), waitForReady: Bool? = nil, compression: Compression? = nil,
    authority: String? = nil, idempotent: Bool = false, retry: JSONValue? = nil
  ) {
    self.timeout = timeout
    self.metadata = metadata
    self.waitForReady = waitForReady
    self.compression = compression
    self.authority = authority
    self.idempotent = idempotent
    self.retry = retry
  }
}
