//! From an address to HTTP/2 streams.
//!
//! `calls - slots - h2 - tap - TLS - raw tap - socket`. Nothing here spawns: [`dial`] gives a handle and a [`Driver`]
//! that the caller runs. HEADERS leave only after the peer's SETTINGS were applied, otherwise "not sent" cannot be
//! proven.
mod connection;
mod dial;
mod driver;
mod fault;
pub(crate) mod framing;
mod io;
mod keepalive;
mod quiet;
mod resets;
mod slots;
mod sockets;
mod state;
mod stream;
mod tap;
mod tunnel;
#[cfg(test)]
mod tests;
pub(crate) mod tls;

pub(crate) use connection::{Connection, Monitor, Slot};
pub(crate) use dial::{DialFailed, DialPhase, DialTimings, dial_observed};
pub(crate) use driver::Driver;
pub(crate) use fault::StreamFault;
pub use framing::Message;
pub(crate) use framing::Outbound;
pub(crate) use keepalive::Keepalive;
pub(crate) use sockets::take_inherited;
pub(crate) use stream::{RecvHalf, SendHalf};
pub(crate) use tls::{TlsMaterial, TlsPem, TlsSource};
pub(crate) use tunnel::{Proxy, Tunnel};

#[cfg(test)]
pub(crate) use {dial::dial, driver::ConnectionEnd, state::Life, stream::Stopped};

use crate::options::PlantedPanic;
use http::HeaderMap;
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
    fn user_timeout(&self) -> Duration {
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

/// The size of a header list as HTTP/2 counts it (RFC 9113 section 10.5.1).
pub(crate) fn metadata_size(map: &HeaderMap) -> usize {
    map.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}
