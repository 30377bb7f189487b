//! What the caller gave to be sent and the wire has not taken yet.
use crate::transport::Outbound;
use std::collections::VecDeque;

/// Accepted and not yet sent bytes above which a sender has to wait for room.
pub(super) const ROOM: usize = 64 << 10;

/// Why a message is refused whose sender has closed its sending side.
pub(crate) const SENDING_CLOSED: &str = "cannot be sent: the sending side is closed";

/// What became of a message handed to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Taken; there is room for more.
    Accepted,
    /// Taken; wait for room before the next.
    Full,
    /// Not taken: the caller has closed its sending side before.
    Closed,
    /// Not taken: the call is over, or its server takes no more. Reading tells why.
    Ended,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Outbound>,
    /// Of what was accepted and not sent, whatever the call's task has in its hands included.
    bytes: usize,
    /// The caller has no more messages.
    closed: bool,
    /// Nobody takes any more messages.
    ended: bool,
    /// A sender was told to wait.
    full: bool,
    /// Messages that will not be sent any more.
    unsent: usize,
}

impl Outbox {
    pub(super) fn push(&mut self, outbound: Outbound) -> Sent {
        // The caller's own mistake first: it does not depend on how far the call is.
        match (self.closed, self.ended) {
            (true, _) => return Sent::Closed,
            (false, true) => return Sent::Ended,
            (false, false) => {}
        }
        self.bytes += outbound.message.len();
        self.waiting.push_back(outbound);
        self.full |= self.bytes >= ROOM;
        if self.bytes >= ROOM { Sent::Full } else { Sent::Accepted }
    }

    /// True: it was open.
    pub(super) fn close(&mut self) -> bool {
        !std::mem::replace(&mut self.closed, true) && !self.ended
    }

    pub(super) fn has_room(&self) -> bool {
        !self.full
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Hands over all that waits, in exchange for an empty list. True: nothing will follow it.
    pub(super) fn take(&mut self, list: &mut VecDeque<Outbound>) -> bool {
        std::mem::swap(&mut self.waiting, list);
        self.closed && !self.ended
    }

    /// Takes back what was not sent of a list, `sent` bytes of which were. True once after a sender was told to wait and
    /// there is room again.
    pub(super) fn put_back(&mut self, list: &mut VecDeque<Outbound>, sent: usize) -> bool {
        self.bytes = self.bytes.saturating_sub(sent);
        if !list.is_empty() {
            list.append(&mut self.waiting);
            std::mem::swap(&mut self.waiting, list);
        }
        self.full && self.bytes < ROOM && std::mem::take(&mut self.full)
    }

    /// Takes no more and lets go of what waits. Returns the bytes of that, and whether a sender was told to wait.
    pub(super) fn end(&mut self) -> (usize, bool) {
        self.ended = true;
        self.unsent += std::mem::take(&mut self.waiting).len();
        (std::mem::take(&mut self.bytes), std::mem::take(&mut self.full))
    }

    pub(super) fn unsent(&self) -> usize {
        self.unsent
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn message(bytes: usize) -> Outbound {
        Bytes::from(vec![0; bytes]).into()
    }

    #[test]
    fn a_full_outbox_asks_for_patience_and_says_once_when_there_is_room() {
        let mut outbox = Outbox::default();
        assert_eq!([outbox.push(message(1)), outbox.push(message(ROOM))], [Sent::Accepted, Sent::Full]);
        let mut list = VecDeque::new();
        assert!(!outbox.take(&mut list));
        list.pop_front();
        assert!(!outbox.put_back(&mut list, 1));
        outbox.take(&mut list);
        list.pop_front();
        assert!(outbox.put_back(&mut list, ROOM));
        assert!(!outbox.put_back(&mut list, 0));
        assert!(outbox.has_room());
    }

    #[test]
    fn what_comes_back_stands_before_what_came_meanwhile() {
        let mut outbox = Outbox::default();
        for bytes in 1..=3 {
            outbox.push(message(bytes));
        }
        let mut list = VecDeque::new();
        outbox.take(&mut list);
        outbox.push(message(4));
        list.pop_front();
        outbox.put_back(&mut list, 1);
        assert!(list.is_empty());
        assert!(outbox.close() && outbox.take(&mut list));
        assert_eq!(list.iter().map(|outbound| outbound.message.len()).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(outbox.bytes(), 9);
    }

    #[test]
    fn a_closed_outbox_and_one_that_has_ended_are_told_apart() {
        let mut outbox = Outbox::default();
        outbox.push(message(ROOM));
        assert!(outbox.close() && !outbox.close());
        assert_eq!(outbox.push(message(1)), Sent::Closed);
        assert_eq!(outbox.end(), (ROOM, true));
        assert_eq!((outbox.push(message(1)), outbox.unsent(), outbox.bytes()), (Sent::Closed, 1, 0));
        let mut outbox = Outbox::default();
        outbox.end();
        assert_eq!(outbox.push(message(1)), Sent::Ended);
    }
}
