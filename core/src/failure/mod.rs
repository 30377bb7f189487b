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
#[cfg(test)]
mod tests;
mod time;
mod words;
mod write;

use std::{fmt, sync::Arc, time::Duration};

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
    record::{Attempt, Deadline, Record, StreamFacts},
    redact::{ShownTarget, may_show_value, peer_text, pem_label, url_host_port},
    render::Style,
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

/// An answer of the resolver is worth a word in a failure from this age on.
const OLD_ANSWER: Duration = Duration::from_secs(10);
const RESOLVED_AGE: &str = "resolved_age_ms";

/// Why a call failed: one pointer to a [`Record`], cheap to move and to clone.
#[derive(Clone)]
pub struct Failure(Arc<Record>);

impl Failure {
    /// A failure with this record.
    pub fn new(record: Record) -> Self {
        Self(Arc::new(record))
    }

    /// The facts.
    pub fn record(&self) -> &Record {
        &self.0
    }

    /// The facts, to be filled in. Copies them when the failure was cloned before.
    pub fn record_mut(&mut self) -> &mut Record {
        Arc::make_mut(&mut self.0)
    }

    /// How old the resolver's answer is that led here. Said where addresses may have moved on meanwhile, and only once it is
    /// worth a thought.
    pub(crate) fn note_resolved_age(&mut self, age: Duration) {
        if age >= OLD_ANSWER && self.cause().info().evidence.contains(&RESOLVED_AGE) {
            self.record_mut().evidence.push((RESOLVED_AGE.into(), age.into()));
        }
    }

    /// Why.
    pub fn cause(&self) -> Cause {
        self.0.cause
    }

    /// The gRPC status code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The canonical JSON, the same bytes in every language.
    pub fn to_json(&self) -> String {
        write::to_json(&self.0)
    }

    /// Reads a record that this or another version wrote. Keys that are not known are kept; a cause that is not known
    /// becomes the generic cause of its layer.
    ///
    /// # Errors
    /// [`NotARecord`] when the text is not JSON, or is not a record.
    pub fn from_json(json: &str) -> Result<Self, NotARecord> {
        read::from_json(json)
    }

    /// `UNAVAILABLE TLS_CERT_EXPIRED (tls, security, fix): … [dns:///users:443 10.0.0.7:443]`.
    pub fn line(&self) -> String {
        render::line(&self.0)
    }

    /// Everything, on several lines, for the person who has to repair it. Has addresses and names.
    pub fn diagnostic(&self) -> String {
        render::diagnostic(&self.0)
    }

    /// One line without addresses and names, to be shown to a stranger.
    pub fn public(&self) -> String {
        render::public(&self.0)
    }
}

/// A failure is what its record says; the same one is not read twice.
impl PartialEq for Failure {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

/// Without anything that only a call knows.
impl From<Evidence> for Failure {
    fn from(evidence: Evidence) -> Self {
        diagnose(evidence, Situation::default())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failure({})", self.line())
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.underlying.as_ref().map(|failure| failure as _)
    }
}

/// Renders a record from its JSON, for a language that holds nothing else.
///
/// # Errors
/// [`NotARecord`] when the text is not JSON, or is not a record.
pub fn render(json: &str, style: Style) -> Result<String, NotARecord> {
    let failure = Failure::from_json(json)?;
    Ok(match style {
        Style::Line => failure.line(),
        Style::Diagnostic => failure.diagnostic(),
        Style::Public => failure.public(),
    })
}
