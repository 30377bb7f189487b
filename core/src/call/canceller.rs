//! Ends calls from elsewhere.
use super::port::Port;
use rustc_hash::FxHashMap;
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, Weak},
};

/// Ends every call that it is given to with its request: RST_STREAM(CANCEL). Made before them; a call that begins after
/// [`cancel`](Canceller::cancel) ends at once. Cloning it gives another handle.
#[derive(Clone, Default)]
pub struct Canceller {
    shared: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    cancelled: bool,
    calls: FxHashMap<u64, Weak<Port>>,
    next: u64,
}

impl Canceller {
    /// For any number of calls.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the calls with CANCELLED_BY_CALLER; does nothing to those that are over.
    pub fn cancel(&self) {
        let calls = {
            let mut state = lock(&self.shared);
            state.cancelled = true;
            std::mem::take(&mut state.calls)
        };
        for port in calls.values().filter_map(Weak::upgrade) {
            if port.cancel("cancelled") {
                port.wake();
            }
        }
    }

    /// Whether it has cancelled.
    pub fn is_cancelled(&self) -> bool {
        lock(&self.shared).cancelled
    }

    /// Lets it end the call of `port`, as long as what is returned lives.
    pub(crate) fn register(&self, port: &Arc<Port>) -> Registration {
        let mut state = lock(&self.shared);
        if state.cancelled {
            port.cancel("cancelled");
        }
        let id = state.next;
        state.next += 1;
        state.calls.insert(id, Arc::downgrade(port));
        Registration { shared: self.shared.clone(), id }
    }
}

/// One call's place at its canceller.
pub(crate) struct Registration {
    shared: Arc<Mutex<State>>,
    id: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.shared).calls.remove(&self.id);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(|e| e.into_inner())
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller").field("cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Buffered;

    fn port() -> Arc<Port> {
        Arc::new(Port::new(&Buffered::default()))
    }

    #[test]
    fn all_its_calls_end_those_to_come_too_and_those_that_left_do_not() {
        let canceller = Canceller::new();
        let (first, second, gone, late) = (port(), port(), port(), port());
        let _kept = (canceller.register(&first), canceller.register(&second));
        drop(canceller.register(&gone));
        canceller.clone().cancel();
        let _late = canceller.register(&late);
        let cancelled = [&first, &second, &gone, &late].map(|port| port.cancelled().is_some());
        assert_eq!(cancelled, [true, true, false, true]);
    }
}
