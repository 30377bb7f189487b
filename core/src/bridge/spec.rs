//! What hosts open a channel and start a call with.
use super::queue::Queue;
use crate::{
    failure::ShownTarget,
    metadata::Metadata,
    options::{CallOptions, Secrets},
};
use bytes::Bytes;
use std::fmt;

/// The language of a binding, for the user-agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Node.
    Node,
    /// Python.
    Python,
    /// Swift.
    Swift,
    /// Rust.
    Rust,
}

impl Language {
    /// As the user-agent has it.
    pub fn name(self) -> &'static str {
        match self {
            Language::Node => "node",
            Language::Python => "python",
            Language::Swift => "swift",
            Language::Rust => "rust",
        }
    }
}

/// What a host opens a channel with.
pub struct ChannelSpec<'a> {
    /// What to connect to.
    pub target: &'a str,
    /// The JSON document of `ChannelOptions`; empty means `{}`.
    pub options: &'a str,
    /// What must be in no document that somebody logs.
    pub secrets: Secrets,
    /// For the user-agent.
    pub language: Language,
    /// Where the channel's questions, log lines and state changes go. Needed for any of them. The channel does not hold
    /// it: a host that lets go of its own handle has abandoned it.
    pub home: Option<Queue>,
    /// The host answers [`AskKind::Token`](super::AskKind).
    pub ask_token: bool,
    /// The host answers [`AskKind::Resolve`](super::AskKind).
    pub ask_resolve: bool,
    /// The host has a logger.
    pub logs: bool,
}

/// One call.
#[derive(Debug, Default)]
pub struct CallSpec {
    /// From [`Channel::method`](super::Channel::method).
    pub method: u32,
    /// Sent with the call.
    pub metadata: Metadata,
    /// Deadline and the like.
    pub options: CallOptions,
    /// The one request of a unary or server-streaming call.
    pub message: Option<Bytes>,
}

/// Without the options: a proxy's URL may have a password in it.
impl fmt::Debug for ChannelSpec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelSpec").field("target", &ShownTarget::of(self.target)).finish_non_exhaustive()
    }
}
