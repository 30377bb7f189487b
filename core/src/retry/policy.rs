//! The one decision after a failed attempt, pure: clock, dice and budget are told.
//!
//! Transparent retries first (gRFC A6): a request that never left this process is tried again without limit, one that
//! provably was not processed once. Then the method's policy, and without one the safe policy, which goes on with what
//! was provably not processed and nothing else.
use crate::{
    failure::{Code, Origin, Pushback, Reached, Retry, RetryStopped},
    options::RetryPolicy,
};
use std::time::Duration;

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) by: By,
    /// What the failure's record claims: no decision knows more than the caller is told.
    pub(crate) reached: Reached,
    /// Response headers were seen, or what was sent is no longer kept.
    pub(crate) committed: bool,
    pub(crate) code: Code,
    pub(crate) origin: Origin,
    /// The failure's own advice.
    pub(crate) advice: Retry,
    /// google.rpc.RetryInfo: the server wants no attempt before.
    pub(crate) not_before: Duration,
}

/// What ended an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The transport, after a connection had been picked.
    Transport,
    /// A gRPC status, and what it says of retries.
    Status(Pushback),
    /// Its own time (`perAttemptRecvTimeout`).
    Time,
    /// No connection, a credential, a limit of ours, or an answer that is no gRPC response.
    Other,
}

/// What applies to the call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) enabled: bool,
    pub(crate) policy: Policy<'a>,
    /// Running the request twice does no harm.
    pub(crate) idempotent: bool,
    /// Most attempts that any policy gets.
    pub(crate) most: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Policy<'a> {
    /// Transparent retries only.
    Off,
    /// What holds without configuration.
    Safe,
    Configured(&'a RetryPolicy),
}

/// What happened to the call before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct History {
    /// Attempts that were repeated because the peer had not processed them.
    pub(crate) unprocessed: u32,
    /// Attempts made, transparent ones not counted: what `grpc-previous-rpc-attempts` says of the next one.
    pub(crate) attempts: u32,
    /// Waits since the first or since the server last said how long to wait.
    pub(crate) waits: u32,
}

/// What the decision hangs on beside the call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings {
    /// The budget of the server's name is used up.
    pub(crate) throttled: bool,
    /// From 0.8 to 1.2.
    pub(crate) jitter: f64,
    /// Until the call's deadline.
    pub(crate) remaining: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Pick again at once; counts in no budget.
    Transparent,
    /// Another attempt of the policy's, after this wait.
    Retry { wait: Duration },
    /// The attempt's failure is the call's. The reason is absent when a retry was out of the question.
    Stop(Option<RetryStopped>),
}

impl Ended {
    pub(super) fn pushback(&self) -> Pushback {
        match self.by {
            By::Status(pushback) => pushback,
            By::Transport | By::Time | By::Other => Pushback::Absent,
        }
    }
}

impl Default for History {
    fn default() -> Self {
        History { unprocessed: 0, attempts: 1, waits: 0 }
    }
}

impl History {
    /// What it is once the decision is carried out.
    pub(crate) fn after(self, ended: Ended, decision: Decision) -> Self {
        match decision {
            Decision::Transparent => {
                History { unprocessed: self.unprocessed + u32::from(ended.reached == Reached::Unprocessed), ..self }
            }
            // the server's word restarts the sequence of waits
            Decision::Retry { .. } if matches!(ended.pushback(), Pushback::After(_)) => {
                History { attempts: self.attempts + 1, waits: 0, ..self }
            }
            Decision::Retry { .. } => History { attempts: self.attempts + 1, waits: self.waits + 1, ..self },
            Decision::Stop(_) => self,
        }
    }
}

/// What the policy makes of a failure, whatever the budgets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Transparent,
    Retryable,
    /// The server said that it wants no retry.
    Refused,
    NotRetryable,
    /// There is no policy that could want it.
    Nobody,
}

pub(crate) fn decide(ended: Ended, history: History, rules: Rules<'_>, around: Surroundings) -> Decision {
    let stop = |why| Decision::Stop(Some(why));
    match verdict(ended, history, rules) {
        Verdict::Nobody => Decision::Stop(None),
        Verdict::NotRetryable => stop(RetryStopped::NotRetryable),
        Verdict::Refused => stop(RetryStopped::Pushback),
        Verdict::Transparent | Verdict::Retryable if ended.committed => stop(RetryStopped::Committed),
        Verdict::Transparent => Decision::Transparent,
        Verdict::Retryable if history.attempts >= most(rules) => stop(RetryStopped::Attempts),
        Verdict::Retryable if around.throttled => stop(RetryStopped::Throttled),
        Verdict::Retryable => {
            let wait = match ended.pushback() {
                Pushback::After(wait) => wait,
                _ => backoff(rules.policy, history.waits, around.jitter).max(ended.not_before),
            };
            // a wait for the deadline would only hide what failed behind DEADLINE_EXCEEDED
            if around.remaining.is_some_and(|left| left <= wait) {
                return stop(RetryStopped::Deadline);
            }
            Decision::Retry { wait }
        }
    }
}

