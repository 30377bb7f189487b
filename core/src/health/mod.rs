//! Asks a connected server whether it wants calls (gRFC A17): `grpc.health.v1.Health/Watch`, for as long as it is
//! connected.
//!
//! `question` is one Watch call; `watch` asks again when it ends, and tells what was said.
mod question;
#[cfg(test)]
mod tests;
mod watch;

pub(crate) use watch::{Check, Report, Said, watch};

use crate::failure::{Evidence, Failure};
use http::Request;
use std::{future::Future, pin::Pin};

/// Whether a connected server wants calls.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Health {
    /// It was asked, and has not answered yet.
    Unknown,
    /// It does, or was not asked.
    Serving,
    /// It does not, or the question failed.
    Failing(Failure),
}

/// The path of the question.
pub(crate) const METHOD: &str = "/grpc.health.v1.Health/Watch";

/// Makes the head of the question: authority, user-agent and credentials are the channel's.
pub(crate) trait Asker: Send + Sync {
    fn head(&self, secure: bool) -> HeadFuture<'_>;
}

/// What an [`Asker`] returns.
pub(crate) type HeadFuture<'a> = Pin<Box<dyn Future<Output = Result<Request<()>, Evidence>> + Send + 'a>>;
