//! What follows a failed attempt of a call whose attempts follow each other: one decision for each, and that carried out.
use super::{
    context::Context,
    fault::Fault,
    ledger::Ledger,
    outcome::Failed,
    request::{Following, Request},
    trace::Trace,
};
use crate::{
    clock,
    failure::Reached,
    retry::{Decision, History, Policy, Rules, Surroundings, costs_a_token, decide},
};
use std::{future::Future, pin::pin, time::Duration};
use tokio::time::{sleep, timeout};

/// Each wait is spread by a fifth either way (gRFC A6).
const SPREAD: f64 = 0.2;

pub(super) struct Retries<'a> {
    context: &'a Context,
    request: &'a Request,
    trace: &'a Trace,
    ledger: &'a mut Ledger,
    /// The request can be sent again once it has left.
    keeps: bool,
    history: History,
}

/// A failed attempt, and what follows it.
pub(super) struct Decided {
    fault: Fault,
    decision: Decision,
}

impl<'a> Retries<'a> {
    pub(super) fn new(
        context: &'a Context,
        request: &'a Request,
        trace: &'a Trace,
        ledger: &'a mut Ledger,
        keeps: bool,
    ) -> Self {
        Retries { context, request, trace, ledger, keeps, history: History::default() }
    }

    /// What an attempt is made of.
    pub(super) fn parts(&self) -> (&'a Context, &'a Request, &'a Trace) {
        (self.context, self.request, self.trace)
    }

    /// Returns when the next attempt may leave.
    ///
    /// # Errors
    /// The call's failure, when none may.
    pub(super) async fn after(&mut self, Decided { fault, decision }: Decided) -> Result<(), Box<Failed>> {
        let ended = fault.ended(self.is_committed(&fault));
        if costs_a_token(ended, self.history, self.rules()) {
            self.context.configs.throttle().failed();
        }
        self.history = self.history.after(ended, decision);
        match decision {
            Decision::Stop(why) => return Err(self.ledger.ended(self.trace, fault, why)),
            Decision::Transparent => {
                self.ledger.again(self.trace, &fault, None);
                // whoever replaces the connection gets a turn before it is picked again
                tokio::task::yield_now().await;
            }
            Decision::Retry { wait } => {
                self.ledger.again(self.trace, &fault, Some(wait));
                drop(fault);
                sleep(wait).await;
            }
        }
        self.ledger.next(self.trace);
        Ok(())
    }

    /// An attempt that has this much time before the next one takes its place.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        attempt: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Decided> {
        let mut attempt = pin!(attempt);
        if let Ok(end) = timeout(limit, attempt.as_mut()).await {
            return end.map_err(|fault| self.decide(fault));
        }
        let late = self.decide(self.trace.timed_out(limit));
        match late.decision {
            // one that nothing can follow is left to the call's deadline
            Decision::Stop(_) => attempt.await.map_err(|fault| self.decide(fault)),
            _ => Err(late),
        }
    }

    /// The one decision on a failed attempt. Nothing of it is carried out yet.
    pub(super) fn decide(&self, fault: Fault) -> Decided {
        let (ended, rules) = (fault.ended(self.is_committed(&fault)), self.rules());
        let costs = costs_a_token(ended, self.history, rules);
        let decision = decide(ended, self.history, rules, self.surroundings(rules, costs));
        Decided { fault, decision }
    }

    /// The time that the policy gives each attempt.
    pub(super) fn time_of_an_attempt(&self) -> Option<Duration> {
        match self.policy() {
            Policy::Configured(policy) => policy.per_attempt_recv_timeout,
            Policy::Off | Policy::Safe => None,
        }
    }

    pub(super) fn succeeded(&self) {
        self.context.configs.throttle().succeeded();
    }

    fn is_committed(&self, fault: &Fault) -> bool {
        let lost = !self.keeps && fault.reached() != Reached::No;
        lost || self.trace.is_committed()
    }

    fn policy(&self) -> Policy<'a> {
        match self.request.following() {
            Following::Policy(policy) => policy,
            Following::Hedges(_) => Policy::Off,
        }
    }

    fn rules(&self) -> Rules<'a> {
        let options = &self.context.options.retry;
        Rules {
            enabled: options.enabled,
            policy: self.policy(),
            idempotent: self.request.is_idempotent(),
            most: options.max_attempts,
        }
    }

    /// `costs`: the failure takes a token first.
    fn surroundings(&self, rules: Rules<'_>, costs: bool) -> Surroundings {
        let throttle = self.context.configs.throttle();
        let binds = throttle.is_configured() || matches!(rules.policy, Policy::Safe);
        Surroundings {
            throttled: binds && throttle.is_used_up_after(costs),
            jitter: clock::factor(SPREAD),
            remaining: self.request.deadline.map(|deadline| deadline.remaining(clock::now())),
        }
    }
}
