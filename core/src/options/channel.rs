//! Options of a channel.
use super::{Secret, ServiceConfig};
use crate::compress::Compression;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// 4 MiB, the default of every gRPC implementation.
pub const MAX_RECEIVE_MESSAGE_BYTES: u64 = 4 << 20;
/// Headers and trailers, each: name + value + 32 per entry.
pub const MAX_METADATA_BYTES: u32 = 16 << 10;
/// A connection attempt covers TCP, TLS and the peer's SETTINGS (doc/connection-backoff.md).
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Without a call for this long, connections are closed (gRFC A62).
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// The most connections to one address that a service config can ask for (gRFC A105).
pub const MAX_CONNECTIONS_PER_SUBCHANNEL: u32 = 10;
/// Two name lookups are at least this far apart.
pub const DNS_MIN_INTERVAL: Duration = Duration::from_secs(30);
/// Sent messages kept for a replay, per call (gRFC A6).
pub const RETRY_CALL_BUFFER_BYTES: u64 = 256 << 10;
/// Sent messages kept for a replay, per channel.
pub const RETRY_CHANNEL_BUFFER_BYTES: u64 = 16 << 20;
/// Attempts that a policy may ask for (gRFC A6).
pub const RETRY_MAX_ATTEMPTS: u32 = 5;
/// The floor of a keepalive interval (gRFC A8).
pub const KEEPALIVE_FLOOR: Duration = Duration::from_secs(10);
/// How long a keepalive ping may stay unanswered (gRFC A8).
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// How a channel connects and what its calls may do. All durations are milliseconds, all sizes bytes.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelOptions {
    /// Transport security. Absent or `{}`: TLS with the system's roots. `null`: plaintext, which is only ever explicit.
    pub tls: Option<TlsOptions>,
    /// The `:authority` of every call and, unless `tls.server_name` is set, the name the certificate must carry.
    /// Default: host and port of the target.
    pub authority: Option<String>,
    /// HTTP CONNECT proxy: `http://[user:password@]host:port`, or `off`. It gets the server's name unresolved. Default: from
    /// the environment, the first of `grpc_proxy`, `https_proxy`, `HTTPS_PROXY`, `http_proxy` (gRFC A1), which does not hold
    /// for servers on this machine.
    pub proxy: Option<Secret<String>>,
    /// Servers that are reached without the proxy: `name` (and what is below it), `.name` (only what is below it), an IP
    /// address, a CIDR block, each perhaps with `:port`; or `*`. Default: from the environment, `no_grpc_proxy`, `no_proxy` or
    /// `NO_PROXY`.
    pub no_proxy: Option<Vec<String>>,
    /// HTTP/2 PING keepalive (gRFC A8). Default: pings only where every server allows them: after 30 s of silence while a
    /// call waits, and then every 5 minutes until the server sends headers or data.
    pub keepalive: Option<KeepaliveOptions>,
    /// Largest message accepted, after decompression. Default: 4194304.
    pub max_receive_message_bytes: u64,
    /// Largest message sent, before compression. Default: no limit.
    pub max_send_message_bytes: Option<u64>,
    /// Largest header or trailer block accepted, as gRPC counts it: name + value + 32 per entry. Default: 16384.
    pub max_metadata_bytes: u32,
    /// Compression of requests. Responses may always use any that we know. Default: `identity`.
    pub compression: Compression,
    /// Put before our own user-agent.
    pub user_agent: Option<String>,
    /// Time for one connection attempt: TCP, TLS and the peer's SETTINGS together. Default: 20000.
    pub connect_timeout_ms: u64,
    /// Time without a call after which connections are closed. Default: 1800000.
    pub idle_timeout_ms: u64,
    /// Spreads the first reconnects of many clients after a loss evenly over this window: 0 (none), or from 1000 to 10000.
    /// Calls that need a connection wait meanwhile. Default: 0.
    pub reconnect_window_ms: u64,
    /// Most connections to one address that a service config may ask for (gRFC A105). Default: 10.
    pub max_connections_per_subchannel: u32,
    /// Waits between connection attempts.
    pub backoff: BackoffOptions,
    /// Name lookups.
    pub dns: DnsOptions,
    /// Retries and their buffers (gRFC A6).
    pub retry: RetryOptions,
    /// gRPC service config, as its JSON document.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub service_config: Option<ServiceConfig>,
    /// False: servers are not asked for their health, whatever the service config says (gRFC A17). Default: true.
    pub health_checking: bool,
    /// Leave what a peer said (`peer_text`) out of every failure record. Default: false.
    pub suppress_peer_text: bool,
    /// Test only: where to panic once, to prove that a panic ends as CORE_FAULT and nothing else.
    #[cfg(any(test, feature = "plant-panic"))]
    #[doc(hidden)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plant_panic: Option<PanicSite>,
}

