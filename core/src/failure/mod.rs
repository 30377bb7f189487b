//! Failures as values: what failed, why, who has to act, whether the request reached the server, what to do.
//!
//! A layer that sees something go wrong makes an [`Evidence`]; [`diagnose`] turns it and the call's [`Situation`] into a
//! [`Failure`]. Nothing here looks at a clock, does I/O, or chooses a cause by a text.
//!
//! ```
//! use causewire::failure::{Category, Cause, Evidence, Retry, Situation, diagnose};
//!
//! let seen = Evidence::NotTls { address: "10.0.0.7:443".into(), speaks: causewire::failure::Speaks::Http1 };
//! let failure = diagnose(seen, Situation::default());
//! assert_eq!(failure.record().cause, Cause::TlsPeerNotTls);
//! assert_eq!((failure.record().category, failure.record().retry), (Category::Config, Retry::Fix));
//! assert!(failure.line().starts_with("UNAVAILABLE TLS_PEER_NOT_TLS (tls, config, fix): 10.0.0.7:443 does not speak TLS"));
//! ```
mod causes;
mod code;
mod detail;
mod diagnose;
mod errno;
pub mod evidence;
mod furthest;
mod hint;
mod json;
mod read;
mod record;
mod redact;
mod render;
mod shown;
#[cfg(test)]
mod tests;
mod time;
mod words;
mod write;

pub use self::{
    causes::{Cause, CauseInfo},
    code::Code,
    detail::{
        BadRequest, DebugInfo, Detail, ErrorInfo, FieldViolation, Help, HelpLink, LocalizedMessage,
        PreconditionFailure, PreconditionViolation, QuotaFailure, QuotaViolation, RequestInfo, ResourceInfo, RetryInfo,
        UnknownDetail,
    },
    diagnose::{Situation, diagnose},
    evidence::*,
    json::Json,
    read::NotARecord,
    record::{Attempt, Deadline, Failure, Record, StreamFacts},
    redact::{ShownTarget, may_show_value, peer_text, pem_label, url_host_port},
    render::Style,
    shown::render,
    words::{Category, DeadlineSource, DetailsState, Layer, Origin, Phase, Reached, Retry, RetryStopped},
};

pub(crate) use furthest::furthest;

/// Property tests run on the same cases each time, and leave no file behind.
#[cfg(test)]
pub(crate) fn seeded() -> proptest::test_runner::Config {
    proptest::test_runner::Config {
        rng_seed: proptest::test_runner::RngSeed::Fixed(0x0ca5_e317),
        failure_persistence: None,
        ..proptest::test_runner::Config::default()
    }
}
