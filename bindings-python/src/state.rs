//! What is known of one call, and who waits for it.
use crate::waiter::Waiter;
use causewire::bridge::{Event, Message, Metadata, Outcome, Progress};
use pyo3::prelude::*;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

/// What can be waited for.
pub(crate) mod news {
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const MESSAGES: u8 = 2;
    pub(crate) const ROOM: u8 = 4;
    pub(crate) const DONE: u8 = 8;
}

/// One call, shared by the call object and by whoever brings its news. Weak in one direction only: the call object may
/// be collected while the call is in flight.
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    live: Arc<AtomicUsize>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) headers: Option<Metadata>,
    pub(crate) peer: Option<Arc<str>>,
    /// Arrived and not yet taken by the reader.
    pub(crate) messages: Vec<Message>,
    /// A sender was told to wait for room.
    pub(crate) full: bool,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) cancelled: bool,
    pub(crate) send_closed: bool,
    pub(crate) has_sent: bool,
    /// Each called once, with the GIL, when the call is over.
    pub(crate) on_done: Vec<Py<PyAny>>,
    /// Tasks of asyncio, each with the news it is for.
    pub(crate) waiters: Vec<(u8, Py<Waiter>)>,
    /// A thread waits at the core for all the others.
    pub(crate) led: bool,
    /// Threads that sleep on `changed`: without one, a notification would be a system call for nobody.
    sleeping: u32,
    over: bool,
}

/// What has to be done with the GIL once no lock is held.
#[derive(Default)]
pub(crate) struct Wake {
    waiters: VecDeque<Py<Waiter>>,
    callbacks: Vec<Py<PyAny>>,
}

impl Shared {
    /// `live` counts the channel's calls that are not over.
    pub(crate) fn new(live: Arc<AtomicUsize>) -> Arc<Self> {
        live.fetch_add(1, Relaxed);
        Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), live })
    }

    /// Some threads take this lock without the GIL, for an instant and without touching an object of Python.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    pub(crate) fn event(&self, event: Event, wake: &mut Wake) {
        let mut state = self.state();
        let what = match event {
            Event::Headers { headers, peer, .. } => state.head(headers, peer),
            Event::Messages { messages, .. } => state.list(messages),
            Event::Room { .. } => {
                state.full = false;
                news::ROOM
            }
            Event::Done { outcome, .. } => self.end(&mut state, outcome),
            Event::Ask(_) | Event::AskCancelled { .. } | Event::Log(_) | Event::State { .. } | Event::Ready { .. } => 0,
        };
        state.wake(what, wake);
        self.notify(state);
    }

    pub(crate) fn progress(&self, progress: Progress, wake: &mut Wake) {
        let mut state = self.state();
        let mut what = 0;
        if let Some((headers, peer)) = progress.headers {
            what |= state.head(headers, peer);
        }
        if !progress.messages.is_empty() {
            what |= state.list(progress.messages);
        }
        if let Some(outcome) = progress.done {
            what |= self.end(&mut state, outcome);
        }
        state.wake(what, wake);
    }

    /// The call is over, by the core's word or by ours (a message could not be read); the first word counts.
    pub(crate) fn end(&self, state: &mut State, outcome: Outcome) -> u8 {
        if !std::mem::replace(&mut state.over, true) {
            self.live.fetch_sub(1, Relaxed);
        }
        if state.outcome.is_none() {
            state.outcome = Some(outcome);
        }
        state.full = false;
        news::DONE
    }

    /// Nobody reads this call's news any more. To be called with the GIL.
    pub(crate) fn retire(&self) {
        let (waiters, on_done) = {
            let mut state = self.state();
            if !std::mem::replace(&mut state.over, true) {
                self.live.fetch_sub(1, Relaxed);
            }
            (std::mem::take(&mut state.waiters), std::mem::take(&mut state.on_done))
        };
        // only now: dropping an object may run Python
        waiters.iter().for_each(|(_, waiter)| waiter.get().forget());
        drop((waiters, on_done));
    }

    /// Sleeps until the leading thread brings the news, or leads no more. Without the GIL.
    pub(crate) fn sleep(&self, mask: u8, time: Duration) {
        self.sleep_while(time, |state| !state.ready(mask) && state.led);
    }

    /// Sleeps until the queue's thread brings the news. Without the GIL.
    pub(crate) fn sleep_until(&self, mask: u8, time: Duration) {
        self.sleep_while(time, |state| !state.ready(mask));
    }

    fn sleep_while(&self, time: Duration, blocked: impl FnMut(&mut State) -> bool) {
        let mut state = self.state();
        state.sleeping += 1;
        let (mut state, _) = self.changed.wait_timeout_while(state, time, blocked).unwrap_or_else(|e| e.into_inner());
        state.sleeping -= 1;
    }

    /// Gives up the lead, so that another waiting thread takes it.
    pub(crate) fn follow(&self) {
        let mut state = self.state();
        state.led = false;
        self.notify(state);
    }

    fn notify(&self, state: MutexGuard<'_, State>) {
        let heard = state.sleeping > 0;
        drop(state);
        if heard {
            self.changed.notify_all();
        }
    }
}

impl State {
    pub(crate) fn ready(&self, mask: u8) -> bool {
        self.outcome.is_some()
            || (mask & news::HEADERS != 0 && self.headers.is_some())
            || (mask & news::MESSAGES != 0 && !self.messages.is_empty())
            || (mask & news::ROOM != 0 && !self.full)
    }

    fn head(&mut self, headers: Metadata, peer: Option<Arc<str>>) -> u8 {
        self.headers = Some(headers);
        self.peer = peer;
        news::HEADERS
    }

    fn list(&mut self, messages: Vec<Message>) -> u8 {
        match self.messages.is_empty() {
            true => self.messages = messages,
            false => self.messages.extend(messages),
        }
        news::MESSAGES
    }

    pub(crate) fn wake(&mut self, what: u8, wake: &mut Wake) {
        if what & news::DONE != 0 {
            wake.callbacks.append(&mut self.on_done);
        }
        if self.waiters.is_empty() {
            return;
        }
        let (hit, rest): (Vec<_>, _) =
            std::mem::take(&mut self.waiters).into_iter().partition(|(mask, _)| self.ready(*mask));
        self.waiters = rest;
        wake.waiters.extend(hit.into_iter().map(|(_, waiter)| waiter));
    }
}

impl Wake {
    /// Wakes the tasks of a batch and runs its callbacks, from wherever: the tasks go on with the loop's next turn.
    pub(crate) fn run(self, py: Python<'_>) {
        for waiter in &self.waiters {
            if let Err(error) = Waiter::wake_soon(waiter.bind(py)) {
                error.write_unraisable(py, None);
            }
        }
        self.call_back(py);
    }

    /// The same from the loop itself, between two tasks: each goes on here and now.
    ///
    /// # Errors
    /// What ends the loop (KeyboardInterrupt, SystemExit) came out of a task; the others go on with the next turn.
    pub(crate) fn run_tasks(mut self, py: Python<'_>) -> PyResult<()> {
        while let Some(waiter) = self.waiters.pop_front() {
            if let Err(error) = Waiter::wake(waiter.bind(py)) {
                self.run(py);
                return Err(error);
            }
        }
        self.call_back(py);
        Ok(())
    }

    fn call_back(&self, py: Python<'_>) {
        for callback in &self.callbacks {
            if let Err(error) = callback.bind(py).call0() {
                error.write_unraisable(py, Some(callback.bind(py)));
            }
        }
    }
}
