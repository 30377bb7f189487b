//! What a queue holds for its host.
use super::{Ask, ConnectivityState, Log};
use crate::{call::Outcome, metadata::Metadata, transport::Message};
use std::sync::Arc;

/// Unique in the process, from 1, and exact in a double.
pub type CallId = u64;

/// One batch.
#[derive(Debug)]
pub struct Batch {
    pub events: Vec<Event>,
    /// There is more: take again. False: the queue is empty and will ring for the next event.
    pub more: bool,
}

/// The events of one call come in the order `Headers? Messages* Done`, and Done comes exactly once.
#[derive(Debug)]
pub enum Event {
    /// Response headers of a streamed response.
    Headers { call: CallId, headers: Metadata, peer: Option<Arc<str>> },
    /// A list of messages of a streamed response. To be credited when read.
    Messages { call: CallId, messages: Vec<Message> },
    /// A sender that was told `Full` may go on.
    Room { call: CallId },
    /// The call is over.
    Done { call: CallId, outcome: Outcome },
    /// A question to the host, to be answered by [`Channel::answer`](super::Channel::answer).
    Ask(Ask),
    /// A line for the host's logger.
    Log(Log),
    /// The state differs from the one that `watch` was made with.
    State { watch: u64, state: ConnectivityState },
}
