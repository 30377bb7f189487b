//! Options of a channel and of a call. Every default of the library lives here and nowhere else.
//!
//! A channel's options cross every language border as one JSON document; [`ChannelOptions::from_json`] reads it and
//! names the field in its error. The JSON Schema of these structs is the source of the TypeScript, Python and Swift
//! types and of `docs/options.md`.
mod call;
mod channel;
mod fault;
mod form;
mod json;
mod names;
mod planted;
mod proxy;
mod secret;
mod service_config;
mod validate;

pub use call::{CallOptions, compression_from_name, timeout_from_ms};
#[cfg(any(test, feature = "plant-panic"))]
#[doc(hidden)]
pub use channel::PanicSite;
pub use channel::{
    BackoffOptions, CONNECT_TIMEOUT, ChannelOptions, DNS_MIN_INTERVAL, DnsOptions, IDLE_TIMEOUT, KEEPALIVE_FLOOR,
    KEEPALIVE_TIMEOUT, KeepaliveOptions, MAX_CONNECTIONS_PER_SUBCHANNEL, MAX_METADATA_BYTES, MAX_RECEIVE_MESSAGE_BYTES,
    RETRY_CALL_BUFFER_BYTES, RETRY_CHANNEL_BUFFER_BYTES, RETRY_MAX_ATTEMPTS, RetryOptions, TlsOptions,
};
pub(crate) use form::not_known;
pub use json::Secrets;
pub(crate) use names::is_dns_name;
pub(crate) use planted::PlantedPanic;
pub(crate) use proxy::{PROXY_OFF, ProxyUrl};
pub use secret::Secret;
pub(crate) use service_config::SERVICE_CONFIG;
pub use service_config::{
    CallRetry, ConnectionScaling, FailurePercentageEjection, HealthCheckConfig, HedgingPolicy, LeastRequestConfig,
    LoadBalancing, MethodConfig, MethodName, OutlierDetectionConfig, PickFirstConfig, RetryPolicy, RetryThrottling,
    ServiceConfig, StatusCodes, SuccessRateEjection,
};
