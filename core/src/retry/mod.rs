//! Whether a failed attempt is followed by another (gRFC A6): what has to be known, kept and decided.
//!
//! `policy::decide` is the only decision; `replay` keeps what a further attempt has to send again.
mod policy;
mod replay;

pub(crate) use policy::{Decision, Ended, History, decide};
pub(crate) use replay::{Budget, Replay};