/// TLS material. Empty: system roots, no client certificate.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsOptions {
    /// PEM certificates of the only CAs to trust. Default: the system's roots.
    pub ca_pem: Option<String>,
    /// PEM client certificate chain, leaf first. Needs `key_pem`.
    pub cert_pem: Option<String>,
    /// PEM private key of the client certificate. Never shown or logged.
    pub key_pem: Option<Secret<String>>,
    /// The name the server's certificate must carry, instead of the target's host.
    pub server_name: Option<String>,
}

/// HTTP/2 PING keepalive (gRFC A8).
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeepaliveOptions {
    /// Silence after which a PING is sent; raised to 10000 when lower. Required.
    pub time_ms: u64,
    /// Wait for its answer. Default: 20000.
    pub timeout_ms: u64,
    /// Also ping while no call is in flight. Default: false.
    pub without_calls: bool,
}

/// Exponential backoff of doc/connection-backoff.md.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackoffOptions {
    /// First wait. Default: 1000.
    pub initial_ms: u64,
    /// Growth from wait to wait. Default: 1.6.
    pub multiplier: f64,
    /// Random share added to or taken from every wait, 0 to 1. Default: 0.2.
    pub jitter: f64,
    /// Longest wait before jitter. Default: 120000.
    pub max_ms: u64,
}

/// Name lookups.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DnsOptions {
    /// Name servers as `ip:port`. Default: the system's.
    pub servers: Vec<String>,
    /// Two lookups are at least this far apart. Default: 30000.
    pub min_interval_ms: u64,
    /// Look up again on this period although all is well, so that new addresses are seen. Default: 0, never.
    pub refresh_ms: u64,
    /// Domains in which a name is looked up that has no dot. Default: the system's; none beside `servers`.
    pub search_domains: Vec<String>,
    /// Take the service config from DNS TXT records too (gRFC A2). Default: false.
    pub txt_service_config: bool,
}

/// Retries (gRFC A6).
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryOptions {
    /// False: no retry at all, not even a transparent one. Default: true.
    pub enabled: bool,
    /// Bytes of sent messages that one call keeps for a replay; more commits the call. Default: 262144.
    pub call_buffer_bytes: u64,
    /// The same for all calls of the channel together. Default: 16777216.
    pub channel_buffer_bytes: u64,
    /// Most attempts of a call, whatever its policy asks for (gRFC A6): from 1 to 100. Transparent ones do not count.
    /// Default: 5.
    pub max_attempts: u32,
}

#[cfg(any(test, feature = "plant-panic"))]
/// Where [`ChannelOptions::plant_panic`] panics.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PanicSite {
    Call,
    Connection,
}

impl Default for ChannelOptions {
    fn default() -> Self {
        ChannelOptions {
            tls: Some(TlsOptions::default()),
            authority: None,
            proxy: None,
            no_proxy: None,
            keepalive: None,
            max_receive_message_bytes: MAX_RECEIVE_MESSAGE_BYTES,
            max_send_message_bytes: None,
            max_metadata_bytes: MAX_METADATA_BYTES,
            compression: Compression::Identity,
            user_agent: None,
            connect_timeout_ms: CONNECT_TIMEOUT.as_millis() as u64,
            idle_timeout_ms: IDLE_TIMEOUT.as_millis() as u64,
            reconnect_window_ms: 0,
            max_connections_per_subchannel: MAX_CONNECTIONS_PER_SUBCHANNEL,
            backoff: BackoffOptions::default(),
            dns: DnsOptions::default(),
            retry: RetryOptions::default(),
            service_config: None,
            health_checking: true,
            suppress_peer_text: false,
            #[cfg(any(test, feature = "plant-panic"))]
            plant_panic: None,
        }
    }
}

impl Default for KeepaliveOptions {
    fn default() -> Self {
        KeepaliveOptions { time_ms: 0, timeout_ms: KEEPALIVE_TIMEOUT.as_millis() as u64, without_calls: false }
    }
}

impl Default for BackoffOptions {
    fn default() -> Self {
        BackoffOptions { initial_ms: 1000, multiplier: 1.6, jitter: 0.2, max_ms: 120_000 }
    }
}

impl Default for DnsOptions {
    fn default() -> Self {
        DnsOptions {
            servers: Vec::new(),
            min_interval_ms: DNS_MIN_INTERVAL.as_millis() as u64,
            refresh_ms: 0,
            search_domains: Vec::new(),
            txt_service_config: false,
        }
    }
}

impl Default for RetryOptions {
    fn default() -> Self {
        RetryOptions {
            enabled: true,
            call_buffer_bytes: RETRY_CALL_BUFFER_BYTES,
            channel_buffer_bytes: RETRY_CHANNEL_BUFFER_BYTES,
            max_attempts: RETRY_MAX_ATTEMPTS,
        }
    }
}
