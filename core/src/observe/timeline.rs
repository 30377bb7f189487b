//! The phases of one call on one clock.
use crate::{clock, failure::Phase};
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::Instant;

/// What happened to a call, in order. `at` counts from the call's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The call entered a phase.
    Phase {
        /// Which.
        phase: Phase,
        /// Since the call began.
        at: Duration,
    },
    /// A further attempt begins; the first is number 1.
    Attempt {
        /// From 1.
        number: u32,
        /// Since the call began.
        at: Duration,
    },
    /// The call is over.
    Ended {
        /// The gRPC status code.
        code: u8,
        /// Since the call began.
        at: Duration,
    },
}

/// Hears every event of every call of a channel. Called on the call's own task: it must not block.
pub trait Listener: Send + Sync {
    /// `method` is the full path, `/pkg.Service/Method`.
    fn on_event(&self, method: &str, event: Event);
}

/// Where the time of one call went.
pub(crate) struct Timeline {
    started: Instant,
    since: Instant,
    phase: Phase,
    spent: [Option<Duration>; Phase::ALL.len()],
    listener: Option<(Arc<str>, Arc<dyn Listener>)>,
}

impl Timeline {
    pub(crate) fn start(now: Instant, method: &Arc<str>, listener: Option<&Arc<dyn Listener>>) -> Self {
        let listener = listener.map(|l| (method.clone(), l.clone()));
        let timeline = Timeline { started: now, since: now, phase: Phase::Pick, spent: Default::default(), listener };
        timeline.tell(|at| Event::Phase { phase: Phase::Pick, at });
        timeline
    }

    /// Enters a phase. Entering the phase it is in already costs nothing.
    pub(crate) fn enter(&mut self, phase: Phase) {
        if self.phase != phase {
            self.enter_at(phase, clock::now());
        }
    }

    /// The same where the time is known already.
    pub(crate) fn enter_at(&mut self, phase: Phase, now: Instant) {
        if self.phase == phase {
            return;
        }
        add(&mut self.spent, self.phase, now.saturating_duration_since(self.since));
        self.since = now;
        self.phase = phase;
        self.tell(|at| Event::Phase { phase, at });
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn attempt(&self, number: u32) {
        self.tell(|at| Event::Attempt { number, at });
    }

    pub(crate) fn ended(&self, code: u8) {
        self.tell(|at| Event::Ended { code, at });
    }

    /// Time spent so far in each phase that was entered, in the order of [`Phase::ALL`].
    pub(crate) fn spent(&self) -> Vec<(Phase, Duration)> {
        let mut spent = self.spent;
        add(&mut spent, self.phase, clock::now().saturating_duration_since(self.since));
        Phase::ALL.iter().copied().zip(spent).filter_map(|(phase, time)| Some((phase, time?))).collect()
    }

    fn tell(&self, event: impl FnOnce(Duration) -> Event) {
        if let Some((method, listener)) = &self.listener {
            listener.on_event(method, event(clock::now().saturating_duration_since(self.started)));
        }
    }
}

impl fmt::Debug for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeline").field("phase", &self.phase).field("spent", &self.spent).finish_non_exhaustive()
    }
}

fn add(spent: &mut [Option<Duration>; Phase::ALL.len()], phase: Phase, time: Duration) {
    if let Some(slot) = spent.get_mut(phase as usize) {
        *slot = Some(slot.unwrap_or_default() + time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Recorder(Mutex<Vec<Event>>);

    impl Listener for Recorder {
        fn on_event(&self, _: &str, event: Event) {
            self.0.lock().unwrap().push(event);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_goes_to_the_phase_it_was_spent_in() {
        let mut timeline = Timeline::start(clock::now(), &"/a/b".into(), None);
        tokio::time::advance(Duration::from_millis(5)).await;
        timeline.enter(Phase::Send);
        tokio::time::advance(Duration::from_millis(7)).await;
        timeline.enter(Phase::Pick);
        tokio::time::advance(Duration::from_millis(1)).await;
        let ms: Vec<_> = timeline.spent().into_iter().map(|(p, d)| (p, d.as_millis())).collect();
        assert_eq!(ms, [(Phase::Pick, 6), (Phase::Send, 7)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_listener_hears_the_call() {
        let recorder = Arc::new(Recorder::default());
        let listener: Arc<dyn Listener> = recorder.clone();
        let mut timeline = Timeline::start(clock::now(), &"/a/b".into(), Some(&listener));
        timeline.enter(Phase::Send);
        timeline.ended(14);
        let events = recorder.0.lock().unwrap().clone();
        assert_eq!(
            events,
            [
                Event::Phase { phase: Phase::Pick, at: Duration::ZERO },
                Event::Phase { phase: Phase::Send, at: Duration::ZERO },
                Event::Ended { code: 14, at: Duration::ZERO },
            ]
        );
    }
}
