//! One jittered exponential for connects, lookups and retries (doc/connection-backoff.md). Returns waits, never sleeps.
use crate::{clock::Jitter, options::BackoffOptions};
use ::backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff as _};
use std::time::Duration;

/// The waits between the attempts of one thing that keeps failing.
#[derive(Debug)]
pub(crate) struct Backoff {
    base: ExponentialBackoff,
    longest: Duration,
    spread: f64,
    jitter: Jitter,
    /// The last wait before it was spread.
    nominal: Duration,
}

impl Backoff {
    /// Seeded by the operating system.
    pub(crate) fn new(options: &BackoffOptions) -> Backoff {
        Backoff::with(options, Jitter::random())
    }

    pub(crate) fn with(options: &BackoffOptions, jitter: Jitter) -> Backoff {
        let longest = Duration::from_millis(options.max_ms);
        let base = ExponentialBackoffBuilder::new()
            .with_initial_interval(Duration::from_millis(options.initial_ms))
            .with_multiplier(options.multiplier)
            .with_max_interval(longest)
            // Theirs is neither seeded nor under our control; ours follows below.
            .with_randomization_factor(0.0)
            .with_max_elapsed_time(None)
            .build();
        Backoff { base, longest, spread: options.jitter, jitter, nominal: Duration::ZERO }
    }

    /// The next wait. Every one is spread, the first too: clients that fail together must not come back together.
    pub(crate) fn next(&mut self) -> Duration {
        self.nominal = self.base.next_backoff().unwrap_or(self.longest);
        self.jitter.spread(self.nominal, self.spread)
    }

    /// The last wait as it was before it was spread: the same for everybody.
    pub(crate) fn nominal(&self) -> Duration {
        self.nominal
    }

    /// Starts again at the shortest wait.
    pub(crate) fn reset(&mut self) {
        self.base.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_waits_lie_in_the_intervals_of_the_specification() {
        for seed in 0..200 {
            let mut backoff = Backoff::with(&BackoffOptions::default(), Jitter::new(seed));
            let mut base = 1.0_f64;
            for attempt in 1..=15 {
                let wait = backoff.next().as_secs_f64();
                let (low, high) = (base * 0.8 - 1e-6, base * 1.2 + 1e-6);
                assert!((low..=high).contains(&wait), "seed {seed}, attempt {attempt}: {wait} not in {low}..{high}");
                base = (base * 1.6).min(120.0);
            }
        }
    }

    #[test]
    fn the_first_wait_is_spread_too() {
        let first = |seed| Backoff::with(&BackoffOptions::default(), Jitter::new(seed)).next();
        let waits: Vec<_> = (0..100).map(first).collect();
        assert!(waits.iter().any(|wait| wait.as_millis() < 900));
        assert!(waits.iter().any(|wait| wait.as_millis() > 1100));
    }

    #[test]
    fn a_reset_starts_over_and_options_are_kept() {
        let options = BackoffOptions { initial_ms: 100, multiplier: 2.0, jitter: 0.0, max_ms: 300 };
        let mut backoff = Backoff::with(&options, Jitter::new(1));
        let mut waits = || (0..4).map(|_| backoff.next().as_millis()).collect::<Vec<_>>();
        assert_eq!(waits(), [100, 200, 300, 300]);
        backoff.reset();
        assert_eq!(backoff.next().as_millis(), 100);
    }
}
