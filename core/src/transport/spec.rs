//! What is dialled, and how.
use super::{DialPhase, Keepalive, TlsSource, Tunnel};
use crate::options::PlantedPanic;
use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
    /// A server behind a proxy; shown as the server.
    Tunnel(Arc<Tunnel>),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Tunnel(tunnel) => f.write_str(&tunnel.to),
        }
    }
}

impl Address {
    /// How a dial to it begins.
    pub(crate) fn first_phase(&self) -> DialPhase {
        if matches!(self, Address::Tunnel(_)) { DialPhase::Proxy } else { DialPhase::Connect }
    }

    /// `host:port` of the proxy, if there is one on the way.
    pub(crate) fn via_proxy(&self) -> Option<Arc<str>> {
        match self {
            Address::Tunnel(tunnel) => Some(tunnel.proxy.place.clone()),
            Address::Tcp(_) | Address::Unix(_) => None,
        }
    }
}

/// How to make one connection.
#[derive(Clone)]
pub(crate) struct DialSpec {
    pub(crate) address: Address,
    /// `:authority`; its host part is the name that the certificate must be for, unless the material names another.
    pub(crate) authority: Arc<str>,
    /// Absent: plaintext.
    pub(crate) tls: Option<Arc<dyn TlsSource>>,
    /// For TCP, TLS and SETTINGS together.
    pub(crate) timeout: Duration,
    pub(crate) limits: Limits,
    /// Absent: no pings.
    pub(crate) keepalive: Option<Keepalive>,
    /// Fires once the driver carries a call.
    pub(crate) planted: PlantedPanic,
}

impl DialSpec {
    /// How long bytes may stay unacknowledged (gRFC A18).
    pub(super) fn user_timeout(&self) -> Duration {
        self.keepalive.unwrap_or(Keepalive::UNASKED).timeout
    }
}

impl fmt::Debug for DialSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialSpec")
            .field("address", &self.address)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

/// What a connection accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Response headers, and trailers, each: the sum of name + value + 32 over the decoded fields.
    pub(crate) max_metadata_bytes: usize,
    /// Streams open at once, however many the peer allows.
    pub(crate) max_streams: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { max_metadata_bytes: 16 << 10, max_streams: 100_000 }
    }
}
