//! Failures that cross one by one: of a channel that cannot be built, of a bad argument, of what happens above the
//! border.
use causewire::bridge::{Channel, Failed, Failure, HostFault};
use std::fmt;

/// A refusal before anything was sent.
#[derive(Clone, Debug, uniffi::Error)]
pub enum Refusal {
    /// The canonical record, and one line of ours.
    Failed { record: String, message: String },
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Refusal::Failed { record: failure.to_json(), message: failure.line() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refusal::Failed { message, .. } = self;
        f.write_str(message)
    }
}

impl std::error::Error for Refusal {}

/// A failure that the facade asked for.
#[derive(Clone, Debug, uniffi::Record)]
pub struct FailureText {
    /// The canonical record.
    pub record: String,
    /// One line of ours.
    pub message: String,
}

impl From<Failed> for FailureText {
    fn from(failed: Failed) -> Self {
        FailureText { record: failed.failure.to_json(), message: failed.details }
    }
}

/// What went wrong above the border, as `Sources/Causewire/LocalFailure.swift` numbers it.
pub(crate) fn local(channel: &Channel, method: u32, kind: u8, type_name: &str, peer: Option<&str>) -> Failed {
    let fault = match kind {
        0 => HostFault::StoppedReading,
        1 => HostFault::Encode,
        2 => HostFault::Decode { type_name: (!type_name.is_empty()).then_some(type_name) },
        3 => HostFault::SendingClosed,
        _ => HostFault::NoSingleReply,
    };
    channel.failed(method, fault, peer)
}
