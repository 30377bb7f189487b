//! What a queue holds for its host.
use super::{ConnectivityState, Log};
use crate::{
    call::{Failed, Outcome},
    metadata::Metadata,
    options::Secret,
    transport::Message,
};
use std::sync::Arc;

/// Unique in the process, from 1, and exact in a double.
pub type CallId = u64;

/// One batch.
#[derive(Debug)]
pub struct Batch {
    /// In the order in which they happened to each call.
    pub events: Vec<Event>,
    /// There is more: take again. False: the queue is empty and will ring for the next event.
    pub more: bool,
}

/// The events of one call come in the order `Headers? Messages* Done`, and Done comes exactly once.
#[derive(Debug)]
pub enum Event {
    /// Response headers of a streamed response.
    Headers {
        /// The call.
        call: CallId,
        /// Response headers.
        headers: Metadata,
        /// Address of the server.
        peer: Option<Arc<str>>,
    },
    /// A list of messages of a streamed response. To be credited when read.
    Messages {
        /// The call.
        call: CallId,
        /// In order.
        messages: Vec<Message>,
    },
    /// A sender that was told `Full` may go on.
    Room {
        /// The call.
        call: CallId,
    },
    /// The call is over.
    Done {
        /// The call.
        call: CallId,
        /// How it ended.
        outcome: Outcome,
    },
    /// A question to the host, to be answered by [`Channel::answer`](super::Channel::answer).
    Ask(Ask),
    /// Whoever asked does not wait for the answer any more: what the host does to find it can be ended.
    AskCancelled {
        /// Its number.
        ask: u64,
    },
    /// A line for the host's logger.
    Log(Log),
    /// The state differs from the one that `watch` was made with.
    State {
        /// From [`Channel::watch_state`](super::Channel::watch_state).
        watch: u64,
        /// The state now.
        state: ConnectivityState,
    },
    /// The channel is READY, or cannot be.
    Ready {
        /// From [`Channel::watch_ready`](super::Channel::watch_ready).
        watch: u64,
        /// What stands in the way.
        outcome: Result<(), Box<Failed>>,
    },
}

/// One question.
#[derive(Clone, Debug)]
pub struct Ask {
    /// To answer by.
    pub id: u64,
    /// What is asked.
    pub kind: AskKind,
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum AskKind {
    /// A bearer token for one attempt.
    Token {
        /// `/pkg.Service/Method`.
        method: Arc<str>,
        /// `https://host[:port]/pkg.Service`.
        audience: Arc<str>,
    },
    /// The addresses of the channel's target.
    Resolve {
        /// As the channel was given it, password and all.
        target: Secret<Arc<str>>,
    },
}
