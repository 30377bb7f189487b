use super::{framing::Framed, slots::Slot};
use crate::clock::{self, Instant};
use h2::{Reason, SendStream};
use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Context,
    time::Duration,
};
use tokio::time::{Sleep, sleep};

/// A server that has not yet accepted a stream counts its reset against us: h2 servers end the connection beyond 20.
const YOUNG: Duration = Duration::from_millis(20);
const PER_TICK: u32 = 10;
const TICK: Duration = Duration::from_millis(1);

/// Cancels of young streams, let out at a pace that servers bear.
#[derive(Debug, Default)]
pub(super) struct Resets {
    queued: AtomicUsize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    closed: bool,
    tokens: u32,
    refilled: Option<Instant>,
    queue: VecDeque<Queued>,
}

#[derive(Debug)]
struct Queued {
    stream: SendStream<Framed>,
    _slot: Option<Slot>,
}

impl Resets {
    /// Sends RST_STREAM(CANCEL) now, or queues it; true: the driver has to be woken.
    pub(super) fn cancel(
        &self,
        mut stream: SendStream<Framed>,
        slot: Option<Slot>,
        born: Instant,
        answered: bool,
    ) -> bool {
        let now = clock::now();
        if !answered && now.saturating_duration_since(born) < YOUNG {
            let mut inner = self.lock();
            if !inner.closed && !inner.take_token(now) {
                inner.queue.push_back(Queued { stream, _slot: slot });
                self.queued.store(inner.queue.len(), Relaxed);
                return true;
            }
        }
        stream.send_reset(Reason::CANCEL);
        false
    }

    /// Lets out what the pace allows; `timer` wakes the driver for the rest.
    pub(super) fn drain(&self, timer: &mut Option<Pin<Box<Sleep>>>, cx: &mut Context<'_>) {
        while self.queued.load(Relaxed) > 0 {
            for mut queued in self.due() {
                queued.stream.send_reset(Reason::CANCEL);
            }
            if self.queued.load(Relaxed) == 0 {
                break;
            }
            let sleep = timer.insert(Box::pin(sleep(TICK)));
            if sleep.as_mut().poll(cx).is_pending() {
                return;
            }
        }
        *timer = None;
    }

    /// Forgets what is queued: the connection is gone.
    pub(super) fn close(&self) {
        let queue = {
            let mut inner = self.lock();
            inner.closed = true;
            std::mem::take(&mut inner.queue)
        };
        self.queued.store(0, Relaxed);
        drop(queue); // not under the lock: each gives back a slot
    }

    pub(super) fn queued(&self) -> usize {
        self.queued.load(Relaxed)
    }

    fn due(&self) -> Vec<Queued> {
        let now = clock::now();
        let mut inner = self.lock();
        let mut due = Vec::new();
        while !inner.queue.is_empty() && inner.take_token(now) {
            due.extend(inner.queue.pop_front());
        }
        self.queued.store(inner.queue.len(), Relaxed);
        due
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn take_token(&mut self, now: Instant) -> bool {
        if self.refilled.is_none_or(|at| now.saturating_duration_since(at) >= TICK) {
            self.refilled = Some(now);
            self.tokens = PER_TICK;
        }
        let some = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        some
    }
}
