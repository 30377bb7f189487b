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
mod phase;
mod quiet;
mod resets;
mod size;
mod slots;
mod sockets;
mod spec;
mod state;
mod stream;
mod tap;
mod tunnel;
#[cfg(test)]
mod tests;
pub(crate) mod tls;

pub(crate) use connection::{Connection, Monitor};
pub(crate) use dial::dial_observed;
pub(crate) use driver::Driver;
pub(crate) use fault::StreamFault;
pub use framing::Message;
pub(crate) use framing::Outbound;
pub(crate) use keepalive::Keepalive;
pub(crate) use phase::{DialFailed, DialPhase, DialTimings};
pub(crate) use size::metadata_size;
pub(crate) use slots::Slot;
pub(crate) use sockets::take_inherited;
pub(crate) use spec::{Address, DialSpec, Limits};
pub(crate) use stream::{RecvHalf, SendHalf};
pub(crate) use tls::{TlsMaterial, TlsPem, TlsSource};
pub(crate) use tunnel::{Proxy, Tunnel};

#[cfg(test)]
pub(crate) use {dial::dial, driver::ConnectionEnd, state::Life, stream::Stopped};
