//! When to look a name up again: after failures by the backoff, otherwise no sooner than the minimum interval, and on
//! the refresh period although nothing is wrong.
use crate::{
    backoff::Backoff,
    clock::Instant,
    options::{BackoffOptions, DnsOptions},
};
use std::time::Duration;

/// Holds no timer: [`Pace::due`] says when the next lookup may begin.
#[derive(Debug)]
pub(crate) struct Pace {
    min_interval: Duration,
    refresh: Option<Duration>,
    backoff: Backoff,
    answered: Option<Instant>,
    not_before: Option<Instant>,
    wanted: bool,
}

impl Pace {
    pub(crate) fn new(dns: &DnsOptions, backoff: &BackoffOptions) -> Pace {
        Pace {
            min_interval: Duration::from_millis(dns.min_interval_ms),
            refresh: (dns.refresh_ms > 0).then(|| Duration::from_millis(dns.refresh_ms)),
            backoff: Backoff::new(backoff),
            answered: None,
            not_before: None,
            wanted: false,
        }
    }

    /// Somebody needs a fresh answer.
    pub(crate) fn want(&mut self) {
        self.wanted = true;
    }

    /// The next lookup need not wait for anything.
    pub(crate) fn hurry(&mut self) {
        self.backoff.reset();
        self.answered = None;
        self.not_before = None;
    }

    /// When the next lookup may begin: perhaps in the past; never, if nobody wants one.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        if self.wanted {
            let rested = self.answered.map(|answered| answered + self.min_interval);
            return Some(self.not_before.or(rested).unwrap_or(now));
        }
        Some(self.answered? + self.refresh?)
    }

    /// A lookup begins.
    pub(crate) fn began(&mut self) {
        self.wanted = false;
        self.not_before = None;
    }

    pub(crate) fn succeeded(&mut self, now: Instant) {
        self.backoff.reset();
        self.answered = Some(now);
    }

    /// It is tried again by itself, when the backoff allows.
    pub(crate) fn failed(&mut self, now: Instant) {
        self.wanted = true;
        self.not_before = Some(now + self.backoff.next());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn pace(refresh_ms: u64) -> Pace {
        let dns = DnsOptions { refresh_ms, ..DnsOptions::default() };
        Pace::new(&dns, &BackoffOptions { jitter: 0.0, ..BackoffOptions::default() })
    }

    fn after(pace: &Pace, start: Instant) -> Option<u128> {
        pace.due(start).map(|due| due.duration_since(start).as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn a_fresh_answer_is_not_asked_for_again_for_thirty_seconds() {
        let (mut pace, start) = (pace(0), clock::now());
        assert_eq!(after(&pace, start), None);
        pace.want();
        assert_eq!(after(&pace, start), Some(0));
        pace.began();
        pace.succeeded(start);
        assert_eq!(after(&pace, start), None);
        pace.want();
        assert_eq!(after(&pace, start), Some(30_000));
        pace.hurry();
        assert_eq!(after(&pace, start), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_wait_longer_and_longer() {
        let (mut pace, start) = (pace(0), clock::now());
        let mut fail = |at: &Instant| {
            pace.began();
            pace.failed(*at);
            after(&pace, *at)
        };
        assert_eq!([fail(&start), fail(&start), fail(&start)], [Some(1000), Some(1600), Some(2560)]);
        pace.began();
        pace.succeeded(start);
        pace.began();
        pace.failed(start);
        assert_eq!(after(&pace, start), Some(1000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refresh_comes_although_nobody_asks() {
        let (mut pace, start) = (pace(5_000), clock::now());
        pace.began();
        pace.succeeded(start);
        assert_eq!(after(&pace, start), Some(5_000));
    }
}
