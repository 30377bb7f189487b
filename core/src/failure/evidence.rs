//! What a layer saw when something went wrong: types and numbers, never text of a peer that decides anything.
//!
//! Each layer on the way down appends one value; [`diagnose`](super::diagnose) turns it into a [`Failure`](super::Failure).
use super::ShownTarget;
use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

/// A fixed phrase of ours (`must be at least 10000`), never a peer's or a caller's words.
pub type Reason = Cow<'static, str>;

/// One observation. The variant names the layer that made it.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // the line of a variant says what its fields are
pub enum Evidence {
    // --- config
    /// The target does not parse.
    Target { target: ShownTarget, reason: Reason },
    /// A channel or call option is out of range or of the wrong form. `value` is absent when it may be secret.
    Option { field: Cow<'static, str>, value: Option<String>, reason: Reason },
    /// PEM material that cannot be used.
    TlsMaterial { field: Cow<'static, str>, reason: Reason },
    /// A bad argument of one call: metadata, method path, an encoder that threw.
    Request { field: Cow<'static, str>, reason: Reason },
    /// The channel was closed, or belongs to the parent process.
    Unusable { why: Unusable },
    /// A panic or a broken invariant of ours.
    Core { site: &'static str },

    // --- resolve
    /// The name has no address.
    Name { host: ShownTarget, answer: NameAnswer },
    /// The resolver did not answer usefully.
    Resolver { host: ShownTarget, problem: ResolverProblem },
    /// The service config that came with the answer is not valid, and there is none to go on with. `field` is its JSON path.
    ServiceConfig { field: Cow<'static, str>, reason: Reason },

    // --- tcp
    /// Dialling an address failed. `errno` is absent when time ran out.
    Connect { address: String, errno: Option<i32>, waited: Duration },
    /// The peer closed before HTTP/2 began (after TCP, and after TLS where TLS is on).
    ClosedEarly { address: String, errno: Option<i32> },
    /// The connection broke.
    Lost { address: String, how: Loss, errno: Option<i32> },
    /// A keepalive ping was not answered.
    Keepalive { address: String, waited: Duration },

    // --- proxy
    /// The CONNECT proxy. `said` is the status line of its refusal, `source` who configured it.
    Proxy { proxy: String, problem: ProxyProblem, said: Option<String>, source: &'static str },

    // --- tls
    /// The peer's certificate was refused.
    Certificate {
        problem: CertificateProblem,
        expected: String,
        leaf: Option<Box<Leaf>>,
        now: SystemTime,
        roots: usize,
    },
    /// The peer ended TLS with an alert.
    Alert { alert: u8, certificate_sent: bool, ours_expires: Option<SystemTime> },
    /// TLS could not be agreed on, and no alert said why.
    TlsProtocol { what: &'static str },
    /// The bytes that came were not TLS.
    NotTls { address: String, speaks: Speaks },
    /// TLS is up, HTTP/2 was not chosen.
    NoAlpn { offered: Option<String> },
    /// The connection ended inside the handshake.
    TlsInterrupted { address: String },
    /// The handshake was not answered.
    TlsTimeout { address: String, waited: Duration },

    // --- http2
    /// The first bytes were not HTTP/2.
    NotHttp2 { address: String, speaks: Speaks },
    /// No SETTINGS came.
    NoSettings { address: String, waited: Duration },
    /// GOAWAY ended the call. `pings`: it is about ours, which came after this much silence.
    GoAway { code: u32, last_stream: u32, debug: Vec<u8>, unprocessed: bool, pings: Option<Duration> },
    /// RST_STREAM from the peer.
    Reset { code: u32 },
    /// The peer broke HTTP/2; `opening` when before its first SETTINGS.
    Violation { what: &'static str, code: u32, opening: bool },

    // --- grpc
    /// An HTTP answer without grpc-status that was not 200.
    Http { status: u16, content_type: Option<String>, server: Option<String>, auth_scheme: Option<String>, length: u64 },
    /// HTTP 200 with another content type.
    NotGrpc { content_type: Option<String>, server: Option<String>, length: u64 },
    /// The response ended without grpc-status.
    StatusMissing { trailers: bool },
    /// grpc-status was there and was no single valid code.
    StatusMalformed { raw: String, count: usize },
    /// A response frame could not be read.
    Message { problem: MessageProblem },
    /// Zero or several messages where one must come.
    Cardinality { received: u64 },
    /// The deserializer refused the message.
    Decode { type_name: Option<String> },

    // --- limits
    /// Our own limit on what is sent.
    RequestTooLarge { what: Sized, actual: u64, limit: u64, option: &'static str },
    /// Our own limit on what is received.
    ResponseTooLarge { what: Sized, actual: u64, limit: u64, option: &'static str },
    /// The process or the host ran out of something.
    LocalResources { what: &'static str, errno: Option<i32> },

    // --- credentials
    /// Call credentials on a connection that is not secure.
    InsecureCredentials,
    /// The provider refused, threw, or has only an expired token.
    CredentialsRefused { provider: String },
    /// The provider could not be reached.
    CredentialsUnavailable { provider: String },

    // --- application
    /// The service answered with this status.
    Status { code: u8, retry_after: Option<Duration>, pushback: Pushback, request_id: Option<String> },

    /// The health service of a connected server does not say SERVING.
    NotServing { address: String, service: String, health: ServerHealth },
    /// Outlier detection leaves the address out, for the calls that failed there in its last period.
    Ejected { address: String, failed: u32, total: u32 },

    // --- deadline, cancel
    /// The deadline passed. Which of the three causes: by `Situation::reached` and `Situation::headers`.
    Deadline { budget: Duration, already_past: bool },
    /// This program cancelled.
    Cancelled { reason: Option<&'static str> },
}

/// Why a channel takes no calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It was closed.
    Closed,
    /// It belongs to the process that this one was forked from.
    Forked,
}

/// How DNS says that there is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameAnswer {
    /// The name does not exist.
    NxDomain,
    /// The name exists, without an address.
    NoData,
}

/// Why a resolver gave no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolverProblem {
    /// SERVFAIL.
    ServFail,
    /// REFUSED.
    Refused,
    /// No answer in time.
    Timeout,
    /// The lookup could not be made: no server configured, or a socket error.
    Io,
    /// A resolver of the host language failed.
    Plugin,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// TCP RST.
    Reset,
    /// The peer closed it.
    Eof,
    /// Reported by another errno.
    Other,
}

/// Why there is no tunnel through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProblem {
    /// Connecting to it failed.
    Unreachable {
        /// The operating system's error number.
        errno: Option<i32>,
    },
    /// Its name has no address.
    Unresolved,
    /// It did not answer in time.
    Timeout,
    /// It answered CONNECT with this HTTP status.
    Status(u16),
    /// It closed the connection.
    Closed,
    /// Its answer was no HTTP.
    NotHttp,
    /// The head of its answer was longer than any that we read.
    HeadTooLarge,
}

/// Why the peer's certificate was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateProblem {
    /// Its validity is over.
    Expired,
    /// Its validity has not begun.
    NotYetValid,
    /// It is for other names.
    NameMismatch,
    /// It signed itself, and is not trusted.
    SelfSigned,
    /// An intermediate is missing.
    ChainIncomplete,
    /// Its chain ends at an authority that is not trusted.
    UnknownCa,
    /// It is not for servers.
    Purpose,
    /// Its authority revoked it.
    Revoked,
    /// It cannot be parsed.
    Malformed,
    /// Its key or signature is too weak.
    Weak,
    /// Another reason.
    Other,
}

/// Public facts of the peer's own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its subject.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Its subject alternative names.
    pub names: Vec<String>,
    /// The begin of its validity.
    pub not_before: SystemTime,
    /// The end of its validity.
    pub not_after: SystemTime,
    /// The number of certificates that the peer sent.
    pub chain_length: usize,
}

/// What a peer speaks, judged by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP/1.x.
    Http1,
    /// HTTP/2 without TLS.
    Http2,
    /// TLS.
    Tls,
    /// SSH.
    Ssh,
    /// None of these.
    Unknown,
}

/// Why a response frame cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageProblem {
    /// It is shorter than its prefix says.
    Truncated,
    /// Its flag byte is neither 0 nor 1.
    Flag(u8),
    /// Compressed flag without grpc-encoding.
    CompressedWithoutEncoding,
    /// grpc-encoding that we did not offer.
    UnknownEncoding,
    /// The bytes do not decompress.
    Decompress,
}

/// What a limit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sized {
    /// A message as it is on the wire.
    Message,
    /// A message after decompression.
    Decompressed,
    /// Headers or trailers.
    Metadata,
}

/// What a health service says of a service that takes no calls (gRFC A17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerHealth {
    /// UNKNOWN, or a status that this version does not know.
    Unknown,
    /// NOT_SERVING.
    NotServing,
    /// SERVICE_UNKNOWN.
    ServiceUnknown,
    /// The question itself failed.
    CheckFailed,
}

/// `grpc-retry-pushback-ms` (gRFC A6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pushback {
    /// Not sent.
    #[default]
    Absent,
    /// Retry after this wait.
    After(Duration),
    /// Negative, unparseable or repeated.
    Never,
}
