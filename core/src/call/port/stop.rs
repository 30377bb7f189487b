//! The caller's wish to stop, and how the call's task is woken to hear of it.
use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Waker},
};

/// See the module. One task waits here: the call's own.
#[derive(Default)]
pub(super) struct Stop {
    reason: OnceLock<&'static str>,
    over: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Stop {
    /// The first reason stands. False: there was one, or the call is over.
    pub(super) fn ask(&self, reason: &'static str) -> bool {
        !self.over.load(Relaxed) && self.reason.set(reason).is_ok()
    }

    pub(super) fn reason(&self) -> Option<&'static str> {
        self.reason.get().copied()
    }

    pub(super) fn register(&self, cx: &mut Context<'_>) {
        match &mut *self.task() {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    pub(super) fn wake(&self) {
        let waker = self.task().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn end(&self) {
        self.over.store(true, Relaxed);
        let waker = self.task().take();
        drop(waker); // not under the lock
    }

    fn task(&self) -> MutexGuard<'_, Option<Waker>> {
        self.task.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("reason", &self.reason).finish_non_exhaustive()
    }
}
