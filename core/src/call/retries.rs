//! What follows a failed attempt of a call whose attempts follow each other: the decision carried out.
use super::{Context, Failed, Fault, Request, Trace, request::Following};
use crate::{
    clock,
    failure::Reached,
    retry::{Decision, Ended, History, Policy, Rules, Surroundings, costs_a_token, decide},
};
use std::{future::Future, pin::pin, time::Duration};
use tokio::time::{sleep, timeout};

/// Each wait is spread by a fifth either way (gRFC A6).
const SPREAD: f64 = 0.2;

pub(super) struct Retries<'a> {
    context: &'a Context,
    request: &'a Request,
    trace: &'a Trace,
    /// The request can be sent again once it has left.
    keeps: bool,
    history: History,
}

impl<'a> Retries<'a> {
    pub(super) fn new(context: &'a Context, request: &'a Request, trace: &'a Trace, keeps: bool) -> Self {
        Retries { context, request, trace, keeps, history: History::default() }
    }

    /// Returns when the next attempt may leave.
    ///
    /// # Errors
    /// The call's failure, when none may.
    pub(super) async fn after(&mut self, fault: Fault) -> Result<(), Box<Failed>> {
        let decision = self.decide(&fault);
        match decision {
            Decision::Stop(why) => return Err(self.trace.ended(fault, why)),
            Decision::Transparent => {
                self.trace.again(&fault, None);
                // whoever replaces the connection gets a turn before it is picked again
                tokio::task::yield_now().await;
            }
            Decision::Retry { wait } => {
                self.trace.again(&fault, Some(wait));
                drop(fault);
                sleep(wait).await;
            }
        }
        self.trace.next_attempt();
        Ok(())
    }

    /// An attempt that has this much time before the next one takes its place.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        attempt: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let mut attempt = pin!(attempt);
        if let Ok(end) = timeout(limit, attempt.as_mut()).await {
            return end;
        }
        let late = self.trace.timed_out(limit);
        // one that nothing can follow is left to the call's deadline
        match self.decision(&late) {
            Decision::Stop(_) => attempt.await,
            _ => Err(late),
        }
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

    fn decide(&mut self, fault: &Fault) -> Decision {
        let ended = self.ended(fault);
        if costs_a_token(ended, self.history, self.rules()) {
            self.context.configs.throttle().failed();
        }
        let decision = self.decision(fault);
        self.history = self.history.after(ended, decision);
        decision
    }

    fn decision(&self, fault: &Fault) -> Decision {
        let rules = self.rules();
        decide(self.ended(fault), self.history, rules, self.surroundings(rules))
    }

    fn ended(&self, fault: &Fault) -> Ended {
        let lost = !self.keeps && fault.reached() != Reached::No;
        fault.ended(lost || self.trace.is_committed())
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

    fn surroundings(&self, rules: Rules<'_>) -> Surroundings {
        let throttle = self.context.configs.throttle();
        let binds = throttle.is_configured() || matches!(rules.policy, Policy::Safe);
        Surroundings {
            throttled: binds && throttle.is_used_up(),
            jitter: clock::factor(SPREAD),
            remaining: self.request.deadline.map(|deadline| deadline.remaining(clock::now())),
        }
    }
}
