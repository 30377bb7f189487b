//! The attempts of a call as they come and go.
use super::{super::Deadline, Fault, Trace};
use crate::{
    balance::Charge,
    failure::{Attempt, Cause, Failure, Phase, Reached, Retry, StreamFacts},
    observe::Timeline,
};
use http::HeaderMap;
use std::{sync::Arc, time::Duration};

/// What is known of the attempt under way, and of those before it.
pub(super) struct State {
    pub(super) timeline: Timeline,
    pub(super) deadline: Option<Deadline>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) peer: Option<Arc<str>>,
    pub(super) via_proxy: Option<Arc<str>>,
    pub(super) opened: bool,
    pub(super) headers: Option<HeaderMap>,
    pub(super) stream: StreamFacts,
    /// What stands in the way of a connection.
    pub(super) underlying: Option<Failure>,
    /// How the attempt before ended.
    pub(super) before: Option<Failure>,
    /// Where the policy counts the attempt, if it does.
    pub(super) charge: Option<Charge>,
    /// Attempts before this one that a policy counts.
    pub(super) previous: u32,
    /// The wait before this attempt.
    pub(super) delay: Duration,
    /// What may be claimed of the attempts before.
    pub(super) reached_before: Reached,
    /// After one of the attempts, running the request again was not known to be harmless.
    pub(super) risky: bool,
    pub(super) committed: bool,
    pub(super) ended: bool,
    /// The attempts of a call that lets them race, each with a trace of its own.
    pub(super) racing: Vec<Arc<Trace>>,
}

impl State {
    pub(super) fn new(timeline: Timeline, deadline: Option<Deadline>) -> Self {
        State {
            timeline,
            deadline,
            attempts: Vec::new(),
            peer: None,
            via_proxy: None,
            opened: false,
            headers: None,
            stream: StreamFacts::default(),
            underlying: None,
            before: None,
            charge: None,
            previous: 0,
            delay: Duration::ZERO,
            reached_before: Reached::No,
            risky: false,
            committed: false,
            ended: false,
            racing: Vec::new(),
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

    /// The end of an attempt that no other follows in its place. Once is enough.
    pub(super) fn close(&mut self, fault: &Fault) {
        if !std::mem::replace(&mut self.ended, true) {
            self.reached_before = self.reached_before.max(fault.failed.failure.record().reached);
            self.close_attempt(Some(&fault.failed.failure));
        }
    }

    pub(super) fn close_attempt(&mut self, failure: Option<&Failure>) {
        // A request that did not leave, and a caller who gave up, say nothing of the server.
        let is_servers = self.opened && failure.is_some_and(|failure| failure.cause() != Cause::CancelledByCaller);
        if let Some(charge) = self.charge.take().filter(|_| is_servers) {
            charge.ended(false);
        }
        self.risky |= failure.is_some_and(|failure| failure.record().retry == Retry::Idempotent);
        let attempt = self.attempt(failure);
        self.attempts.push(attempt);
    }

    /// The running attempt, as far as it came.
    pub(super) fn attempt(&self, failure: Option<&Failure>) -> Attempt {
        Attempt {
            address: self.peer.clone(),
            peer: self.peer.clone(),
            code: failure.map(Failure::code),
            cause: failure.map(Failure::cause),
            delay: self.delay,
            next: None,
            elapsed: self.elapsed_since_last(),
        }
    }

    /// Time per phase that no attempt before has in its own.
    pub(super) fn elapsed_since_last(&self) -> Vec<(Phase, Duration)> {
        let before = |phase| -> Duration {
            let all = self.attempts.iter().flat_map(|attempt| &attempt.elapsed);
            all.filter(|(other, _)| *other == phase).map(|(_, spent)| *spent).sum()
        };
        let since = |(phase, spent): (Phase, Duration)| match before(phase) {
            Duration::ZERO => Some((phase, spent)),
            before => Some((phase, spent.saturating_sub(before))).filter(|(_, spent)| !spent.is_zero()),
        };
        self.timeline.spent().into_iter().filter_map(since).collect()
    }

    /// Those that ended and, unless the call did with the last of them, the one that was given up.
    pub(super) fn all_attempts(&self) -> Vec<Attempt> {
        let given_up = (!self.ended).then(|| self.attempt(None));
        self.attempts.iter().cloned().chain(given_up).collect()
    }

    pub(super) fn is_risky(&self) -> bool {
        self.risky || (!self.ended && self.reached() >= Reached::Maybe)
    }

    pub(super) fn reached_at_all(&self) -> Reached {
        if self.ended { self.reached_before } else { self.reached().max(self.reached_before) }
    }
}
