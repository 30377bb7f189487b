//! What calls read: the picker of the moment, and what a call that has to wait is waiting for.
use super::{ConnectivityState, PickResult, Picker, Queueing};
use crate::{
    failure::{Failure, Phase},
    transport::Connection,
};
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
    snapshot: watch::Sender<Snapshot>,
    waiting: watch::Sender<Waiting>,
    /// A call found the channel idle.
    demand: Notify,
    /// A call has picked since this was last looked at.
    active: AtomicBool,
    queued: AtomicUsize,
}

#[derive(Clone)]
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
                snapshot: watch::Sender::new(snapshot),
                waiting: watch::Sender::new(Waiting { phase: Phase::Pick, problem: None }),
                demand: Notify::new(),
                active: AtomicBool::new(false),
                queued: AtomicUsize::new(0),
            }),
        }
    }

    // --- for calls

    /// A connection, now and without waiting, if there is one.
    pub(crate) fn try_pick(&self) -> Option<Connection> {
        match self.current().pick() {
            PickResult::Pick(connection) => {
                self.note_activity();
                Some(connection)
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
    ) -> Result<Connection, Failure> {
        if let Some(connection) = self.try_pick() {
            return Ok(connection);
        }
        let _queued = Queued::new(self);
        let mut snapshots = self.shared.snapshot.subscribe();
        let mut waiting = self.shared.waiting.subscribe();
        loop {
            let snapshot = snapshots.borrow_and_update().clone();
            let state = snapshot.state;
            match snapshot.picker.pick() {
                PickResult::Pick(connection) => return Ok(connection),
                PickResult::Fail(failure) if !wait_for_ready || state == ConnectivityState::Shutdown => {
                    return Err(failure);
                }
                PickResult::Fail(_) | PickResult::Queue => {}
            }
            // Its picker may hold a connection, which could not end while we wait.
            drop(snapshot);
            if state == ConnectivityState::Idle {
                self.exit_idle();
            }
            let now = waiting.borrow_and_update().clone();
            on_wait(&now);
            // Neither ends: this cell holds both senders.
            tokio::select! {
                _ = snapshots.changed() => {}
                _ = waiting.changed() => {}
            }
        }
    }

    /// The picker of the moment.
    pub(crate) fn current(&self) -> Arc<dyn Picker> {
        self.shared.snapshot.borrow().picker.clone()
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
        self.shared.snapshot.borrow().state
    }

    /// Returns the state as soon as it is not `last`.
    pub(crate) async fn wait_for_state_change(&self, last: ConnectivityState) -> ConnectivityState {
        let mut snapshots = self.shared.snapshot.subscribe();
        match snapshots.wait_for(|snapshot| snapshot.state != last).await {
            Ok(snapshot) => snapshot.state,
            Err(_) => ConnectivityState::Shutdown,
        }
    }

    // --- for the controller

    /// Returns when a call has asked for a connection.
    pub(crate) async fn demanded(&self) {
        self.shared.demand.notified().await;
    }

    /// Shows the calls another picker. After [`ConnectivityState::Shutdown`] nothing changes any more.
    pub(crate) fn publish(&self, state: ConnectivityState, picker: Arc<dyn Picker>) {
        self.shared.snapshot.send_if_modified(|snapshot| {
            let open = snapshot.state != ConnectivityState::Shutdown;
            if open {
                *snapshot = Snapshot { state, picker };
            }
            open
        });
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
