//! When to ping and when to give up, as a pure state machine.
use super::Keepalive;
use crate::clock::Instant;
use std::time::Duration;

/// Looks per interval: a silence is noticed one look late at most, and reading needs no clock.
const LOOKS: u32 = 8;

/// What was read so far, and what for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) bytes: u64,
    /// Frames with headers or data.
    pub(super) answers: u32,
    pub(super) calls: usize,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing, until a call begins.
    Rest,
    /// Look again then.
    Look(Instant),
    /// Send a PING, and look again then.
    Ping(Instant),
    /// The peer was silent for this long after a PING.
    Dead(Duration),
}

#[derive(Debug)]
pub(super) struct Watch {
    rule: Keepalive,
    resting: bool,
    bytes: u64,
    answers: u32,
    /// The look that last found something read.
    heard: Instant,
    /// When the PING left that nothing was read after yet.
    asked: Option<Instant>,
    /// No PING sooner, unless the peer sends headers or data.
    spaced_until: Option<Instant>,
}

impl Watch {
    pub(super) fn new(rule: Keepalive, now: Instant) -> Watch {
        Watch { rule, resting: true, bytes: 0, answers: 0, heard: now, asked: None, spaced_until: None }
    }

    /// Whether there is a reason to look although the last step was to rest.
    pub(super) fn is_wanted(&self, calls: usize) -> bool {
        calls > 0 || self.rule.without_calls
    }

    pub(super) fn look(&mut self, now: Instant, sample: Sample) -> Step {
        self.take(now, sample);
        let every = self.rule.time / LOOKS;
        if let Some(asked) = self.asked {
            let until = asked + self.rule.timeout;
            return match now < until {
                true => Step::Look(until.min(now + every)),
                false => Step::Dead(now.saturating_duration_since(asked)),
            };
        }
        if !self.is_wanted(sample.calls) {
            self.resting = true;
            return Step::Rest;
        }
        let due = (self.heard + self.rule.time).max(self.spaced_until.unwrap_or(self.heard));
        if now < due {
            return Step::Look(due.min(now + every));
        }
        self.asked = Some(now);
        Step::Ping(now + self.rule.timeout.min(every))
    }

