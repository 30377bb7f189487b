//! What a queue holds, and how its host is rung.
use super::super::{
    event::{Batch, CallId, Event},
    intake::{Intake, Job},
};
use crate::{
    call::{Outcome, Port},
    metadata::Metadata,
    transport::Message,
};
use rustc_hash::FxHashMap;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::sync::Notify;

pub(super) type Ring = Arc<dyn Fn() + Send + Sync>;

pub(super) struct Shared {
    state: Mutex<State>,
    bell: Notify,
    /// Tells those who ask the host that it closes.
    pub(super) closing: Notify,
    ring: Mutex<Option<Ring>>,
}

#[derive(Default)]
pub(super) struct State {
    /// The numbers are our own, so nobody chooses them to collide.
    pub(super) calls: FxHashMap<CallId, Entry>,
    pub(super) ready: VecDeque<CallId>,
    /// Calls whose end waits to be taken.
    pub(super) ended: usize,
    pub(super) loose: VecDeque<Event>,
    pub(super) logs: usize,
    pub(super) dropped_logs: u64,
    /// The host was told and has not yet seen the queue empty.
    rung: bool,
    pub(super) closed: bool,
    pub(super) abandoned: bool,
}

pub(super) struct Entry {
    pub(super) port: Arc<Port>,
    pub(super) intake: Arc<Intake>,
    pub(super) queued: bool,
    pub(super) headers: Option<(Metadata, Option<Arc<str>>)>,
    pub(super) messages: Vec<Message>,
    pub(super) room: bool,
    pub(super) done: Option<Outcome>,
}

impl Shared {
    pub(super) fn new(ring: Ring) -> Arc<Self> {
        let ring = Mutex::new(Some(ring));
        Arc::new(Shared { state: Mutex::default(), bell: Notify::new(), closing: Notify::new(), ring })
    }

    pub(super) fn abandon(&self) {
        let (ports, calls) = {
            let mut state = self.state();
            (state.closed, state.abandoned) = (true, true);
            state.ready.clear();
            state.loose.clear();
            state.ended = 0;
            (state.ports(), std::mem::take(&mut state.calls))
        };
        self.closing.notify_waiters();
        self.release();
        cancel_all(ports, "host ended");
        drop(calls);
    }

    pub(super) fn close(&self) {
        let (ports, finished) = {
            let mut state = self.state();
            state.closed = true;
            (state.ports(), state.calls.is_empty())
        };
        self.closing.notify_waiters();
        cancel_all(ports, "queue closed");
        if finished {
            self.release();
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    pub(super) fn ring(&self, ring: bool) {
        if ring {
            self.bell.notify_one();
        }
    }

    /// Drops the host's closure, and ends the notifier task.
    pub(super) fn release(&self) {
        let ring = self.ring.lock().unwrap_or_else(|e| e.into_inner()).take();
        drop(ring);
        self.bell.notify_one();
    }
}

/// Rings from a task of its own, after the other tasks and the sockets had their turn: thousands of pushes become one
/// ring. A turn that nobody needs, because no call is in flight any more, would be a system call.
pub(super) async fn notify(shared: Arc<Shared>) {
    loop {
        shared.bell.notified().await;
        if !shared.state().all_ended() {
            tokio::task::yield_now().await;
        }
        let ring = shared.ring.lock().unwrap_or_else(|e| e.into_inner()).clone();
        match ring {
            Some(ring) => ring(),
            None => return,
        }
    }
}

fn cancel_all(ports: Vec<(Arc<Port>, Arc<Intake>)>, reason: &'static str) {
    for (port, intake) in ports {
        if port.cancel(reason) {
            intake.push(Job::Wake(port));
        }
    }
}

impl State {
    /// True if the host has to be rung.
    pub(super) fn arm(&mut self) -> bool {
        !std::mem::replace(&mut self.rung, true)
    }

    fn all_ended(&self) -> bool {
        self.ended == self.calls.len()
    }

    fn ports(&self) -> Vec<(Arc<Port>, Arc<Intake>)> {
        self.calls.values().map(|e| (e.port.clone(), e.intake.clone())).collect()
    }

    pub(super) fn take(&mut self, max: usize) -> (Batch, bool) {
        let mut events: Vec<Event> = self.loose.drain(..).collect();
        self.logs = 0;
        for _ in 0..max {
            let Some(call) = self.ready.pop_front() else { break };
            self.take_call(call, &mut events);
        }
        let more = !self.ready.is_empty();
        if !more {
            self.rung = false;
        }
        let finished = self.closed && self.calls.is_empty();
        (Batch { events, more }, finished)
    }

    fn take_call(&mut self, call: CallId, events: &mut Vec<Event>) {
        let Some(entry) = self.calls.get_mut(&call) else { return };
        entry.queued = false;
        if let Some((headers, peer)) = entry.headers.take() {
            events.push(Event::Headers { call, headers, peer });
        }
        if !entry.messages.is_empty() {
            events.push(Event::Messages { call, messages: std::mem::take(&mut entry.messages) });
        }
        if std::mem::take(&mut entry.room) {
            events.push(Event::Room { call });
        }
        if let Some(outcome) = entry.done.take() {
            events.push(Event::Done { call, outcome });
            self.calls.remove(&call);
            self.ended -= 1;
        }
    }
}
