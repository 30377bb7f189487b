//! Where the news of a call comes from, and where its messages go.
use crate::{
    mailbox::Mailbox,
    state::{Shared, Wake, news},
};
use bytes::Bytes;
use causewire::bridge::{BlockingCall, CallId, Failed, Sent};
use pyo3::prelude::*;
use std::sync::Arc;

/// How the news of a call comes.
pub(crate) enum Source {
    /// Through a queue: of the running event loop, or of the home thread.
    Queue { mailbox: Arc<Mailbox>, id: CallId },
    /// Through the call's own slot, read by the threads that wait.
    Slot(BlockingCall),
}

pub(crate) struct Inner {
    pub(crate) source: Source,
    pub(crate) shared: Arc<Shared>,
}

impl Inner {
    pub(crate) fn cancel(&self) {
        match &self.source {
            Source::Queue { mailbox, id } => mailbox.queue.cancel(*id),
            Source::Slot(call) => call.cancel(),
        }
    }

    pub(crate) fn credit(&self, messages: u32) {
        match &self.source {
            Source::Queue { mailbox, id } => mailbox.queue.credit(*id, messages),
            Source::Slot(call) => call.credit(messages),
        }
    }

    pub(crate) fn send(&self, message: Bytes, compress: bool) -> Sent {
        match (&self.source, compress) {
            (Source::Queue { mailbox, id }, true) => mailbox.queue.send(*id, message),
            (Source::Queue { mailbox, id }, false) => mailbox.queue.send_uncompressed(*id, message),
            (Source::Slot(call), true) => call.send(message),
            (Source::Slot(call), false) => call.send_uncompressed(message),
        }
    }

    /// Ends the call by our own word.
    pub(crate) fn end(&self, py: Python<'_>, failed: Failed) {
        let mut wake = Wake::default();
        {
            let mut state = self.shared.state();
            state.messages.clear();
            state.outcome = Some(Err(Box::new(failed)));
            state.wake(news::DONE, &mut wake);
        }
        self.shared.follow();
        wake.run(py);
    }
}

/// A call that nobody holds any more is cancelled.
impl Drop for Inner {
    fn drop(&mut self) {
        let in_flight = self.shared.state().outcome.is_none();
        if in_flight {
            self.cancel();
        }
        if matches!(self.source, Source::Slot(_)) {
            self.shared.retire();
        }
    }
}
