//! What is known of one call, and who waits for it.
use causewire::bridge::{Event, Message, Metadata, Outcome, Progress};
use pyo3::{exceptions::PyException, intern, prelude::*};
use std::{
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
    /// Called once, with the GIL, when the call is over.
    pub(crate) on_done: Option<Py<PyAny>>,
    /// Futures of asyncio, each with the news it is for.
    pub(crate) waiters: Vec<(u8, Py<PyAny>)>,
    /// A thread waits at the core for all the others.
    pub(crate) led: bool,
    over: bool,
}

/// What has to be done with the GIL once no lock is held.
#[derive(Default)]
pub(crate) struct Wake {
    futures: Vec<Py<PyAny>>,
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
            Event::Ask(_) | Event::Log(_) | Event::State { .. } => 0,
        };
        state.wake(what, wake);
        self.changed.notify_all();
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
            (std::mem::take(&mut state.waiters), state.on_done.take())
        };
        // only now: dropping an object may run Python
        drop((waiters, on_done));
    }

    /// Sleeps until the leading thread brings the news, or leads no more. Without the GIL.
    pub(crate) fn sleep(&self, mask: u8, time: Duration) {
        let state = self.state();
        let blocked = |s: &mut State| !s.ready(mask) && s.led;
        drop(self.changed.wait_timeout_while(state, time, blocked).unwrap_or_else(|e| e.into_inner()));
    }

    /// Sleeps until the queue's thread brings the news. Without the GIL.
    pub(crate) fn sleep_until(&self, mask: u8, time: Duration) {
        let state = self.state();
        drop(self.changed.wait_timeout_while(state, time, |s| !s.ready(mask)).unwrap_or_else(|e| e.into_inner()));
    }

    /// Gives up the lead, so that another waiting thread takes it.
    pub(crate) fn follow(&self) {
        self.state().led = false;
        self.changed.notify_all();
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
        let all = what & news::DONE != 0;
        if all {
            wake.callbacks.extend(self.on_done.take());
            wake.futures.extend(self.waiters.drain(..).map(|(_, future)| future));
        } else if !self.waiters.is_empty() {
            let (hit, rest) = std::mem::take(&mut self.waiters).into_iter().partition(|(mask, _)| mask & what != 0);
            self.waiters = rest;
            let hit: Vec<(u8, Py<PyAny>)> = hit;
            wake.futures.extend(hit.into_iter().map(|(_, future)| future));
        }
    }
}

impl Wake {
    /// Settles every future and runs every callback of a batch.
    pub(crate) fn run(self, py: Python<'_>) {
        for future in self.futures {
            settle(future.bind(py));
        }
        for callback in self.callbacks {
            if let Err(error) = callback.bind(py).call0() {
                error.write_unraisable(py, Some(callback.bind(py)));
            }
        }
    }
}

/// A future that was cancelled meanwhile refuses its result; whoever cancelled it does not wait any more.
fn settle(future: &Bound<'_, PyAny>) {
    let py = future.py();
    if let Err(error) = future.call_method1(intern!(py, "set_result"), (py.None(),))
        && !error.is_instance_of::<PyException>(py)
    {
        error.write_unraisable(py, Some(future));
    }
}
