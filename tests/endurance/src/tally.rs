//! What came of many calls.
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Shared by all who make calls.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) ok: usize,
    /// Those that took more than one attempt.
    pub(crate) retried: usize,
    /// By cause and by what the server may have seen.
    pub(crate) failed: BTreeMap<(String, String), usize>,
    pub(crate) slowest: Duration,
}

impl Tally {
    pub(crate) fn ok(&self, attempts: u64, took: Duration) {
        let mut counts = self.lock();
        counts.ok += 1;
        counts.retried += usize::from(attempts > 1);
        counts.slowest = counts.slowest.max(took);
    }

    pub(crate) fn failed(&self, cause: &str, reached: &str, took: Duration) {
        let mut counts = self.lock();
        *counts.failed.entry((cause.to_owned(), reached.to_owned())).or_default() += 1;
        counts.slowest = counts.slowest.max(took);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    pub(crate) fn failures(&self) -> usize {
        self.failed.values().sum()
    }

    /// Those that failed although the server provably did not process them.
    pub(crate) fn sacrificed(&self) -> usize {
        self.failed.iter().filter(|((_, reached), _)| reached == "no" || reached == "unprocessed").map(|(_, n)| n).sum()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { ok, retried, failed, slowest } = self;
        write!(
            f,
            "{ok} ok ({retried} by another attempt), {} failed, slowest {} ms",
            self.failures(),
            slowest.as_millis()
        )?;
        failed.iter().try_for_each(|((cause, reached), n)| write!(f, "; {n} {cause} reached {reached}"))
    }
}
