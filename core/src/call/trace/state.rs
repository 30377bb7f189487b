//! The facts of the attempt under way.
use crate::{
    balance::Charge,
    failure::{Attempt, Cause, Failure, Phase, Reached, StreamFacts},
    observe::Timeline,
};
use http::HeaderMap;
use std::{sync::Arc, time::Duration};

pub(super) struct State {
    pub(super) timeline: Timeline,
    pub(super) peer: Option<Arc<str>>,
    pub(super) via_proxy: Option<Arc<str>>,
    pub(super) opened: bool,
    pub(super) headers: Option<HeaderMap>,
    pub(super) stream: StreamFacts,
    /// What stands in the way of a connection.
    pub(super) underlying: Option<Failure>,
    /// Where the policy counts the attempt, if it does.
    pub(super) charge: Option<Charge>,
    /// Attempts before this one that a policy counts.
    pub(super) previous: u32,
    /// The wait before this attempt.
    pub(super) delay: Duration,
    pub(super) committed: bool,
}

impl State {
    pub(super) fn new(timeline: Timeline) -> Self {
        State {
            timeline,
            peer: None,
            via_proxy: None,
            opened: false,
            headers: None,
            stream: StreamFacts::default(),
            underlying: None,
            charge: None,
            previous: 0,
            delay: Duration::ZERO,
            committed: false,
        }
    }

    /// `No` only if no stream was ever opened: one that h2 holds may still leave.
    pub(super) fn reached(&self) -> Reached {
        match (self.opened, &self.headers) {
            (false, _) => Reached::No,
            (true, None) => Reached::Maybe,
            (true, Some(_)) => Reached::Yes,
        }
    }

    pub(super) fn close(&mut self, failure: Option<&Failure>, before: &[Attempt]) -> Attempt {
        // A request that did not leave, and a caller who gave up, say nothing of the server.
        let is_servers = self.opened && failure.is_some_and(|failure| failure.cause() != Cause::CancelledByCaller);
        if let Some(charge) = self.charge.take().filter(|_| is_servers) {
            charge.ended(false);
        }
        Attempt {
            address: self.peer.clone(),
            peer: self.peer.clone(),
            code: failure.map(Failure::code),
            cause: failure.map(Failure::cause),
            delay: self.delay,
            next: None,
            elapsed: self.elapsed_since(before),
        }
    }

    pub(super) fn follow(&mut self, wait: Option<Duration>) {
        self.opened = false;
        self.headers = None;
        (self.peer, self.via_proxy) = (None, None);
        self.delay = wait.unwrap_or_default();
        self.previous += u32::from(wait.is_some());
        let phase = if self.delay.is_zero() { Phase::Pick } else { Phase::Backoff };
        self.timeline.enter(phase);
    }

    /// Time per phase that no attempt before has in its own.
    fn elapsed_since(&self, before: &[Attempt]) -> Vec<(Phase, Duration)> {
        let told = |phase| -> Duration {
            let all = before.iter().flat_map(|attempt| &attempt.elapsed);
            all.filter(|(other, _)| *other == phase).map(|(_, spent)| *spent).sum()
        };
        let since = |(phase, spent): (Phase, Duration)| match told(phase) {
            Duration::ZERO => Some((phase, spent)),
            told => Some((phase, spent.saturating_sub(told))).filter(|(_, spent)| !spent.is_zero()),
        };
        self.timeline.spent().into_iter().filter_map(since).collect()
    }
}
