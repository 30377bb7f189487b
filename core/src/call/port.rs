//! The caller's end of one call, shared between the host side and the call's own task: what is still to be sent, how
//! much of what arrived was read, and whether the caller wants to stop. Everything is bounded.
use crate::transport::Outbound;
use bytes::Bytes;
use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Waker},
};

/// Accepted and not yet sent bytes above which a sender has to wait for room.
const OUTBOX_BYTES: usize = 64 << 10;
/// Delivered and not yet read messages above which a stream is not read further. Credit comes with a whole list, so
/// this is far more than one list of small messages.
const UNREAD_MESSAGES: usize = 1024;
const UNREAD_BYTES: usize = 1 << 20;

/// What became of a message handed to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Taken; there is room for more.
    Accepted,
    /// Taken; wait for room before the next.
    Full,
    /// Not taken: the call is over, or its sending side was closed.
    Ended,
}

/// Bytes that the calls of a channel hold for readers and senders that are slower than the wire.
pub(crate) type Buffered = Arc<AtomicU64>;

/// See the module.
pub(crate) struct Port {
    state: Mutex<State>,
    buffered: Buffered,
}

#[derive(Default)]
struct State {
    outbox: VecDeque<Outbound>,
    outbox_bytes: usize,
    closed: bool,
    wants_room: bool,
    unread: VecDeque<usize>,
    unread_bytes: usize,
    cancelled: Option<&'static str>,
    ended: bool,
    waker: Option<Waker>,
}

/// Ends a call from elsewhere: RST_STREAM(CANCEL). Made before the call, given to it with its request.
#[derive(Clone)]
pub struct Canceller(Arc<Port>);

impl Canceller {
    /// For one call.
    pub fn new() -> Self {
        Canceller(Arc::new(Port::new(&Buffered::default())))
    }

    /// Ends the call with CANCELLED_BY_CALLER; does nothing when it is over.
    pub fn cancel(&self) {
        if self.0.cancel("cancelled") {
            self.0.wake();
        }
    }

    pub(crate) fn port(&self) -> Arc<Port> {
        self.0.clone()
    }
}

impl Default for Canceller {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Canceller")
    }
}

/// The next thing to send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outgoing {
    Message { outbound: Outbound, last: bool },
    Close,
    Nothing,
}

impl Port {
    pub(crate) fn new(buffered: &Buffered) -> Self {
        Port { state: Mutex::default(), buffered: buffered.clone() }
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
        let mut state = self.lock();
        if state.ended || state.closed {
            return (Sent::Ended, false);
        }
        state.outbox_bytes += outbound.message.len();
        self.hold(outbound.message.len());
        state.outbox.push_back(outbound);
        let full = state.outbox_bytes >= OUTBOX_BYTES;
        state.wants_room |= full;
        (if full { Sent::Full } else { Sent::Accepted }, true)
    }

    pub(crate) fn close_send(&self) -> bool {
        let mut state = self.lock();
        !std::mem::replace(&mut state.closed, true)
    }

    pub(crate) fn cancel(&self, reason: &'static str) -> bool {
        let mut state = self.lock();
        let first = !state.ended && state.cancelled.is_none();
        if first {
            state.cancelled = Some(reason);
        }
        first
    }

    pub(crate) fn credit(&self, messages: usize) -> bool {
        let mut state = self.lock();
        let paused = state.is_paused();
        for _ in 0..messages {
            let Some(len) = state.unread.pop_front() else { break };
            state.unread_bytes -= len;
            self.free(len);
        }
        paused && !state.is_paused()
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.lock().ended
    }

    pub(crate) fn has_room(&self) -> bool {
        !self.lock().wants_room
    }

