//! What policies count of the calls at one address: by atomics, because calls begin and end on any thread.
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

/// The counts of one address.
#[derive(Debug, Default)]
pub(super) struct Load {
    active: AtomicU32,
    succeeded: AtomicU32,
    failed: AtomicU32,
}

/// How calls ended since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) succeeded: u32,
    pub(super) failed: u32,
}

impl Tally {
    pub(super) fn total(self) -> u32 {
        self.succeeded.saturating_add(self.failed)
    }
}

impl Load {
    /// Calls under way.
    pub(super) fn active(&self) -> u32 {
        self.active.load(Relaxed)
    }

    /// What ended since this was last asked.
    pub(super) fn take_tally(&self) -> Tally {
        Tally { succeeded: self.succeeded.swap(0, Relaxed), failed: self.failed.swap(0, Relaxed) }
    }
}

/// One attempt of a call in the counts of its address. Dropped, it says nothing of the server: the caller gave up, or
/// the request never left.
#[derive(Debug)]
pub(crate) struct Charge(Arc<Load>);

impl Charge {
    pub(super) fn new(load: &Arc<Load>) -> Charge {
        load.active.fetch_add(1, Relaxed);
        Charge(load.clone())
    }

    /// The server, or the way to it, let the attempt succeed or fail.
    pub(crate) fn ended(self, succeeded: bool) {
        let count = if succeeded { &self.0.succeeded } else { &self.0.failed };
        count.fetch_add(1, Relaxed);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_while_it_runs_and_once_when_it_ends() {
        let load = Arc::new(Load::default());
        let charges: Vec<_> = (0..3).map(|_| Charge::new(&load)).collect();
        assert_eq!(load.active(), 3);
        for (charge, succeeded) in charges.into_iter().zip([Some(true), Some(false), None]) {
            match succeeded {
                Some(succeeded) => charge.ended(succeeded),
                None => drop(charge),
            }
        }
        assert_eq!(load.active(), 0);
        assert_eq!(load.take_tally(), Tally { succeeded: 1, failed: 1 });
        assert_eq!(load.take_tally(), Tally::default());
    }
}