/// Whether the failure takes a token from the budget of the server's name (gRFC A6, Throttling).
pub(crate) fn costs_a_token(ended: Ended, history: History, rules: Rules<'_>) -> bool {
    matches!(verdict(ended, history, rules), Verdict::Retryable | Verdict::Refused)
}

/// Whether the attempt is repeated in its place, which no policy has a say in (gRFC A6, transparent retries).
pub(crate) fn is_repeated(ended: Ended, history: History) -> bool {
    is_transparent(ended, history) && !ended.committed
}

fn is_transparent(ended: Ended, history: History) -> bool {
    ended.by == By::Transport
        && match ended.reached {
            Reached::No => true,
            Reached::Unprocessed => history.unprocessed == 0,
            Reached::Maybe | Reached::Yes => false,
        }
}

fn verdict(ended: Ended, history: History, rules: Rules<'_>) -> Verdict {
    if !rules.enabled {
        return Verdict::Nobody;
    }
    if is_transparent(ended, history) {
        return Verdict::Transparent;
    }
    match rules.policy {
        Policy::Off => Verdict::Nobody,
        Policy::Safe if is_proven_unprocessed(ended) => Verdict::Retryable,
        Policy::Safe => Verdict::Nobody,
        Policy::Configured(_) if ended.pushback() == Pushback::Never => Verdict::Refused,
        Policy::Configured(policy)
            if is_wanted(ended, policy) && further(ended, rules.idempotent) == Further::Harmless =>
        {
            Verdict::Retryable
        }
        Policy::Configured(_) => Verdict::NotRetryable,
    }
}

/// A security fault is none of these: it is to be mended, whatever was processed.
fn is_proven_unprocessed(ended: Ended) -> bool {
    let helps = matches!(ended.advice, Retry::Safe | Retry::Delay);
    ended.by == By::Transport && ended.reached == Reached::Unprocessed && ended.code == Code::Unavailable && helps
}

fn is_wanted(ended: Ended, policy: &RetryPolicy) -> bool {
    ended.by == By::Time || policy.retryable_status_codes.contains(ended.code)
}

/// What a further execution of the request would be after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Further {
    Harmless,
    /// The request may have run, and nobody says that it may run twice.
    Doubtful,
    /// Something has to be mended first.
    Vain,
}

/// The one rule for retries and hedges. A gRPC status is the service's word that another execution is in order, if the
/// policy lists it; one that is shown to be an intermediary's is not, and of anything else the service knows nothing.
/// What it may have processed already is then only sent again if that does no harm.
pub(super) fn further(ended: Ended, idempotent: bool) -> Further {
    match (ended.by, ended.advice) {
        (By::Status(_), _) if ended.origin != Origin::Intermediary => Further::Harmless,
        (_, Retry::Fix | Retry::Never) => Further::Vain,
        _ if idempotent || matches!(ended.reached, Reached::No | Reached::Unprocessed) => Further::Harmless,
        _ => Further::Doubtful,
    }
}

fn most(rules: Rules<'_>) -> u32 {
    match rules.policy {
        Policy::Configured(policy) => policy.max_attempts.min(rules.most),
        Policy::Off | Policy::Safe => rules.most,
    }
}

/// Of the safe policy: where a server sheds load, or goes, another is found within a second or two.
const SAFE_BACKOFF: (Duration, Duration, f64) = (Duration::from_millis(50), Duration::from_secs(1), 2.0);

fn backoff(policy: Policy<'_>, waits: u32, jitter: f64) -> Duration {
    let (initial, max, multiplier) = match policy {
        Policy::Configured(policy) => (policy.initial_backoff, policy.max_backoff, policy.backoff_multiplier),
        Policy::Off | Policy::Safe => SAFE_BACKOFF,
    };
    let grown = initial.as_secs_f64() * multiplier.powi(i32::try_from(waits).unwrap_or(i32::MAX));
    Duration::try_from_secs_f64(grown.min(max.as_secs_f64()) * jitter).unwrap_or(max)
}

#[cfg(test)]
mod tests;
