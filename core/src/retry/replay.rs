//! The messages of a call that a further attempt would have to send again, within a budget of bytes per call and one
//! per channel. Beyond either the call is committed: this attempt is its last (gRFC A6).
use crate::transport::Outbound;
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
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

/// What one call has sent so far, unless it is committed. Messages are known by their place in the call.
#[derive(Debug)]
pub(crate) struct Replay {
    budget: Arc<Budget>,
    limit: u64,
    kept: VecDeque<Outbound>,
    /// The place of the first one that is kept.
    first: usize,
    bytes: u64,
    committed: bool,
}

impl Replay {
    pub(crate) fn new(budget: &Arc<Budget>, limit: u64) -> Self {
        Replay { budget: budget.clone(), limit, kept: VecDeque::new(), first: 0, bytes: 0, committed: false }
    }

    /// Keeps a message that is about to be sent for the first time. True: there was no room, which commits.
    pub(crate) fn keep(&mut self, outbound: &Outbound) -> bool {
        let bytes = outbound.message.len() as u64;
        if self.committed {
            return false;
        }
        if self.bytes + bytes > self.limit || !self.budget.take(bytes) {
            self.commit(self.end());
            return true;
        }
        self.bytes += bytes;
        self.kept.push_back(outbound.clone());
        false
    }

    /// No attempt follows the one that has sent everything before `place`: frees what it has sent, and what it still has
    /// to send once it has it.
    pub(crate) fn commit(&mut self, place: usize) {
        self.committed = true;
        while self.first < place && self.drop_first().is_some() {}
    }

    /// The message at this place, for an attempt that has sent all before it. `None`: no attempt has sent as many.
    pub(crate) fn next(&mut self, place: usize) -> Option<Outbound> {
        if self.committed && place == self.first {
            return self.drop_first();
        }
        self.kept.get(place.checked_sub(self.first)?).cloned()
    }

    /// The place after the last one that is kept.
    pub(crate) fn end(&self) -> usize {
        self.first + self.kept.len()
    }

    fn drop_first(&mut self) -> Option<Outbound> {
        let outbound = self.kept.pop_front()?;
        let bytes = outbound.message.len() as u64;
        self.first += 1;
        self.bytes -= bytes;
        self.budget.give(bytes);
        Some(outbound)
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
        assert_eq!(first.end(), 1);
        let mut second = Replay::new(&budget, 8);
        assert!(second.keep(&message("123456")), "the channel has five left");
        assert!(first.keep(&message("1234")) && first.next(0).is_none(), "nine are over the call's eight");
        drop((first, second));
        assert_eq!(budget.left.load(Relaxed), 10);
    }

    #[test]
    fn a_commit_loses_nothing_that_is_still_to_be_sent_again() {
        let budget = Budget::new(100);
        let mut replay = Replay::new(&budget, 100);
        for text in ["a", "b", "c"] {
            replay.keep(&message(text));
        }
        assert_eq!(replay.next(0), Some(message("a")));
        replay.commit(1);
        assert_eq!(budget.left.load(Relaxed), 98);
        assert_eq!(replay.next(1), Some(message("b")));
        replay.keep(&message("late"));
        assert_eq!(replay.next(2), Some(message("c")));
        assert_eq!((replay.next(3), replay.end()), (None, 3));
        assert_eq!(budget.left.load(Relaxed), 100);
    }
}
