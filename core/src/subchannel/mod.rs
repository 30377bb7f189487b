//! One address and its connections: connects on demand, waits between failures, tells when a connection is gone.
//!
//! `machine` decides, `effects` does; `pool` is what calls see of it; `task` is what runs beside the controller while there
//! is an attempt or a connection, and `fleet` counts those.
mod effects;
mod fleet;
mod machine;
mod news;
mod pace;
mod pool;
mod task;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use effects::{Setup, Subchannel};
pub(crate) use fleet::{Fleet, FleetStats};
pub(crate) use news::{News, Signal, SubId};
pub(crate) use pool::{Lane, Lanes, choose};

use crate::failure::Failure;
use std::fmt;

/// The state of a channel or of one address (doc/connectivity-semantics-and-api.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectivityState {
    /// Not connected, and nobody asked for it.
    Idle,
    /// Looking up the name, or connecting.
    Connecting,
    /// Calls can be made.
    Ready,
    /// Connecting failed. Calls fail at once, unless they wait for READY; the next attempt comes by itself.
    TransientFailure,
    /// Closed.
    Shutdown,
}

impl ConnectivityState {
    /// Every state, in the order of the specification.
    pub const ALL: &'static [Self] =
        &[Self::Idle, Self::Connecting, Self::Ready, Self::TransientFailure, Self::Shutdown];

    /// The spelling of the specification, `TRANSIENT_FAILURE`.
    pub const fn as_str(self) -> &'static str {
        match self {
            ConnectivityState::Idle => "IDLE",
            ConnectivityState::Connecting => "CONNECTING",
            ConnectivityState::Ready => "READY",
            ConnectivityState::TransientFailure => "TRANSIENT_FAILURE",
            ConnectivityState::Shutdown => "SHUTDOWN",
        }
    }

    /// The state that is spelled so.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.as_str() == text)
    }
}

impl fmt::Display for ConnectivityState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a policy hears of a subchannel.
#[derive(Clone, Debug)]
pub(crate) enum Status {
    Idle,
    Connecting,
    /// Again, whenever there are other connections than before.
    Ready(Lanes),
    /// The attempt failed; `Idle` follows when the next may begin.
    Failed(Failure),
}
