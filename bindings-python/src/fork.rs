//! Fork: what belonged to the parent is leaked in the child, neither used nor dropped.
use causewire::bridge;
use pyo3::prelude::*;
use std::{
    os::fd::RawFd,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

static GENERATION: AtomicU64 = AtomicU64::new(0);
/// Descriptors of our own that a child has to close: the wake-up pairs of loops and of the home thread.
static PAIRS: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

/// Which process this is, counted in forks from the one that loaded the module.
pub(crate) fn generation() -> u64 {
    GENERATION.load(Relaxed)
}

/// Something that only the process that made it may touch.
pub(crate) struct Owned<T> {
    generation: u64,
    inner: Option<T>,
}

impl<T> Owned<T> {
    pub(crate) fn new(inner: T) -> Self {
        Owned { generation: generation(), inner: Some(inner) }
    }

    /// `None` in a fork child.
    pub(crate) fn get(&self) -> Option<&T> {
        self.inner.as_ref().filter(|_| self.generation == generation())
    }

    /// `None` in a fork child.
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        self.inner.as_mut().filter(|_| self.generation == generation())
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if self.generation != generation() {
            std::mem::forget(self.inner.take());
        }
    }
}

/// Remembers a descriptor that a child has to close.
pub(crate) fn track(fd: RawFd) {
    lock(&PAIRS).push(fd);
}

/// The descriptor is about to be closed here.
pub(crate) fn untrack(fd: RawFd) {
    lock(&PAIRS).retain(|other| *other != fd);
}

/// A lock that is only ever taken by a thread that holds the GIL, so that a fork never finds it held by another.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

/// In a fork child: leaks the parent's state and returns the descriptors to be closed.
#[pyfunction]
pub(crate) fn after_fork_in_child() -> Vec<RawFd> {
    let mut inherited = bridge::inherited_sockets();
    inherited.append(&mut lock(&PAIRS));
    bridge::forked();
    GENERATION.fetch_add(1, Relaxed);
    crate::payload::forget_grave();
    crate::loops::forget();
    crate::home::forget();
    inherited
}