    /// Has the call's task look again. Called on the core's thread: a wake from there costs no system call.
    pub(crate) fn wake(&self) {
        let waker = self.lock().waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    // --- the call's side

    /// Keeps the task's waker for [`Port::wake`].
    pub(crate) fn register(&self, cx: &mut Context<'_>) {
        let mut state = self.lock();
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    pub(crate) fn cancelled(&self) -> Option<&'static str> {
        self.lock().cancelled
    }

    pub(crate) fn next(&self) -> Outgoing {
        let mut state = self.lock();
        match state.outbox.pop_front() {
            Some(outbound) => {
                state.outbox_bytes -= outbound.message.len();
                self.free(outbound.message.len());
                let last = state.closed && state.outbox.is_empty();
                Outgoing::Message { outbound, last }
            }
            None if state.closed => Outgoing::Close,
            None => Outgoing::Nothing,
        }
    }

    /// True once after a sender was told to wait and there is room again.
    pub(crate) fn take_room(&self) -> bool {
        let mut state = self.lock();
        let room = state.wants_room && state.outbox_bytes < OUTBOX_BYTES;
        if room {
            state.wants_room = false;
        }
        room
    }

    pub(crate) fn deliver(&self, lens: impl Iterator<Item = usize>) {
        let mut state = self.lock();
        for len in lens {
            self.hold(len);
            state.unread_bytes += len;
            state.unread.push_back(len);
        }
    }

    /// Bytes and messages that may still be delivered before the reader has to read.
    pub(crate) fn allowance(&self) -> (usize, usize) {
        let state = self.lock();
        let messages = UNREAD_MESSAGES.saturating_sub(state.unread.len());
        let bytes = UNREAD_BYTES.saturating_sub(state.unread_bytes);
        if state.unread.is_empty() { (bytes.max(1), messages) } else { (bytes, messages) }
    }

    /// The call is over: frees what was never sent and says how many messages that were.
    pub(crate) fn end(&self) -> usize {
        let mut state = self.lock();
        state.ended = true;
        state.waker = None;
        state.wants_room = false;
        self.free(std::mem::take(&mut state.outbox_bytes));
        let outbox = std::mem::take(&mut state.outbox);
        drop(state);
        outbox.len()
    }

    fn hold(&self, bytes: usize) {
        self.buffered.fetch_add(bytes as u64, Relaxed);
    }

    fn free(&self, bytes: usize) {
        self.buffered.fetch_sub(bytes as u64, Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let state = self.lock();
        let held = state.outbox_bytes + state.unread_bytes;
        drop(state);
        self.free(held);
    }
}

impl State {
    fn is_paused(&self) -> bool {
        !self.unread.is_empty() && (self.unread.len() >= UNREAD_MESSAGES || self.unread_bytes >= UNREAD_BYTES)
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_outbox_asks_for_patience_and_says_when_there_is_room() {
        let port = Port::new(&Buffered::default());
        assert_eq!(port.send(Bytes::from_static(b"x").into()).0, Sent::Accepted);
        assert_eq!(port.send(Bytes::from(vec![0; OUTBOX_BYTES]).into()).0, Sent::Full);
        assert!(!port.take_room());
        assert_eq!(port.next(), Outgoing::Message { outbound: Bytes::from_static(b"x").into(), last: false });
        assert!(matches!(port.next(), Outgoing::Message { .. }));
        assert!(port.take_room());
        assert!(!port.take_room());
        assert_eq!(port.next(), Outgoing::Nothing);
    }

    #[test]
    fn closing_marks_the_last_message() {
        let port = Port::new(&Buffered::default());
        port.send(Bytes::from_static(b"a").into());
        assert!(port.close_send());
        assert_eq!(port.send(Bytes::new().into()).0, Sent::Ended);
        assert_eq!(port.next(), Outgoing::Message { outbound: Bytes::from_static(b"a").into(), last: true });
        assert_eq!(port.next(), Outgoing::Close);
    }

    #[test]
    fn an_unread_stream_pauses_but_never_below_one_message() {
        let port = Port::new(&Buffered::default());
        assert_eq!(port.allowance(), (UNREAD_BYTES, UNREAD_MESSAGES));
        port.deliver([2 * UNREAD_BYTES].into_iter());
        assert_eq!(port.allowance().0, 0);
        assert!(port.credit(1), "the reader's credit resumes the stream");
        assert_eq!(port.allowance(), (UNREAD_BYTES, UNREAD_MESSAGES));
    }

    #[test]
    fn after_the_end_nothing_is_taken() {
        let buffered = Buffered::default();
        let port = Port::new(&buffered);
        port.send(Bytes::from_static(b"abc").into());
        port.deliver([4].into_iter());
        assert_eq!(buffered.load(Relaxed), 7);
        assert_eq!(port.end(), 1);
        assert_eq!(port.send(Bytes::new().into()).0, Sent::Ended);
        assert!(!port.cancel("late"));
        assert_eq!(buffered.load(Relaxed), 4, "what was delivered is the reader's until it is read or dropped");
        drop(port);
        assert_eq!(buffered.load(Relaxed), 0);
    }
}
