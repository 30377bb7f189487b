//! How much of what was delivered the reader has not read: above a bound, its stream is not read further.
use std::collections::VecDeque;

/// Credit comes with a whole list, so this is far more than one list of small messages.
const MOST: Account = Account { messages: 1024, bytes: 1 << 20 };
/// A stream that paused goes on from here: resuming costs a wake, which has to be worth more than one message.
const RESUMES: Account = Account { messages: MOST.messages / 2, bytes: MOST.bytes / 2 };

/// Of a stream that has ended nothing more can come than its window held, and that is in memory already. So the reader
/// gets it at once, and the end with it; but what is packed (small messages, compressed ones) stays bounded.
const REST: Account = Account { messages: 64 << 10, bytes: 8 << 20 };

/// Messages, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Account {
    pub(crate) fn is_used_up(self) -> bool {
        self.messages == 0 || self.bytes == 0
    }

    /// Counts one message. An allowance may be overdrawn by the bytes of one.
    pub(crate) fn draw(&mut self, bytes: usize) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Unread {
    lists: VecDeque<Account>,
    all: Account,
    /// The call's task waits for credit.
    paused: bool,
}

impl Unread {
    pub(super) fn deliver(&mut self, list: Account) {
        self.all.messages += list.messages;
        self.all.bytes += list.bytes;
        self.lists.push_back(list);
    }

    /// The reader has read this many messages. Returns their bytes, as good as they are known of a part of a list, and
    /// whether the call's task has to go on.
    pub(super) fn credit(&mut self, mut messages: usize) -> (usize, bool) {
        let mut freed = Account::default();
        while let Some(list) = self.lists.front_mut().filter(|_| messages > 0) {
            let part = list.part(messages);
            messages -= part.messages;
            freed.messages += part.messages;
            freed.bytes += part.bytes;
            if list.messages == 0 {
                self.lists.pop_front();
            }
        }
        self.all.messages -= freed.messages;
        self.all.bytes -= freed.bytes;
        let enough = self.all.messages <= RESUMES.messages && self.all.bytes <= RESUMES.bytes;
        (freed.bytes, enough && std::mem::take(&mut self.paused))
    }

    /// What may still be delivered; at least one message to a reader that has read all. Used up: credit will say when to
    /// go on. `rest`: nothing more can come than what is left of the stream.
    pub(super) fn allowance(&mut self, rest: bool) -> Account {
        if self.paused && !rest {
            return Account::default();
        }
        let most = if rest { REST } else { MOST };
        let left = match self.all.messages {
            0 => most,
            unread => Account {
                messages: most.messages.saturating_sub(unread),
                bytes: most.bytes.saturating_sub(self.all.bytes),
            },
        };
        self.paused = left.is_used_up();
        left
    }

    pub(super) fn bytes(&self) -> usize {
        self.all.bytes
    }
}

impl Account {
    /// Takes so many messages out of a list, with their share of its bytes.
    fn part(&mut self, messages: usize) -> Account {
        if messages >= self.messages {
            return std::mem::take(self);
        }
        let bytes = (self.bytes as u64 * messages as u64 / self.messages as u64) as usize;
        self.messages -= messages;
        self.bytes -= bytes;
        Account { messages, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(messages: usize, bytes: usize) -> Account {
        Account { messages, bytes }
    }

    #[test]
    fn a_stream_pauses_and_goes_on_when_half_is_read() {
        let mut unread = Unread::default();
        assert_eq!(unread.allowance(false), MOST);
        unread.deliver(list(1000, 1000));
        assert_eq!(unread.allowance(false), list(24, MOST.bytes - 1000));
        unread.deliver(list(24, 24));
        assert!(unread.allowance(false).is_used_up());
        assert_eq!(unread.credit(511), (511, false));
        assert!(unread.allowance(false).is_used_up(), "what was read so far is not worth a wake");
        assert_eq!(unread.credit(1), (1, true));
        assert_eq!(unread.allowance(false), list(512, MOST.bytes - 512));
        assert_eq!(unread.credit(1), (1, false));
    }

    #[test]
    fn a_reader_that_has_read_all_gets_one_message_of_any_length() {
        let mut unread = Unread::default();
        unread.deliver(list(1, 2 * MOST.bytes));
        assert!(unread.allowance(false).is_used_up());
        assert_eq!(unread.credit(1), (2 * MOST.bytes, true));
        assert_eq!(unread.allowance(false), MOST);
    }

    #[test]
    fn a_reader_that_pauses_gets_the_rest_of_a_stream_that_has_ended() {
        let mut unread = Unread::default();
        unread.deliver(MOST);
        assert!(unread.allowance(false).is_used_up());
        assert_eq!(unread.allowance(true).bytes, REST.bytes - MOST.bytes);
        unread.deliver(list(1, REST.bytes));
        assert!(unread.allowance(true).is_used_up());
        assert!(unread.credit(MOST.messages + 1).1);
    }

    #[test]
    fn a_part_of_a_list_frees_its_share_and_the_rest_leaves_with_the_last() {
        let mut unread = Unread::default();
        unread.deliver(list(3, 100));
        unread.deliver(list(2, 10));
        assert_eq!(unread.credit(2).0, 66);
        assert_eq!(unread.credit(2).0, 34 + 5);
        assert_eq!((unread.credit(9).0, unread.bytes()), (5, 0));
    }
}
