//! When an attempt may begin: after a failure by the backoff (doc/connection-backoff.md), after a loss somewhere in the
//! reconnect window.
use crate::{
    backoff::Backoff,
    clock::{self, Instant, Jitter},
    options::BackoffOptions,
};
use std::time::Duration;

/// What [`Pace::tick`] finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The attempt that was held back begins now.
    Dial,
    BackoffOver,
}

/// Holds no timer: [`Pace::due`] says when there is something to do.
#[derive(Debug)]
pub(super) struct Pace {
    backoff: Backoff,
    window: Duration,
    jitter: Jitter,
    timer: Timer,
    /// A connection broke: the next attempt begins no sooner.
    held_until: Option<Instant>,
    /// Others may be making the same attempt at this moment: if it fails, they are not to repeat it together.
    in_step: bool,
    /// When the next attempt may begin, counted from the beginning of the last.
    not_before: Instant,
    /// The wait before the attempt that is under way.
    waited: Duration,
    /// The wait before the next attempt, if there is one.
    wait: Duration,
    /// The wait that follows if the attempt fails, or what comes of it.
    interval: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    Off,
    /// An attempt is to begin.
    Held(Instant),
    /// The wait after a failure.
    Resting(Instant),
}

impl Pace {
    pub(super) fn new(backoff: &BackoffOptions, window: Duration) -> Pace {
        Pace::with(Backoff::new(backoff), window, Jitter::random())
    }

