//! The messages of a call that a further attempt would have to send again, within a budget of bytes per call and one
//! per channel. Beyond either the call is committed: this attempt is its last (gRFC A6).
use crate::transport::Outbound;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Bytes that all calls of a channel may keep together.
#[derive(Debug)]
pub(crate) struct Budget {
    left: AtomicU64,
}

impl Budget {
    pub(crate) fn new(bytes: u64) -> Arc<Self> {
        Arc::new(Budget { left: AtomicU64::new(bytes) })
    }

    fn take(&self, bytes: u64) -> bool {
        self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }

    fn give(&self, bytes: u64) {
        self.left.fetch_add(bytes, Relaxed);
    }
}

/// What one call has sent so far, unless it is committed.
#[derive(Debug)]
pub(crate) struct Replay {
    budget: Arc<Budget>,
    limit: u64,
    kept: Vec<Outbound>,
    bytes: u64,
    committed: bool,
}

impl Replay {
    pub(crate) fn new(budget: &Arc<Budget>, limit: u64) -> Self {
        Replay { budget: budget.clone(), limit, kept: Vec::new(), bytes: 0, committed: false }
    }

    /// Keeps a message that is about to be sent, or commits.
    pub(crate) fn keep(&mut self, outbound: &Outbound) {
        let bytes = outbound.message.len() as u64;
        if self.committed {
            return;
        }
        if self.bytes + bytes > self.limit || !self.budget.take(bytes) {
            return self.commit();
        }
        self.bytes += bytes;
        self.kept.push(outbound.clone());
    }

    /// No further attempt: frees what was kept.
    pub(crate) fn commit(&mut self) {
        self.committed = true;
        self.kept = Vec::new();
        self.budget.give(std::mem::take(&mut self.bytes));
    }

    pub(crate) fn is_committed(&self) -> bool {
        self.committed
    }

    /// The message at this place, for an attempt that has sent as many.
    pub(crate) fn get(&self, index: usize) -> Option<&Outbound> {
        self.kept.get(index)
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.budget.give(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn message(text: &'static str) -> Outbound {
        Bytes::from_static(text.as_bytes()).into()
    }

    #[test]
    fn either_budget_commits_and_everything_is_given_back() {
        let budget = Budget::new(10);
        let mut first = Replay::new(&budget, 8);
        first.keep(&message("12345"));
        assert_eq!(first.len(), 1);
        let mut second = Replay::new(&budget, 8);
        second.keep(&message("123456"));
        assert!(second.is_committed(), "the channel has five left");
        first.keep(&message("1234"));
        assert!(first.is_committed() && first.get(0).is_none(), "nine are over the call's eight");
        drop((first, second));
        assert_eq!(budget.left.load(Relaxed), 10);
    }
}
