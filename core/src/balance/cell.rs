//! What calls read: the picker of the moment, and what a call that has to wait is waiting for.
use super::{ConnectivityState, PickResult, Picked, Picker, Queueing};
use crate::failure::{Failure, Phase};
use arc_swap::ArcSwap;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};
use tokio::sync::{Notify, watch};

/// The shared snapshot of a channel, cheap to clone.
#[derive(Clone)]
pub(crate) struct PickerCell {
    shared: Arc<Shared>,
}

struct Shared {
    /// Read by every call: no lock, and no count that all cores would fight for.
    snapshot: ArcSwap<Snapshot>,
    /// Tells those who wait that there is another.
    changed: watch::Sender<()>,
    waiting: watch::Sender<Waiting>,
    /// A call found the channel idle.
    demand: Notify,
    /// A call has picked since this was last looked at.
    active: AtomicBool,
    queued: AtomicUsize,
}

struct Snapshot {
    state: ConnectivityState,
    picker: Arc<dyn Picker>,
}

/// What the channel is doing for a call that waits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Waiting {
    /// resolve, connect, tls, settings or backoff; pick when none of them.
    pub(crate) phase: Phase,
    /// What went wrong last and is not mended.
    pub(crate) problem: Option<Failure>,
}

impl PickerCell {
    /// Idle: the first pick wakes the controller.
    pub(crate) fn new() -> PickerCell {
        let snapshot = Snapshot { state: ConnectivityState::Idle, picker: Arc::new(Queueing) };
        PickerCell {
            shared: Arc::new(Shared {
                snapshot: ArcSwap::from_pointee(snapshot),
                changed: watch::Sender::new(()),
                waiting: watch::Sender::new(Waiting { phase: Phase::Pick, problem: None }),
                demand: Notify::new(),
                active: AtomicBool::new(false),
                queued: AtomicUsize::new(0),
            }),
        }
    }

    // --- for calls

    /// A connection, now and without waiting, if there is one.
    pub(crate) fn try_pick(&self) -> Option<Picked> {
        match self.shared.snapshot.load().picker.pick() {
            PickResult::Pick(picked) => {
                self.note_activity();
                Some(picked)
            }
            PickResult::Queue | PickResult::Fail(_) => None,
        }
    }

    /// A connection, as soon as there is one. `on_wait` hears what is waited for, at first and when it changes. Has no
    /// deadline of its own: drop it.
    ///
    /// # Errors
    /// The channel is closed; or it cannot connect, and the call does not wait for READY.
    pub(crate) async fn pick(
        &self,
        wait_for_ready: bool,
        on_wait: &mut (dyn FnMut(&Waiting) + Send),
    ) -> Result<Picked, Failure> {
        if let Some(picked) = self.try_pick() {
            return Ok(picked);
        }
        let _queued = Queued::new(self);
        let mut changed = self.shared.changed.subscribe();
        let mut waiting = self.shared.waiting.subscribe();
        loop {
            changed.mark_unchanged();
            // Let go of before the wait: its picker may hold a connection, which could not end meanwhile.
            let (state, result) = {
                let snapshot = self.shared.snapshot.load();
                (snapshot.state, snapshot.picker.pick())
            };
            match result {
                PickResult::Pick(picked) => return Ok(picked),
                PickResult::Fail(failure) if state == ConnectivityState::Shutdown || !wait_for_ready => {
                    return Err(failure);
                }
                PickResult::Fail(_) | PickResult::Queue => {}
            }
            if state == ConnectivityState::Idle {
                self.exit_idle();
            }
            let now = waiting.borrow_and_update().clone();
            on_wait(&now);
            // Neither ends: this cell holds both senders.
            tokio::select! {
                _ = changed.changed() => {}
                _ = waiting.changed() => {}
            }
        }
    }

    /// What a call would be waiting for at this moment.
    pub(crate) fn waiting(&self) -> Waiting {
        self.shared.waiting.borrow().clone()
    }

    /// Asks for a connection; does nothing when there is one or it is on its way.
    pub(crate) fn exit_idle(&self) {
        self.shared.demand.notify_one();
    }

    pub(crate) fn state(&self) -> ConnectivityState {
        self.shared.snapshot.load().state
    }

    /// Returns the state as soon as it is not `last`.
    pub(crate) async fn wait_for_state_change(&self, last: ConnectivityState) -> ConnectivityState {
        let mut changed = self.shared.changed.subscribe();
        loop {
            let state = self.state();
            if state != last {
                return state;
            }
            // Does not end: this cell holds the sender.
            let _ = changed.changed().await;
        }
    }

    // --- for the controller

    /// Returns when a call has asked for a connection.
    pub(crate) async fn demanded(&self) {
        self.shared.demand.notified().await;
    }

    /// Shows the calls another picker. After [`ConnectivityState::Shutdown`] nothing changes any more.
    pub(crate) fn publish(&self, state: ConnectivityState, picker: Arc<dyn Picker>) {
        let next = Arc::new(Snapshot { state, picker });
        self.shared.snapshot.rcu(|current| match current.state {
            ConnectivityState::Shutdown => current.clone(),
            _ => next.clone(),
        });
        self.shared.changed.send_replace(());
    }

    pub(crate) fn set_waiting(&self, waiting: Waiting) {
        self.shared.waiting.send_if_modified(|current| {
            let changed = *current != waiting;
            *current = waiting;
            changed
        });
    }

    /// Whether a call picked, or waits for a pick, since the last question.
    pub(crate) fn take_activity(&self) -> bool {
        self.shared.active.swap(false, Relaxed) || self.shared.queued.load(Relaxed) > 0
    }

    // The load first: all calls share the cache line, and nearly all find it set.
    fn note_activity(&self) {
        if !self.shared.active.load(Relaxed) {
            self.shared.active.store(true, Relaxed);
        }
    }
}

impl fmt::Debug for PickerCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PickerCell").field("state", &self.state()).field("waiting", &self.waiting()).finish()
    }
}

/// Counts a pick that waits.
struct Queued<'a>(&'a PickerCell);

impl<'a> Queued<'a> {
    fn new(cell: &'a PickerCell) -> Queued<'a> {
        cell.shared.queued.fetch_add(1, Relaxed);
        Queued(cell)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.shared.queued.fetch_sub(1, Relaxed);
        self.0.note_activity();
    }
}
