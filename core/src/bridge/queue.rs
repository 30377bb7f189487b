//! The pull queue: filled by the calls of any number of channels, emptied by one host thread or event loop.
use super::{
    event::{Batch, CallId, Event},
    guard::guarded_or,
    intake::{Intake, Job},
};
use crate::{
    call::{Outcome, Port, Sent, Sink},
    metadata::Metadata,
    observe::{Level, Log},
    rt::Handle,
    transport::{Message, Outbound},
};
use bytes::Bytes;
use rustc_hash::FxHashMap;
use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::sync::Notify;

/// Log lines that wait for a host that does not take them; more are dropped and counted.
const MAX_LOGS: usize = 1024;

type Ring = Arc<dyn Fn() + Send + Sync>;

/// See the module. A handle; cloning it gives another handle of the same queue, and dropping the last abandons it.
#[derive(Clone)]
pub struct Queue {
    owner: Arc<Owner>,
}

struct Owner {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    bell: Notify,
    ring: Mutex<Option<Ring>>,
}

#[derive(Default)]
struct State {
    /// The numbers are our own, so nobody chooses them to collide.
    calls: FxHashMap<CallId, Entry>,
    ready: VecDeque<CallId>,
    /// Calls whose end waits to be taken.
    ended: usize,
    loose: VecDeque<Event>,
    logs: usize,
    dropped_logs: u64,
    /// The host was told and has not yet seen the queue empty.
    rung: bool,
    closed: bool,
    abandoned: bool,
}

struct Entry {
    port: Arc<Port>,
    intake: Arc<Intake>,
    queued: bool,
    headers: Option<(Metadata, Option<Arc<str>>)>,
    messages: Vec<Message>,
    room: bool,
    done: Option<Outcome>,
}

impl Queue {
    /// `ring` is called from the core's thread, once per batch and with no lock held: not again until [`Queue::take`]
    /// has emptied the queue. It must not block.
    pub fn new(ring: impl Fn() + Send + Sync + 'static) -> Self {
        let ring: Ring = Arc::new(ring);
        let shared =
            Arc::new(Shared { state: Mutex::default(), bell: Notify::new(), ring: Mutex::new(Some(ring.clone())) });
        match Handle::current_or_own() {
            Ok(rt) => drop(rt.spawn("bridge.notify", notify(shared.clone()))),
            // no thread to ring from: every channel will fail to open with the same reason
            Err(_) => shared.state().closed = true,
        }
        Queue { owner: Arc::new(Owner { shared }) }
    }

    /// News of up to `max` calls, and whatever concerns no call.
    pub fn take(&self, max: usize) -> Batch {
        guarded_or(Batch { events: Vec::new(), more: false }, || {
            let (batch, finished) = self.owner.shared.state().take(max);
            if finished {
                self.owner.shared.release();
            }
            batch
        })
    }

    /// Calls whose end was not taken yet: while there are any, the host's loop has to live.
    pub fn in_flight(&self) -> usize {
        self.owner.shared.state().calls.len()
    }

    /// Hands over a request message.
    pub fn send(&self, call: CallId, message: Bytes) -> Sent {
        self.hand_over(call, message.into())
    }

    /// The same for a message that leaves as it is although its call compresses.
    pub fn send_uncompressed(&self, call: CallId, message: Bytes) -> Sent {
        self.hand_over(call, Outbound::uncompressed(message))
    }

    fn hand_over(&self, call: CallId, outbound: Outbound) -> Sent {
        guarded_or(Sent::Ended, || {
            let mut sent = Sent::Ended;
            self.with_port(call, |port| {
                let (what, wake) = port.send(outbound);
                sent = what;
                wake
            });
            sent
        })
    }

    /// No more request messages.
    pub fn close_send(&self, call: CallId) {
        guarded_or((), || {
            self.with_port(call, Port::close_send);
        })
    }

    /// RST_STREAM(CANCEL). The call's Done still comes.
    pub fn cancel(&self, call: CallId) {
        guarded_or((), || {
            self.with_port(call, |port| port.cancel("cancelled"));
        })
    }

    /// The reader has read this many messages of the lists it was given.
    pub fn credit(&self, call: CallId, messages: u32) {
        guarded_or((), || {
            self.with_port(call, |port| port.credit(messages as usize));
        })
    }

    /// Cancels every call. Their ends still come; the ring is let go of when the last was taken.
    pub fn close(&self) {
        guarded_or((), || {
            let (ports, finished) = {
                let mut state = self.owner.shared.state();
                state.closed = true;
                (state.ports(), state.calls.is_empty())
            };
            cancel_all(ports, "queue closed");
            if finished {
                self.owner.shared.release();
            }
        })
    }

    /// The host goes away: lets go of the ring at once, cancels and discards everything.
    pub fn abandon(&self) {
        guarded_or((), || {
            self.owner.shared.abandon();
        })
    }

    // --- for the rest of the bridge

    /// False: the queue is closed and takes no more calls.
    pub(super) fn adopt(&self, call: CallId, port: &Arc<Port>, intake: &Arc<Intake>) -> bool {
        let mut state = self.owner.shared.state();
        if state.closed {
            return false;
        }
        state.calls.insert(
            call,
            Entry {
                port: port.clone(),
                intake: intake.clone(),
                queued: false,
                headers: None,
                messages: Vec::new(),
                room: false,
                done: None,
            },
        );
        true
    }

