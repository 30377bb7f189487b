//! When the next racing attempt leaves (gRFC A6, Hedging). Pure: the clock and the budget are told.
//!
//! Who configures hedges lets attempts race a slow one. That is no leave to run again what failed and may have run: what
//! follows a failure is judged as for retries ([`further`]). Attempts that have left race on in any case, for stopping
//! them takes back nothing.
use super::policy::{Ended, Further, further};
use crate::{
    clock::Instant,
    failure::{Pushback, RetryStopped},
    options::HedgingPolicy,
};

/// The attempts of one hedged call.
#[derive(Debug)]
pub(crate) struct Hedge<'a> {
    policy: &'a HedgingPolicy,
    most: u32,
    /// Running the request twice does no harm.
    idempotent: bool,
    launched: u32,
    next: Next,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    At(Instant),
    Never(RetryStopped),
}

/// What the end of one attempt means for the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The others go on.
    Lost,
    /// The call fails with it.
    Fatal,
}

impl<'a> Hedge<'a> {
    /// `most`: what the channel allows.
    pub(crate) fn new(policy: &'a HedgingPolicy, most: u32, idempotent: bool, now: Instant) -> Self {
        Hedge { policy, most: policy.max_attempts.min(most), idempotent, launched: 0, next: Next::At(now) }
    }

    /// Whether an attempt is to leave now. The budget binds all but the first.
    pub(crate) fn launch(&mut self, now: Instant, throttled: bool) -> bool {
        let Next::At(at) = self.next else { return false };
        if at > now {
            return false;
        }
        if throttled && self.launched > 0 {
            self.next = Next::Never(RetryStopped::Throttled);
            return false;
        }
        self.launched += 1;
        self.next = match self.launched < self.most {
            true => Next::At(now + self.policy.hedging_delay),
            false => Next::Never(RetryStopped::Attempts),
        };
        true
    }

    /// When the next attempt leaves, if all stays as it is.
    pub(crate) fn due(&self) -> Option<Instant> {
        match self.next {
            Next::At(at) => Some(at),
            Next::Never(_) => None,
        }
    }

    /// A response began, or what was sent is no longer kept: one attempt goes on, and none follows.
    pub(crate) fn decide(&mut self) {
        self.next = Next::Never(RetryStopped::Committed);
    }

    pub(crate) fn is_decided(&self) -> bool {
        self.next == Next::Never(RetryStopped::Committed)
    }

    /// Why no further attempt leaves, if none does.
    pub(crate) fn stopped(&self) -> Option<RetryStopped> {
        match self.next {
            Next::At(_) => None,
            Next::Never(why) => Some(why),
        }
    }

    /// Whether the failure takes a token from the budget of the server's name (gRFC A6, Throttling).
    pub(crate) fn costs_a_token(&self, ended: Ended) -> bool {
        ended.pushback() == Pushback::Never || self.outlived(ended) == Some(Further::Harmless)
    }

    /// An attempt failed. A failure that is not fatal brings the next attempt forward, unless the server has its own
    /// idea of when that is, or none may follow.
    pub(crate) fn failed(&mut self, ended: Ended, now: Instant) -> Verdict {
        let Some(further) = self.outlived(ended) else {
            self.next = Next::Never(RetryStopped::NotRetryable);
            return Verdict::Fatal;
        };
        if let Next::At(_) = self.next {
            self.next = match ended.pushback() {
                _ if further == Further::Doubtful => Next::Never(RetryStopped::NotRetryable),
                Pushback::Absent => Next::At(now + ended.not_before),
                Pushback::After(wait) => Next::At(now + wait),
                Pushback::Never => Next::Never(RetryStopped::Pushback),
            };
        }
        Verdict::Lost
    }

