//! The time and randomness seam: everything that waits or rolls dice goes through here, so that a test can pause the
//! one and seed the other.
use std::time::Duration;
pub(crate) use tokio::time::Instant;

/// The monotonic time of the runtime, which a test may have paused.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Spreads waits, so that clients which failed together do not come back together.
#[derive(Debug)]
pub(crate) struct Jitter {
    rng: fastrand::Rng,
}

impl Jitter {
    /// The same seed gives the same waits.
    #[cfg(test)]
    pub(crate) fn new(seed: u64) -> Jitter {
        Jitter { rng: fastrand::Rng::with_seed(seed) }
    }

    /// Seeded by the operating system.
    pub(crate) fn random() -> Jitter {
        Jitter { rng: fastrand::Rng::new() }
    }

    /// `wait` times a random factor of `1 - ratio` to `1 + ratio`; a ratio outside 0..=1 counts as its nearest end.
    pub(crate) fn spread(&mut self, wait: Duration, ratio: f64) -> Duration {
        let ratio = if ratio.is_nan() { 0.0 } else { ratio.clamp(0.0, 1.0) };
        let factor = 1.0 + ratio * (2.0 * self.rng.f64() - 1.0);
        Duration::try_from_secs_f64(wait.as_secs_f64() * factor).unwrap_or(Duration::MAX)
    }

    /// A random part of `window`.
    pub(crate) fn within(&mut self, window: Duration) -> Duration {
        window.mul_f64(self.rng.f64())
    }

    /// A number below `end`; 0 for an empty range.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { self.rng.usize(..end) }
    }

    /// Every order is as likely as any other.
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        self.rng.shuffle(list);
    }
}

/// A number below `end`, from the thread's own dice; 0 for an empty range. For what many threads do at once: no lock.
pub(crate) fn roll(end: usize) -> usize {
    if end == 0 { 0 } else { fastrand::usize(..end) }
}

/// A random factor of `1 - ratio` to `1 + ratio`, from the thread's own dice.
pub(crate) fn factor(ratio: f64) -> f64 {
    1.0 + ratio * (2.0 * fastrand::f64() - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_the_spread_stays_inside_the_ratio() {
        let wait = Duration::from_secs(10);
        let roll = |seed| {
            let mut jitter = Jitter::new(seed);
            (0..1000).map(|_| jitter.spread(wait, 0.2)).collect::<Vec<_>>()
        };
        assert_eq!(roll(7), roll(7));
        assert_ne!(roll(7), roll(8));
        let all = roll(7);
        assert!(all.iter().all(|w| (8.0..=12.0).contains(&w.as_secs_f64())));
        assert!(all.iter().any(|w| w.as_secs_f64() < 8.5) && all.iter().any(|w| w.as_secs_f64() > 11.5));
    }

    #[test]
    fn a_shuffle_loses_nothing() {
        let mut jitter = Jitter::new(7);
        let mut list: Vec<_> = (0..100).collect();
        jitter.shuffle(&mut list);
        assert!(!list.is_sorted());
        list.sort_unstable();
        assert_eq!(list, (0..100).collect::<Vec<_>>());
        fastrand::seed(7);
        assert!((0..100).all(|_| roll(3) < 3) && roll(0) == 0);
    }

    #[test]
    fn odd_input_is_harmless() {
        let mut jitter = Jitter::random();
        assert_eq!(jitter.spread(Duration::from_secs(1), f64::NAN), Duration::from_secs(1));
        assert!(jitter.spread(Duration::MAX, 1.0) > Duration::ZERO || jitter.below(0) == 0);
        assert_eq!(jitter.below(1), 0);
    }
}
