use crate::failure::Evidence;
use std::time::Duration;

/// How far a dial came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DialPhase {
    Connect,
    /// Connecting to the proxy, and waiting for its answer: in place of `Connect`.
    Proxy,
    Tls,
    Settings,
}

/// How long each phase took; zero for one that was not entered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DialTimings {
    /// To the server, or through the proxy.
    pub(crate) connect: Duration,
    pub(crate) tls: Duration,
    pub(crate) settings: Duration,
}

impl DialTimings {
    pub(super) fn add(&mut self, phase: DialPhase, took: Duration) {
        match phase {
            DialPhase::Connect | DialPhase::Proxy => self.connect = took,
            DialPhase::Tls => self.tls = took,
            DialPhase::Settings => self.settings = took,
        }
    }
}

/// Why there is no connection. Nothing of any call was sent.
#[derive(Clone, Debug)]
pub(crate) struct DialFailed {
    pub(crate) evidence: Evidence,
    pub(crate) phase: DialPhase,
    pub(crate) timings: DialTimings,
}
