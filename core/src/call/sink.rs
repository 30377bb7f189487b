//! Where the news of a call goes.
use super::outcome::Outcome;
use crate::{metadata::Metadata, transport::Message};
use std::sync::Arc;

/// Told in the order `Headers? Messages* Done`. Called on the call's task; must not block.
pub(crate) trait Sink: Send + Sync {
    /// Headers of a streamed response.
    fn headers(&self, headers: Metadata, peer: Option<Arc<str>>);
    /// A list of messages of a streamed response.
    fn messages(&self, messages: Vec<Message>);
    /// A sender that was told to wait may go on.
    fn room(&self);
    /// The end, exactly once.
    fn done(&self, outcome: Outcome);
}

/// Hears nothing: the one response of a unary call comes with its end.
pub(super) struct Nobody;

impl Sink for Nobody {
    fn headers(&self, _: Metadata, _: Option<Arc<str>>) {}
    fn messages(&self, _: Vec<Message>) {}
    fn room(&self) {}
    fn done(&self, _: Outcome) {}
}
