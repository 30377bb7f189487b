//! The deadlines of a channel's calls, on one timer.
//!
//! Nearly every deadline is let go of before it passes, and nearly every new one is later than those that wait. So one
//! task sleeps until the earliest, and setting or letting go of another costs no timer of the runtime, whose
//! registration may wake its driver by a system call.
use super::port::Port;
use crate::{clock, rt::Handle};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

/// Held by what all calls of the channel share; its task ends with it.
pub(crate) struct Alarms {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    bell: Notify,
}

#[derive(Default)]
struct State {
    due: BTreeMap<Key, Arc<Port>>,
    next: u64,
    /// When the task looks next. `None`: when it is told to.
    looks: Option<Instant>,
    closed: bool,
}

/// The number keeps deadlines of the same moment apart.
type Key = (Instant, u64);

/// Wakes a call at its deadline, unless it is dropped before.
#[derive(Debug)]
pub(super) struct Alarm<'a> {
    alarms: &'a Alarms,
    key: Key,
}

impl Alarms {
    pub(crate) fn start(rt: &Handle) -> Self {
        let shared = Arc::<Shared>::default();
        rt.spawn("call.alarms", run(shared.clone()));
        Alarms { shared }
    }

    /// Wakes the call of `port` at `at`.
    pub(super) fn set(&self, at: Instant, port: &Arc<Port>) -> Alarm<'_> {
        let (key, earliest) = {
            let mut state = self.shared.lock();
            let key = (at, state.next);
            state.next += 1;
            state.due.insert(key, port.clone());
            let earliest = state.looks.is_none_or(|looks| at < looks);
            if earliest {
                state.looks = Some(at);
            }
            (key, earliest)
        };
        if earliest {
            self.shared.bell.notify_one();
        }
        Alarm { alarms: self, key }
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        let port = self.alarms.shared.lock().due.remove(&self.key);
        drop(port); // not under the lock
    }
}

impl Drop for Alarms {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.bell.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl State {
    /// Takes out what is due. `looks` becomes the earliest of the rest.
    fn take_due(&mut self, now: Instant) -> Vec<Arc<Port>> {
        let mut due = Vec::new();
        while let Some(first) = self.due.first_entry().filter(|first| first.key().0 <= now) {
            due.push(first.remove());
        }
        self.looks = self.due.first_key_value().map(|((at, _), _)| *at);
        due
    }
}

async fn run(shared: Arc<Shared>) {
    loop {
        let (due, looks, closed) = {
            let mut state = shared.lock();
            (state.take_due(clock::now()), state.looks, state.closed)
        };
        due.iter().for_each(|port| port.wake());
        drop(due);
        match looks {
            _ if closed => return,
            None => shared.bell.notified().await,
            // either way it is time to look
            Some(at) => drop(timeout_at(at, shared.bell.notified()).await),
        }
    }
}

impl fmt::Debug for Alarms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarms").field("due", &self.shared.lock().due.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Buffered;
    use std::{future::poll_fn, task::Poll, time::Duration};

    const SECOND: Duration = Duration::from_secs(1);

    /// Waits on a task of its own, and tells when it was woken.
    fn woken(rt: &Handle, port: &Arc<Port>) -> impl Future<Output = Result<Instant, crate::rt::TaskEnd>> {
        let (port, mut first) = (port.clone(), true);
        rt.spawn("test.woken", async move {
            poll_fn(|cx| {
                port.register(cx);
                if std::mem::take(&mut first) { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
            clock::now()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn each_call_is_woken_at_its_own_time_in_whatever_order_they_are_set() {
        let rt = Handle::current_or_own().unwrap();
        let alarms = Alarms::start(&rt);
        let start = clock::now();
        let calls = [3, 1, 2].map(|seconds| (start + seconds * SECOND, Arc::new(Port::new(&Buffered::default()))));
        let waits = calls.each_ref().map(|(_, port)| woken(&rt, port));
        let _set = calls.each_ref().map(|(at, port)| alarms.set(*at, port));
        for ((at, _), wait) in calls.iter().zip(waits) {
            assert_eq!(wait.await, Ok(*at));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_that_is_let_go_of_wakes_nobody() {
        let rt = Handle::current_or_own().unwrap();
        let alarms = Alarms::start(&rt);
        let (early, late) = (clock::now() + SECOND, clock::now() + 2 * SECOND);
        let port = Arc::new(Port::new(&Buffered::default()));
        let wait = woken(&rt, &port);
        drop(alarms.set(early, &port));
        let _kept = alarms.set(late, &port);
        assert_eq!(wait.await, Ok(late));
        assert_eq!(Arc::strong_count(&port), 1, "what has rung is not held");
    }
}
