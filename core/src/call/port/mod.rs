//! The caller's end of one call, shared between the host side and the call's own task: what is still to be sent
//! (`outbox`), how much of what arrived is not read yet (`unread`), and whether the caller wants to stop (`stop`).
//! Everything is bounded, and each has a lock of its own: who sends does not wait for who reads.
mod outbox;
mod stop;
mod unread;

pub(crate) use outbox::SENDING_CLOSED;
pub use outbox::Sent;
pub(crate) use unread::Account;

use crate::transport::Outbound;
use bytes::Bytes;
use outbox::Outbox;
use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::Context,
};
use stop::Stop;
use unread::Unread;

/// Bytes that the calls of a channel hold for readers and senders that are slower than the wire.
pub(crate) type Buffered = Arc<AtomicU64>;

/// See the module.
pub(crate) struct Port {
    outbox: Mutex<Outbox>,
    unread: Mutex<Unread>,
    stop: Stop,
    buffered: Buffered,
}

impl Port {
    pub(crate) fn new(buffered: &Buffered) -> Self {
        Port { outbox: Mutex::default(), unread: Mutex::default(), stop: Stop::default(), buffered: buffered.clone() }
    }

    /// For the kinds whose only request is known at the start.
    pub(crate) fn with_request(buffered: &Buffered, message: Bytes) -> Self {
        let port = Port::new(buffered);
        port.send(message.into());
        port.close_send();
        port
    }

    // --- the host's side; each returns whether the call's task has to look

    pub(crate) fn send(&self, outbound: Outbound) -> (Sent, bool) {
        let bytes = outbound.message.len();
        let mut outbox = lock(&self.outbox);
        let sent = outbox.push(outbound);
        let taken = matches!(sent, Sent::Accepted | Sent::Full);
        if taken {
            self.hold(bytes); // before anybody can free them
        }
        (sent, taken)
    }

    pub(crate) fn close_send(&self) -> bool {
        lock(&self.outbox).close()
    }

    pub(crate) fn cancel(&self, reason: &'static str) -> bool {
        self.stop.ask(reason)
    }

    pub(crate) fn credit(&self, messages: usize) -> bool {
        let (bytes, resumes) = lock(&self.unread).credit(messages);
        self.free(bytes);
        resumes
    }

    /// Nothing that is sent now is taken.
    pub(crate) fn is_ended(&self) -> bool {
        lock(&self.outbox).is_ended()
    }

    pub(crate) fn has_room(&self) -> bool {
        lock(&self.outbox).has_room()
    }

    /// Has the call's task look again. Called on the core's thread: a wake from there costs no system call.
    pub(crate) fn wake(&self) {
        self.stop.wake();
    }

    // --- the call's side

    /// Keeps the task's waker for [`Port::wake`].
    pub(crate) fn register(&self, cx: &mut Context<'_>) {
        self.stop.register(cx);
    }

    pub(crate) fn cancelled(&self) -> Option<&'static str> {
        self.stop.reason()
    }

    /// Hands over all that is to be sent, in exchange for an empty list. True: nothing will follow it.
    pub(crate) fn take(&self, list: &mut VecDeque<Outbound>) -> bool {
        lock(&self.outbox).take(list)
    }

    /// Takes back what was not sent of a list, `sent` bytes of which were. True once after a sender was told to wait and
    /// there is room again.
    pub(crate) fn put_back(&self, list: &mut VecDeque<Outbound>, sent: usize) -> bool {
        let room = lock(&self.outbox).put_back(list, sent);
        self.free(sent);
        room
    }

    pub(crate) fn deliver(&self, list: Account) {
        self.hold(list.bytes); // before anybody can free them
        lock(&self.unread).deliver(list);
    }

    /// What may still be delivered before the reader has to read. `rest`: nothing more can come than what is left of the
    /// stream.
    pub(crate) fn allowance(&self, rest: bool) -> Account {
        lock(&self.unread).allowance(rest)
    }

    /// The server takes no more of the request, although its answer is not read to the end. True: a sender was told to
    /// wait.
    pub(crate) fn end_sending(&self) -> bool {
        let (bytes, waits) = lock(&self.outbox).end();
        self.free(bytes);
        waits
    }

    /// The call is over: frees what was never sent and says how many messages that were.
    pub(crate) fn end(&self) -> usize {
        self.stop.end();
        self.end_sending();
        lock(&self.outbox).unsent()
    }

    fn hold(&self, bytes: usize) {
        self.buffered.fetch_add(bytes as u64, Relaxed);
    }

    fn free(&self, bytes: usize) {
        if bytes > 0 {
            self.buffered.fetch_sub(bytes as u64, Relaxed);
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let held = lock(&self.outbox).bytes() + lock(&self.unread).bytes();
        self.free(held);
    }
}

fn lock<T>(part: &Mutex<T>) -> MutexGuard<'_, T> {
    part.lock().unwrap_or_else(|e| e.into_inner())
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").field("outbox", &self.outbox).field("stop", &self.stop).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_counted_until_it_is_sent_read_or_dropped() {
        let buffered = Buffered::default();
        let port = Port::new(&buffered);
        port.send(Bytes::from_static(b"abc").into());
        port.send(Bytes::from_static(b"de").into());
        port.deliver(Account { messages: 2, bytes: 8 });
        assert_eq!(buffered.load(Relaxed), 13);
        let mut list = VecDeque::new();
        port.take(&mut list);
        list.pop_front();
        port.put_back(&mut list, 3);
        port.credit(1);
        assert_eq!(buffered.load(Relaxed), 6);
        assert_eq!(port.end(), 1);
        assert_eq!(port.send(Bytes::new().into()).0, Sent::Ended);
        assert!(!port.cancel("late"));
        assert_eq!(buffered.load(Relaxed), 4, "what was delivered is the reader's until it is read or dropped");
        drop(port);
        assert_eq!(buffered.load(Relaxed), 0);
    }

    #[test]
    fn the_first_reason_to_stop_stands() {
        let port = Port::new(&Buffered::default());
        assert!(port.cancel("first") && !port.cancel("second"));
        assert_eq!(port.cancelled(), Some("first"));
    }
}