    fn take(&mut self, now: Instant, sample: Sample) {
        let begins = std::mem::take(&mut self.resting);
        if sample.answers != self.answers {
            self.answers = sample.answers;
            self.spaced_until = None;
        }
        if sample.bytes != self.bytes {
            self.bytes = sample.bytes;
            self.heard = now;
            // Counted from the answer, which no server sends before it has the ping.
            if self.asked.take().is_some() {
                self.spaced_until = self.rule.spacing.map(|spacing| now + spacing);
            }
        } else if begins && self.rule.spacing.is_some() {
            self.heard = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const CONFIGURED: Keepalive = Keepalive {
        time: Duration::from_secs(10),
        timeout: Duration::from_secs(20),
        without_calls: false,
        spacing: None,
    };

    /// A connection whose looks are made when they are due; all times are seconds.
    struct Path {
        watch: Watch,
        start: Instant,
        at: f64,
        next: Option<f64>,
        sample: Sample,
        pings: Vec<f64>,
        /// The peer answers pings.
        answers_pings: bool,
        dead: Option<f64>,
    }

    impl Path {
        fn new(rule: Keepalive) -> Path {
            let start = clock::now();
            let sample = Sample { bytes: 0, answers: 0, calls: 0 };
            let watch = Watch::new(rule, start);
            Path { watch, start, at: 0.0, next: None, sample, pings: vec![], answers_pings: true, dead: None }
        }

        fn until(mut self, end: f64) -> Path {
            while let Some(next) = self.next.filter(|next| *next <= end) {
                self.at = next;
                self.look();
            }
            self.at = end;
            self
        }

        fn call(mut self) -> Path {
            self.sample.calls += 1;
            if self.next.is_none() {
                self.look();
            }
            self
        }

        fn ended(mut self) -> Path {
            self.sample.calls -= 1;
            self
        }

        fn data(mut self) -> Path {
            self.sample.bytes += 9;
            self.sample.answers += 1;
            self
        }

        fn bytes(mut self) -> Path {
            self.sample.bytes += 9;
            self
        }

        fn freeze(mut self) -> Path {
            self.answers_pings = false;
            self
        }

        fn look(&mut self) {
            let now = self.start + Duration::from_secs_f64(self.at);
            let since = |at: Instant| at.duration_since(self.start).as_secs_f64();
            self.next = match self.watch.look(now, self.sample) {
                Step::Rest => None,
                Step::Look(at) => Some(since(at)),
                Step::Ping(at) => {
                    self.pings.push(self.at);
                    self.sample.bytes += if self.answers_pings { 17 } else { 0 };
                    Some(since(at))
                }
                Step::Dead(silent) => {
                    self.dead = Some(silent.as_secs_f64());
                    None
                }
            };
        }

        fn pings(&self) -> &[f64] {
            &self.pings
        }
    }

    #[test]
    fn an_idle_connection_is_left_alone() {
        for rule in [CONFIGURED, Keepalive::UNASKED] {
            let path = Path::new(rule).call().data().ended().until(100_000.0);
            assert_eq!((path.pings(), path.next), (&[][..], None));
        }
    }

    #[test]
    fn a_silent_call_has_its_peer_asked_once_per_interval() {
        let path = Path::new(CONFIGURED).call().until(34.0);
        // An answer is found one look after its PING.
        assert_eq!(path.pings(), [10.0, 21.25, 32.5]);
        let path = Path::new(CONFIGURED).call().until(9.0).bytes().until(19.0).bytes().until(28.0);
        assert_eq!(path.pings(), [] as [f64; 0], "whatever was read counts");
    }

    #[test]
    fn a_silent_peer_is_given_up_after_the_timeout() {
        for (rule, pinged, after) in [(CONFIGURED, 10.0, 20.0), (Keepalive::UNASKED, 30.0, 20.0)] {
            let path = Path::new(rule).freeze().call().until(1000.0);
            assert_eq!((path.pings(), path.dead, path.at), (&[pinged][..], Some(after), 1000.0));
        }
        let short = Keepalive { timeout: Duration::from_millis(500), ..CONFIGURED };
        let path = Path::new(short).freeze().call().until(1000.0);
        assert_eq!(path.dead, Some(0.5));
        let path = Path::new(CONFIGURED).freeze().call().until(29.9).bytes().until(35.0);
        assert_eq!((path.pings(), path.dead), (&[10.0][..], None), "a byte at the last moment counts");
    }

    #[test]
    fn the_wait_for_an_answer_outlives_the_call() {
        let path = Path::new(CONFIGURED).freeze().call().until(11.0).ended().until(1000.0);
        assert_eq!(path.dead, Some(20.0));
    }

    #[test]
    fn with_pings_configured_a_call_on_a_silent_connection_asks_first() {
        let path = Path::new(CONFIGURED).call().data().ended().until(500.0).call();
        assert_eq!(path.pings(), [500.0]);
        let path = Path::new(CONFIGURED).call().data().ended().until(9.0).call();
        assert_eq!(path.pings(), [] as [f64; 0]);
    }

    #[test]
    fn with_pings_for_idle_connections_no_call_is_needed() {
        let mut path = Path::new(Keepalive { without_calls: true, ..CONFIGURED });
        assert!(path.watch.is_wanted(0));
        path.look();
        assert_eq!(path.until(22.0).pings(), [10.0, 21.25]);
    }

    #[test]
    fn unasked_pings_wait_for_a_call_that_waits_and_stay_five_minutes_apart() {
        let path = Path::new(Keepalive::UNASKED).call().data().ended().until(1000.0).call().until(1029.0);
        assert_eq!(path.pings(), [] as [f64; 0]);
        let path = path.until(1000.0 + 12.0 * 60.0);
        let gaps: Vec<_> = path.pings().windows(2).map(|two| two[1] - two[0]).collect();
        assert_eq!(path.pings()[0], 1030.0);
        assert_eq!(gaps.len(), 2, "{:?}", path.pings());
        assert!(gaps.iter().all(|gap| (300.0..310.0).contains(gap)), "{gaps:?}");
    }

    #[test]
    fn data_lifts_the_five_minutes_and_the_answer_to_a_ping_does_not() {
        let asked = || Path::new(Keepalive::UNASKED).call().until(31.0);
        assert_eq!(asked().bytes().until(300.0).pings().len(), 1);
        let path = asked().until(100.0).data().until(300.0);
        assert_eq!(path.pings().len(), 2, "{:?}", path.pings());
        assert!((130.0..134.0).contains(&path.pings()[1]));
    }

    /// grpc-go's default policy: at most two strikes, forgotten with every headers or data frame that it sends.
    #[test]
    fn no_pattern_of_answers_makes_unasked_pings_too_many() {
        for seed in 0..200 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (mut path, mut strikes, mut last, mut forgiven) = (Path::new(Keepalive::UNASKED).call(), 0, None, true);
            for _ in 0..200 {
                let (end, seen) = (path.at + rng.f64() * 400.0, path.pings.len());
                path = path.until(end);
                for ping in &path.pings[seen..] {
                    let is_early = last.is_some_and(|last| ping - last < 300.0);
                    strikes = if forgiven { 0 } else { strikes + u32::from(is_early) };
                    (last, forgiven) = (Some(*ping), false);
                    assert!(strikes <= 2, "seed {seed}");
                }
                (path, forgiven) = match rng.u8(..4) {
                    0 => (path.data(), true),
                    1 => (path.bytes(), forgiven),
                    2 => (path.ended().call(), forgiven),
                    _ => (path, forgiven),
                };
            }
            assert!(path.pings.len() > 20 && path.dead.is_none());
        }
    }

    #[test]
    fn a_calmer_rule_asks_half_as_often() {
        let calmer = CONFIGURED.calmer();
        assert_eq!((calmer.time, calmer.timeout), (Duration::from_secs(20), CONFIGURED.timeout));
        assert_eq!(Keepalive::UNASKED.calmer().spacing, Some(Duration::from_secs(600)));
    }
}
