use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed},
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// The streams that may be open at once: our own queue in front of h2's, which cannot be left again once entered.
#[derive(Debug)]
pub(super) struct Slots {
    semaphore: Semaphore,
    limit: Mutex<usize>,
    /// Slots to be taken out of use when they are given back, because the limit shrank below what was in use.
    debt: AtomicUsize,
    used: AtomicUsize,
}

impl Slots {
    pub(super) fn new(limit: usize) -> Slots {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Slots {
            semaphore: Semaphore::new(limit),
            limit: Mutex::new(limit),
            debt: AtomicUsize::new(0),
            used: AtomicUsize::new(0),
        }
    }

    /// Waits for a slot, first come first served. None: closed.
    pub(super) async fn take(self: &Arc<Self>) -> Option<Slot> {
        let permit = self.semaphore.acquire().await.ok()?;
        Some(self.taken(permit))
    }

    pub(super) fn try_take(self: &Arc<Self>) -> Option<Slot> {
        let permit = self.semaphore.try_acquire().ok()?;
        Some(self.taken(permit))
    }

    fn taken(self: &Arc<Self>, permit: SemaphorePermit<'_>) -> Slot {
        permit.forget();
        self.used.fetch_add(1, Relaxed);
        Slot(self.clone())
    }

    pub(super) fn has_room(&self) -> bool {
        self.semaphore.available_permits() > 0
    }

    fn give_back(&self) {
        self.used.fetch_sub(1, Relaxed);
        if self.debt.fetch_update(AcqRel, Acquire, |debt| debt.checked_sub(1)).is_err() {
            self.semaphore.add_permits(1);
        }
    }

    pub(super) fn resize(&self, limit: usize) {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        let mut current = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        if limit < *current {
            let excess = *current - limit;
            let taken = self.semaphore.forget_permits(excess);
            self.debt.fetch_add(excess - taken, AcqRel);
        } else {
            let more = limit - *current;
            let owed = self.debt.fetch_update(AcqRel, Acquire, |debt| Some(debt.saturating_sub(more))).unwrap_or(0);
            self.semaphore.add_permits(more - more.min(owed));
        }
        *current = limit;
    }

    /// Ends all waits; slots in use stay in use.
    pub(super) fn close(&self) {
        self.semaphore.close();
    }

    pub(super) fn used(&self) -> usize {
        self.used.load(Relaxed)
    }
}

/// Room for one stream, given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Slots>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.give_back();
    }
}
