//! The ways into a queue. None of them holds it: a host that lets go of its own handle has abandoned it.
use super::{
    super::event::{CallId, Event},
    shared::{Entry, Shared},
};
use crate::{
    call::{Outcome, Sink},
    metadata::Metadata,
    observe::{Level, Log},
    transport::Message,
};
use std::{fmt, pin::pin, sync::Arc};

/// Log lines that wait for a host that does not take them; more are dropped and counted.
const MAX_LOGS: usize = 1024;

/// One call's way.
pub(in super::super) struct QueueSink {
    pub(super) shared: Arc<Shared>,
    pub(super) call: CallId,
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

/// A channel's way, for what concerns no call.
#[derive(Clone)]
pub(in super::super) struct Post {
    pub(super) shared: Arc<Shared>,
}

impl Post {
    /// False: the host is gone, and takes nothing any more.
    pub(in super::super) fn push(&self, event: Event) -> bool {
        let ring = {
            let mut state = self.shared.state();
            if state.abandoned {
                return false;
            }
            state.loose.push_back(event);
            state.arm()
        };
        self.shared.ring(ring);
        true
    }

    /// A question. False: nobody will answer it.
    pub(in super::super) fn ask(&self, event: Event) -> bool {
        !self.shared.state().closed && self.push(event)
    }

    /// Takes a question back, or says that it is taken back where the host has it already.
    pub(in super::super) fn withdraw(&self, ask: u64) {
        {
            let mut state = self.shared.state();
            let is_it = |event: &Event| matches!(event, Event::Ask(waiting) if waiting.id == ask);
            if let Some(place) = state.loose.iter().position(is_it) {
                state.loose.remove(place);
                return;
            }
        }
        self.push(Event::AskCancelled { ask });
    }

    /// Returns when nobody answers questions any more.
    pub(in super::super) async fn closed(&self) {
        let mut closed = pin!(self.shared.closing.notified());
        closed.as_mut().enable();
        if !self.shared.state().closed {
            closed.await;
        }
    }

    pub(in super::super) fn log(&self, level: Level, text: String) {
        let dropped = {
            let mut state = self.shared.state();
            if state.logs >= MAX_LOGS {
                state.dropped_logs += 1;
                return;
            }
            state.logs += 1;
            std::mem::take(&mut state.dropped_logs)
        };
        self.push(Event::Log(Log { level, text, dropped }));
    }
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").finish_non_exhaustive()
    }
}
