//! The pull queue: filled by the calls of any number of channels, emptied by one host thread or event loop.
mod shared;
mod ways;

pub(super) use ways::{Post, QueueSink};

use super::{
    event::{Batch, CallId},
    guard::guarded_or,
    intake::{Intake, Job},
};
use crate::{
    call::{Port, Sent},
    rt::Handle,
    transport::Outbound,
};
use bytes::Bytes;
use shared::{Entry, Shared, notify};
use std::{fmt, sync::Arc};

/// See the module. A handle; cloning it gives another handle of the same queue, and dropping the last abandons it.
#[derive(Clone)]
pub struct Queue {
    owner: Arc<Owner>,
}

struct Owner {
    shared: Arc<Shared>,
}

impl Queue {
    /// `ring` is called from the core's thread, once per batch and with no lock held: not again until [`Queue::take`]
    /// has emptied the queue. It must not block.
    pub fn new(ring: impl Fn() + Send + Sync + 'static) -> Self {
        let shared = Shared::new(Arc::new(ring));
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
            self.owner.shared.close();
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

    /// For what concerns no call.
    pub(super) fn post(&self) -> Post {
        Post { shared: self.owner.shared.clone() }
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

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.abandon();
    }
}
