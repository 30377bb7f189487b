//! A queue of the core and the calls whose news it brings.
use crate::{
    fork::lock,
    payload,
    state::{Shared, Wake},
};
use causewire::bridge::{CallId, Event, Queue};
use pyo3::prelude::*;
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex};

/// Calls whose news is taken at once; more rounds follow, so that a loop is not held up by its busiest channel.
const BATCH: usize = 512;

pub(crate) struct Mailbox {
    pub(crate) queue: Queue,
    calls: Mutex<FxHashMap<CallId, Arc<Shared>>>,
}

impl Mailbox {
    pub(crate) fn new(ring: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Mailbox { queue: Queue::new(ring), calls: Mutex::default() })
    }

    /// To be called under the same GIL hold as the submission, so that no news comes before.
    pub(crate) fn adopt(&self, id: CallId, call: &Arc<Shared>) {
        lock(&self.calls).insert(id, call.clone());
    }

    /// The host is gone: cancels every call and lets go of what waits for them.
    pub(crate) fn abandon(&self) {
        self.queue.abandon();
        let calls = std::mem::take(&mut *lock(&self.calls));
        calls.into_values().for_each(|call| call.retire());
    }

    /// Takes one batch and tells everybody whom it concerns. Returns what concerns no call, and whether there is more.
    pub(crate) fn drain(&self, py: Python<'_>) -> (Vec<Event>, bool) {
        let (loose, wake, more) = self.take(py);
        wake.run(py);
        (loose, more)
    }

    /// The same for the queue of an event loop, on the loop itself and between two tasks. Returns whether there is more.
    ///
    /// # Errors
    /// What ends the loop.
    pub(crate) fn drain_tasks(&self, py: Python<'_>) -> (PyResult<()>, bool) {
        let (_, wake, more) = self.take(py);
        (wake.run_tasks(py), more)
    }

    fn take(&self, _gil: Python<'_>) -> (Vec<Event>, Wake, bool) {
        payload::bury();
        let batch = self.queue.take(BATCH);
        let mut wake = Wake::default();
        let mut loose = Vec::new();
        {
            let mut calls = lock(&self.calls);
            for event in batch.events {
                match event {
                    Event::Done { call, .. } => {
                        if let Some(shared) = calls.remove(&call) {
                            shared.event(event, &mut wake);
                        }
                    }
                    Event::Headers { call, .. } | Event::Messages { call, .. } | Event::Room { call } => {
                        if let Some(shared) = calls.get(&call) {
                            shared.event(event, &mut wake);
                        }
                    }
                    Event::Ask(_)
                    | Event::AskCancelled { .. }
                    | Event::Log(_)
                    | Event::State { .. }
                    | Event::Ready { .. } => loose.push(event),
                }
            }
        }
        // woken only once the lock is free: they may call us back
        (loose, wake, batch.more)
    }
}