    /// What another attempt would be, if the failure is one that other attempts may outlive.
    fn outlived(&self, ended: Ended) -> Option<Further> {
        let listed = self.policy.non_fatal_status_codes.contains(ended.code);
        Some(further(ended, self.idempotent)).filter(|further| listed && *further != Further::Vain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        failure::{Code, Origin, Reached, Retry},
        retry::By,
    };
    use std::time::Duration;

    fn policy(delay_ms: u64) -> HedgingPolicy {
        HedgingPolicy {
            max_attempts: 3,
            hedging_delay: Duration::from_millis(delay_ms),
            non_fatal_status_codes: [Code::Unavailable].into_iter().collect(),
        }
    }

    fn ended(code: Code, pushback: Pushback) -> Ended {
        Ended {
            by: By::Status(pushback),
            reached: Reached::Yes,
            committed: false,
            code,
            origin: Origin::PeerApp,
            advice: Retry::Idempotent,
            not_before: Duration::ZERO,
        }
    }

    const LOST: (Code, Pushback) = (Code::Unavailable, Pushback::Absent);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn attempts_leave_one_delay_apart() {
        let (policy, start) = (policy(50), Instant::now());
        let mut hedge = Hedge::new(&policy, 5, false, start);
        assert!(hedge.launch(start, false));
        assert!(!hedge.launch(start + ms(49), false));
        assert_eq!(hedge.due(), Some(start + ms(50)));
        assert!(hedge.launch(start + ms(50), false));
        assert!(hedge.launch(start + ms(100), false));
        assert_eq!((hedge.due(), hedge.launched, hedge.stopped()), (None, 3, Some(RetryStopped::Attempts)));
        assert!(!hedge.launch(start + ms(999), false));
    }

    #[test]
    fn without_a_delay_all_leave_at_once_as_far_as_the_channel_allows() {
        let (policy, start) = (policy(0), Instant::now());
        let mut hedge = Hedge::new(&policy, 2, false, start);
        assert!(hedge.launch(start, false) && hedge.launch(start, false) && !hedge.launch(start, false));
    }

    #[test]
    fn a_loss_brings_the_next_one_forward() {
        let (policy, start) = (policy(50), Instant::now());
        let mut hedge = Hedge::new(&policy, 5, false, start);
        hedge.launch(start, false);
        assert_eq!(hedge.failed(ended(LOST.0, LOST.1), start + ms(10)), Verdict::Lost);
        assert!(hedge.launch(start + ms(10), false));
        assert_eq!(hedge.due(), Some(start + ms(60)), "and the delay counts from there");
    }

    #[test]
    fn the_server_has_the_last_word_on_when() {
        let (policy, start) = (policy(50), Instant::now());
        let mut hedge = Hedge::new(&policy, 5, false, start);
        hedge.launch(start, false);
        hedge.failed(ended(LOST.0, Pushback::After(ms(70))), start);
        assert_eq!(hedge.due(), Some(start + ms(70)));
        hedge.launch(start + ms(70), false);
        assert_eq!(hedge.due(), Some(start + ms(120)), "then the policy's delay again");
        hedge.failed(ended(LOST.0, Pushback::Never), start + ms(80));
        assert_eq!((hedge.due(), hedge.stopped()), (None, Some(RetryStopped::Pushback)));
        hedge.failed(ended(LOST.0, LOST.1), start + ms(90));
        assert_eq!(hedge.due(), None, "a later loss does not undo it");
    }

    #[test]
    fn any_other_code_is_the_calls() {
        let (policy, start) = (policy(50), Instant::now());
        let mut hedge = Hedge::new(&policy, 5, false, start);
        hedge.launch(start, false);
        assert_eq!(hedge.failed(ended(Code::Internal, Pushback::Absent), start), Verdict::Fatal);
        assert_eq!(hedge.stopped(), Some(RetryStopped::NotRetryable));
        let local = Ended { by: By::Other, origin: Origin::Local, advice: Retry::Fix, ..ended(LOST.0, LOST.1) };
        assert_eq!(
            Hedge::new(&policy, 5, false, start).failed(local, start),
            Verdict::Fatal,
            "a bad certificate stays bad"
        );
    }

    #[test]
    fn what_may_have_run_is_followed_by_none_and_those_that_race_go_on() {
        let (policy, start) = (policy(50), Instant::now());
        let broken = Ended { by: By::Transport, reached: Reached::Maybe, ..ended(LOST.0, LOST.1) };
        for (ended, idempotent, due) in [
            (broken, false, None),
            (broken, true, Some(start)),
            (Ended { reached: Reached::Unprocessed, ..broken }, false, Some(start)),
            (Ended { by: By::Other, origin: Origin::Intermediary, ..broken }, false, None),
            (Ended { by: By::Other, origin: Origin::Intermediary, ..broken }, true, Some(start)),
        ] {
            let mut hedge = Hedge::new(&policy, 5, idempotent, start);
            hedge.launch(start, false);
            assert_eq!(hedge.failed(ended, start), Verdict::Lost, "{ended:?}");
            assert_eq!(hedge.due(), due, "{ended:?}");
            assert_eq!(hedge.stopped(), due.is_none().then_some(RetryStopped::NotRetryable));
            assert_eq!(hedge.costs_a_token(ended), due.is_some());
        }
    }

    #[test]
    fn an_empty_budget_stops_all_but_the_first() {
        let (policy, start) = (policy(0), Instant::now());
        let mut hedge = Hedge::new(&policy, 5, false, start);
        assert!(hedge.launch(start, true));
        assert!(!hedge.launch(start, true));
        assert_eq!(hedge.stopped(), Some(RetryStopped::Throttled));
    }
}