    fn with(backoff: Backoff, window: Duration, jitter: Jitter) -> Pace {
        Pace {
            backoff,
            window,
            jitter,
            timer: Timer::Off,
            held_until: None,
            in_step: true,
            not_before: clock::now(),
            waited: Duration::ZERO,
            wait: Duration::ZERO,
            interval: None,
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        match self.timer {
            Timer::Off => None,
            Timer::Held(at) | Timer::Resting(at) => Some(at),
        }
    }

    /// An attempt waits for its place in the window.
    pub(super) fn is_held(&self) -> bool {
        matches!(self.timer, Timer::Held(_))
    }

    /// The wait before the attempt that is under way.
    pub(super) fn waited(&self) -> Duration {
        self.waited
    }

    /// How long after its beginning the attempt that is under way is followed by another, jitter and window aside.
    pub(super) fn next(&self) -> Duration {
        self.backoff.nominal()
    }

    pub(super) fn tick(&mut self, now: Instant) -> Option<Due> {
        let due = match self.timer {
            Timer::Held(at) if at <= now => Due::Dial,
            Timer::Resting(at) if at <= now => Due::BackoffOver,
            _ => return None,
        };
        self.timer = Timer::Off;
        Some(due)
    }

    /// The last connection is gone. One that broke did so for others, too; one that drained was told to this client alone,
    /// whose calls are not to notice.
    pub(super) fn lost(&mut self, is_broken: bool) {
        self.held_until = is_broken.then(|| clock::now() + self.jitter.within(self.window));
        self.in_step = true;
    }

    /// Whether the attempt that is to begin has to wait for its place in the window.
    pub(super) fn hold(&mut self) -> bool {
        let now = clock::now();
        let Some(at) = self.held_until.take().filter(|at| *at > now) else { return false };
        (self.timer, self.wait) = (Timer::Held(at), at.duration_since(now));
        true
    }

    /// An attempt begins. Returns the wait that follows if it fails.
    pub(super) fn began(&mut self) -> Duration {
        self.waited = std::mem::take(&mut self.wait);
        // The same as for the last attempt if nobody has waited since.
        let interval = *self.interval.get_or_insert_with(|| self.backoff.next());
        self.not_before = clock::now() + interval;
        interval
    }

    /// When the wait is over that would follow if the attempt failed.
    pub(super) fn not_before(&self) -> Instant {
        self.not_before
    }

    /// The attempt failed, or what came of it did. The wait has the place in the window in it.
    pub(super) fn rest(&mut self) {
        (self.wait, self.held_until) = (self.interval.take().unwrap_or_default(), None);
        if std::mem::take(&mut self.in_step) {
            self.not_before = self.not_before.max(clock::now() + self.jitter.within(self.window));
        }
        self.timer = Timer::Resting(self.not_before);
    }

    pub(super) fn stop(&mut self) {
        self.timer = Timer::Off;
    }

    /// The next wait is the shortest. Whether an attempt was held back, which may begin now.
    pub(super) fn forget(&mut self) -> bool {
        let was_held = self.is_held();
        if was_held {
            self.stop();
        }
        self.backoff.reset();
        (self.wait, self.interval, self.held_until) = (Duration::ZERO, None, None);
        self.not_before = clock::now();
        was_held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    fn pace(seed: u64, window: Duration) -> Pace {
        let options = BackoffOptions { jitter: 0.0, ..BackoffOptions::default() };
        Pace::with(Backoff::new(&options), window, Jitter::new(seed))
    }

    /// Milliseconds until there is something to do.
    fn due(pace: &Pace) -> Option<u128> {
        pace.due().map(|at| at.duration_since(clock::now()).as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_is_counted_from_the_beginning_of_the_attempt() {
        let mut pace = pace(1, Duration::ZERO);
        assert!(!pace.hold());
        assert_eq!(pace.began().as_millis(), 1000);
        tokio::time::advance(Duration::from_millis(300)).await;
        pace.rest();
        assert_eq!(due(&pace), Some(700));
        assert_eq!(pace.tick(clock::now()), None);
        tokio::time::advance(Duration::from_millis(700)).await;
        assert_eq!((pace.tick(clock::now()), due(&pace)), (Some(Due::BackoffOver), None));
        pace.began();
        assert_eq!((pace.waited().as_millis(), pace.forget(), pace.began().as_millis()), (1000, false, 1000));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_loss_the_first_attempt_waits_for_its_place_in_the_window() {
        let mut places = [0; 10];
        for seed in 0..1000 {
            let mut pace = pace(seed, WINDOW);
            pace.began();
            pace.forget();
            pace.lost(true);
            assert!(pace.hold() && pace.is_held());
            places[due(&pace).unwrap() as usize / 1000] += 1;
        }
        assert!(places.iter().all(|place| (60..140).contains(place)), "{places:?}");
        let mut pace = pace(7, WINDOW);
        pace.lost(true);
        assert!(pace.hold());
        let place = pace.due().unwrap();
        assert_eq!((pace.tick(place), pace.is_held()), (Some(Due::Dial), false));
        pace.lost(true);
        tokio::time::advance(WINDOW).await;
        assert!(!pace.hold(), "nobody asked while the window was open");
        pace.lost(true);
        assert!(pace.hold() && pace.forget(), "the program asks for no waiting");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_drain_the_first_attempt_is_made_at_once_and_not_repeated_in_step() {
        let mut waits: Vec<_> = (0..1000)
            .map(|seed| {
                let mut pace = pace(seed, WINDOW);
                pace.lost(false);
                assert!(!pace.hold());
                pace.began();
                pace.rest();
                due(&pace).unwrap()
            })
            .collect();
        waits.sort_unstable();
        assert_eq!((waits[0], waits[999] > 9_000), (1000, true), "never sooner than the backoff");
        assert!((4_000..6_000).contains(&waits[500]), "{}", waits[500]);
        let mut pace = pace(1, WINDOW);
        let mut again = || {
            pace.began();
            pace.rest();
            due(&pace).unwrap()
        };
        again();
        assert_eq!(again(), 1600, "once");
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_that_follow_at_once_make_no_wait_longer() {
        let mut pace = pace(1, Duration::ZERO);
        for _ in 0..3 {
            assert_eq!((pace.began().as_millis(), pace.waited()), (1000, Duration::ZERO));
            pace.lost(false);
        }
        pace.rest();
        assert_eq!((due(&pace), pace.began().as_millis(), pace.waited().as_millis()), (Some(1000), 1600, 1000));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_window_nothing_is_held() {
        let mut pace = pace(1, Duration::ZERO);
        pace.lost(true);
        assert!(!pace.hold());
        pace.began();
        pace.rest();
        assert_eq!(due(&pace), Some(1000));
    }
}
