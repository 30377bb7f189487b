//! The face that language bindings see, and the only module that they import: a pull queue, owned types, integers.
//! No futures, no generics, no lifetimes in what crosses.
//!
//! A host submits calls and takes batches of events. It is rung once per batch, never per call; a unary call is one
//! crossing in and one out; a stream crosses as lists. No panic crosses: every entry has a guard, and a task that
//! panics ends its call with CORE_FAULT.
mod ask;
mod blocking;
mod channel;
mod event;
mod fault;
mod guard;
mod intake;
mod methods;
mod queue;
mod spec;
mod watch;
mod watches;

pub use ask::Answer;
pub use blocking::{BlockingCall, Progress};
pub use channel::Channel;
pub use event::{Ask, AskKind, Batch, CallId, Event};
pub use fault::HostFault;
pub use queue::Queue;
pub use spec::{CallSpec, ChannelSpec, Language};

pub use crate::{
    balance::ConnectivityState,
    call::{Failed, Kind, Outcome, Reply, Sent},
    channel::Stats,
    compress::Compression,
    failure::{Failure, Style, render},
    metadata::{Metadata, MetadataFault, Value},
    observe::{Level, Log},
    options::{CallOptions, CallRetry, ChannelOptions, Secret, Secrets, compression_from_name, timeout_from_ms},
    resolve::Resolution,
    status::Code,
    transport::Message,
};

use crate::{failure::Evidence, options::not_known, rt};

/// REQUEST_INVALID for a metadata entry; its value is in no part of it.
pub fn bad_metadata(fault: &MetadataFault) -> Failure {
    fault.evidence().into()
}

/// OPTION_INVALID for an argument that only a binding can judge. `field` is its canonical snake_case path.
pub fn bad_option(field: &'static str, reason: &'static str) -> Failure {
    Evidence::Option { field: field.into(), value: None, reason: reason.into() }.into()
}

/// OPTION_INVALID for an argument's name that nobody knows. `field` is its canonical snake_case path; `name` and `known`
/// are written as the language writes them.
pub fn unknown_option(field: String, name: &str, known: &[&str]) -> Failure {
    Evidence::Option { field: field.into(), value: None, reason: not_known("", name, known).into() }.into()
}

/// In a fork child, before anything else: the parent's connections, which the child has to close without a word.
pub fn inherited_sockets() -> Vec<i32> {
    crate::transport::take_inherited()
}

/// In a fork child, after [`inherited_sockets`]: everything made before belongs to the parent. Old handles have to be
/// leaked, neither used nor dropped; new ones are made on a new runtime.
pub fn forked() {
    rt::forked();
}