    pub(super) fn sink(&self, call: CallId) -> QueueSink {
        QueueSink { shared: self.owner.shared.clone(), call }
    }

    /// Something that concerns no call.
    pub(super) fn push(&self, event: Event) {
        let ring = {
            let mut state = self.owner.shared.state();
            if state.abandoned {
                return;
            }
            state.loose.push_back(event);
            state.arm()
        };
        self.owner.shared.ring(ring);
    }

    pub(super) fn log(&self, level: Level, text: String) {
        let dropped = {
            let mut state = self.owner.shared.state();
            if state.logs >= MAX_LOGS {
                state.dropped_logs += 1;
                return;
            }
            state.logs += 1;
            std::mem::take(&mut state.dropped_logs)
        };
        self.push(Event::Log(Log { level, text, dropped }));
    }

    fn with_port(&self, call: CallId, act: impl FnOnce(&Port) -> bool) {
        let found = self.owner.shared.state().calls.get(&call).map(|e| (e.port.clone(), e.intake.clone()));
        if let Some((port, intake)) = found
            && act(&port)
        {
            intake.push(Job::Wake(port));
        }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("in_flight", &self.in_flight()).finish()
    }
}

/// One call's way into the queue.
pub(super) struct QueueSink {
    shared: Arc<Shared>,
    call: CallId,
}

impl QueueSink {
    fn push(&self, news: impl FnOnce(&mut Entry)) {
        let ring = {
            let mut state = self.shared.state();
            let Some(entry) = state.calls.get_mut(&self.call) else { return };
            news(entry);
            let ended = entry.done.is_some();
            if !std::mem::replace(&mut entry.queued, true) {
                state.ready.push_back(self.call);
            }
            state.ended += usize::from(ended);
            state.arm()
        };
        self.shared.ring(ring);
    }
}

impl Sink for QueueSink {
    fn headers(&self, headers: Metadata, peer: Option<Arc<str>>) {
        self.push(|entry| entry.headers = Some((headers, peer)));
    }

    fn messages(&self, messages: Vec<Message>) {
        self.push(|entry| match entry.messages.is_empty() {
            true => entry.messages = messages,
            false => entry.messages.extend(messages),
        });
    }

    fn room(&self) {
        self.push(|entry| entry.room = true);
    }

    fn done(&self, outcome: Outcome) {
        self.push(|entry| entry.done = Some(outcome));
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.abandon();
    }
}

impl Shared {
    fn abandon(&self) {
        let (ports, calls) = {
            let mut state = self.state();
            (state.closed, state.abandoned) = (true, true);
            state.ready.clear();
            state.loose.clear();
            state.ended = 0;
            (state.ports(), std::mem::take(&mut state.calls))
        };
        self.release();
        cancel_all(ports, "host ended");
        drop(calls);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn ring(&self, ring: bool) {
        if ring {
            self.bell.notify_one();
        }
    }

    /// Drops the host's closure, and ends the notifier task.
    fn release(&self) {
        let ring = self.ring.lock().unwrap_or_else(|e| e.into_inner()).take();
        drop(ring);
        self.bell.notify_one();
    }
}

/// Rings from a task of its own, after the other tasks and the sockets had their turn: thousands of pushes become one
/// ring. A turn that nobody needs, because no call is in flight any more, would be a system call.
async fn notify(shared: Arc<Shared>) {
    loop {
        shared.bell.notified().await;
        if !shared.state().all_ended() {
            tokio::task::yield_now().await;
        }
        let ring = shared.ring.lock().unwrap_or_else(|e| e.into_inner()).clone();
        match ring {
            Some(ring) => ring(),
            None => return,
        }
    }
}

fn cancel_all(ports: Vec<(Arc<Port>, Arc<Intake>)>, reason: &'static str) {
    for (port, intake) in ports {
        if port.cancel(reason) {
            intake.push(Job::Wake(port));
        }
    }
}

impl State {
    /// True if the host has to be rung.
    fn arm(&mut self) -> bool {
        !std::mem::replace(&mut self.rung, true)
    }

    fn all_ended(&self) -> bool {
        self.ended == self.calls.len()
    }

    fn ports(&self) -> Vec<(Arc<Port>, Arc<Intake>)> {
        self.calls.values().map(|e| (e.port.clone(), e.intake.clone())).collect()
    }

    fn take(&mut self, max: usize) -> (Batch, bool) {
        let mut events: Vec<Event> = self.loose.drain(..).collect();
        self.logs = 0;
        for _ in 0..max {
            let Some(call) = self.ready.pop_front() else { break };
            self.take_call(call, &mut events);
        }
        let more = !self.ready.is_empty();
        if !more {
            self.rung = false;
        }
        let finished = self.closed && self.calls.is_empty();
        (Batch { events, more }, finished)
    }

    fn take_call(&mut self, call: CallId, events: &mut Vec<Event>) {
        let Some(entry) = self.calls.get_mut(&call) else { return };
        entry.queued = false;
        if let Some((headers, peer)) = entry.headers.take() {
            events.push(Event::Headers { call, headers, peer });
        }
        if !entry.messages.is_empty() {
            events.push(Event::Messages { call, messages: std::mem::take(&mut entry.messages) });
        }
        if std::mem::take(&mut entry.room) {
            events.push(Event::Room { call });
        }
        if let Some(outcome) = entry.done.take() {
            events.push(Event::Done { call, outcome });
            self.calls.remove(&call);
            self.ended -= 1;
        }
    }
}
