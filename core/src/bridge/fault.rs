//! What goes wrong above the border: a host says what it was, and the core makes the failure.
use super::channel::Channel;
use crate::{
    call::{Context, Failed, Method, SENDING_CLOSED},
    failure::{Evidence, Failure},
};
use std::sync::Arc;

/// What went wrong, and whose failure it becomes. What the host's code threw stays with the host: it may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostFault<'a> {
    /// The host's serializer threw: REQUEST_INVALID `message`.
    Encode,
    /// The host's deserializer threw: RESPONSE_DECODE_FAILED.
    Decode {
        /// What it was to become, if that is known.
        type_name: Option<&'a str>,
    },
    /// A reader stopped in the middle of a response that had arrived whole: CANCELLED_BY_CALLER.
    StoppedReading,
    /// A message was sent after the sending side had been closed: REQUEST_INVALID `message`.
    SendingClosed,
    /// The one reply of a call was asked for that has not exactly one: REQUEST_INVALID `message`.
    NoSingleReply,
    /// No answer came from the core a second after the deadline: CORE_FAULT.
    Unanswered,
}

impl Channel {
    /// The failure of a call of `method`, whose server, if it answered, is `peer`.
    pub fn failed(&self, method: u32, fault: HostFault<'_>, peer: Option<&str>) -> Failed {
        match self.registered(method) {
            Ok(method) => made(self.context(), &method, fault, peer.map(Into::into)),
            Err(failure) => failure.into(),
        }
    }
}

fn made(context: &Context, method: &Method, fault: HostFault<'_>, peer: Option<Arc<str>>) -> Failed {
    let answered = |evidence| context.answered_badly(evidence, &method.path, peer);
    let refused = |evidence| Failed::from(context.refuse(evidence, Some(method)));
    let misused = |reason: &'static str| refused(Evidence::Request { field: "message".into(), reason: reason.into() });
    match fault {
        HostFault::Encode => misused("could not be serialized"),
        HostFault::Decode { type_name } => answered(Evidence::Decode { type_name: type_name.map(str::to_owned) }),
        HostFault::StoppedReading => answered(Evidence::Cancelled { reason: Some("cancelled") }),
        HostFault::SendingClosed => misused(SENDING_CLOSED),
        HostFault::NoSingleReply => misused("has no single reply in a call of this kind"),
        HostFault::Unanswered => refused(Evidence::Core { site: "no answer a second after the deadline" }),
    }
}

impl From<Failure> for Failed {
    /// A failure that no server had a part in.
    fn from(failure: Failure) -> Self {
        Failed::local(failure)
    }
}
