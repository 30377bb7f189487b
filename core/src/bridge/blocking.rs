//! A call of a blocking thread: its own inbox, no queue.
use super::{
    guard::guarded_or,
    intake::{Intake, Job},
};
use crate::{
    call::{Outcome, Port, Sent, Sink},
    metadata::Metadata,
    transport::{Message, Outbound},
};
use bytes::Bytes;
use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::Duration,
};

/// What has happened since the last look.
#[derive(Debug, Default)]
pub struct Progress {
    /// Response headers and the peer that sent them.
    pub headers: Option<(Metadata, Option<Arc<str>>)>,
    /// To be credited when read.
    pub messages: Vec<Message>,
    /// The call is over.
    pub done: Option<Outcome>,
}

/// The call's news, and the threads that wait for it.
#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    news: Condvar,
    room: Condvar,
}

#[derive(Default)]
struct State {
    progress: Progress,
    /// Threads that wait for news, and for room: only for them a notification is worth its system call.
    readers: usize,
    senders: usize,
    /// Times that there was room again after a sender was told `Full`.
    rooms: u64,
    over: bool,
}

impl Inbox {
    /// `change` returns who has to hear of it: readers, senders. They are notified with the lock released.
    fn tell(&self, change: impl FnOnce(&mut State) -> (bool, bool)) {
        let (readers, senders) = {
            let mut state = self.lock();
            let (news, room) = change(&mut state);
            (news && state.readers > 0, room && state.senders > 0)
        };
        if readers {
            self.news.notify_all();
        }
        if senders {
            self.room.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Sink for Arc<Inbox> {
    fn headers(&self, headers: Metadata, peer: Option<Arc<str>>) {
        self.tell(|state| {
            state.progress.headers = Some((headers, peer));
            (true, false)
        });
    }

    fn messages(&self, messages: Vec<Message>) {
        self.tell(|state| {
            state.progress.messages.extend(messages);
            (true, false)
        });
    }

    fn room(&self) {
        self.tell(|state| {
            state.rooms += 1;
            (false, true)
        });
    }

    fn done(&self, outcome: Outcome) {
        self.tell(|state| {
            state.progress.done = Some(outcome);
            state.over = true;
            (true, true)
        });
    }
}

/// A handle of the call; the last one that is dropped cancels it.
pub struct BlockingCall {
    pub(super) inbox: Arc<Inbox>,
    pub(super) port: Arc<Port>,
    pub(super) intake: Arc<Intake>,
}

impl BlockingCall {
    /// Waits for news. `None`: the time is up. Lists of messages are to be credited when read.
    pub fn wait(&self, timeout: Option<Duration>) -> Option<Progress> {
        guarded_or(None, || {
            let mut state = self.inbox.lock();
            if state.progress.is_empty() && !state.over {
                state.readers += 1;
                state = wait(&self.inbox.news, state, timeout, |s| s.progress.is_empty() && !s.over);
                state.readers -= 1;
            }
            let nothing = state.progress.is_empty() && !state.over;
            (!nothing).then(|| std::mem::take(&mut state.progress))
        })
    }

    /// Hands over a request message. `Full`: wait for room before the next.
    pub fn send(&self, message: Bytes) -> Sent {
        self.hand_over(message.into())
    }

    /// The same for a message that leaves as it is although the call compresses.
    pub fn send_uncompressed(&self, message: Bytes) -> Sent {
        self.hand_over(Outbound::uncompressed(message))
    }

    fn hand_over(&self, outbound: Outbound) -> Sent {
        guarded_or(Sent::Ended, || {
            let (sent, wake) = self.port.send(outbound);
            self.wake(wake);
            sent
        })
    }

    /// Waits until a sender that was told `Full` may go on. False: the time is up, or the call is over.
    pub fn wait_room(&self, timeout: Option<Duration>) -> bool {
        guarded_or(false, || {
            let mut state = self.inbox.lock();
            let rooms = state.rooms;
            if !state.over && !self.port.has_room() {
                state.senders += 1;
                state = wait(&self.inbox.room, state, timeout, |s| s.rooms == rooms && !s.over);
                state.senders -= 1;
            }
            !state.over && (state.rooms != rooms || self.port.has_room())
        })
    }

    /// The call is over; nothing that is sent now is taken.
    pub fn is_ended(&self) -> bool {
        self.port.is_ended()
    }

    /// No more request messages.
    pub fn close_send(&self) {
        self.wake(self.port.close_send());
    }

    /// RST_STREAM(CANCEL). The end still comes.
    pub fn cancel(&self) {
        self.wake(self.port.cancel("cancelled"));
    }

    /// The reader has read this many messages.
    pub fn credit(&self, messages: u32) {
        self.wake(self.port.credit(messages as usize));
    }

    fn wake(&self, wake: bool) {
        if wake {
            self.intake.push(Job::Wake(self.port.clone()));
        }
    }
}

impl Drop for BlockingCall {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl fmt::Debug for BlockingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingCall").field("ended", &self.is_ended()).finish()
    }
}

impl Progress {
    fn is_empty(&self) -> bool {
        self.headers.is_none() && self.messages.is_empty() && self.done.is_none()
    }
}

fn wait<'a>(
    condvar: &Condvar,
    state: MutexGuard<'a, State>,
    timeout: Option<Duration>,
    blocked: impl FnMut(&mut State) -> bool,
) -> MutexGuard<'a, State> {
    match timeout {
        None => condvar.wait_while(state, blocked).unwrap_or_else(|e| e.into_inner()),
        Some(timeout) => condvar.wait_timeout_while(state, timeout, blocked).unwrap_or_else(|e| e.into_inner()).0,
    }
}
