//! The record: every fact of one failure, in typed fields.
use std::{borrow::Cow, sync::Arc, time::Duration};

use super::{
    Category, Cause, Code, DeadlineSource, Detail, DetailsState, Json, Layer, Origin, Phase, Reached, Retry,
    RetryStopped, ShownTarget,
};

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
}

/// A failure is what its record says; the same one is not read twice.
impl PartialEq for Failure {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

/// One failure, key by key as its JSON has it. [`diagnose`](super::diagnose) fills what follows from the evidence; the
/// call fills what only it knows: times, attempts, the stream, the deadline, the peer's words.
#[derive(Clone, PartialEq)]
pub struct Record {
    /// The gRPC status code.
    pub code: Code,
    /// Why.
    pub cause: Cause,
    /// Who has to act.
    pub category: Category,
    /// Who said that the call failed.
    pub origin: Origin,
    /// Whether trying again helps.
    pub retry: Retry,
    /// Whether the request reached the server.
    pub reached: Reached,
    /// What the call was doing.
    pub phase: Option<Phase>,
    /// `/package.Service/Method`.
    pub method: Option<Arc<str>>,
    /// The target as the channel was given it, but for what may be a secret.
    pub target: Option<ShownTarget>,
    /// The address of the connection.
    pub peer: Option<Arc<str>>,
    /// `host:port` of the proxy, never its credentials.
    pub via_proxy: Option<Arc<str>>,
    /// The advice, where it does not follow from this version's table: a record read from JSON keeps its own.
    pub hint: Option<String>,
    /// What the peer said, made harmless by [`peer_text`](super::peer_text).
    pub peer_text: Option<String>,
    /// What the layer saw: the keys that [`CauseInfo::evidence`](super::CauseInfo) lists, in that order.
    pub evidence: Vec<(Cow<'static, str>, Json)>,
    /// The deadline of the call, if it had one.
    pub deadline: Option<Deadline>,
    /// What went over the stream, if one was opened.
    pub stream: Option<StreamFacts>,
    /// Time per phase, in the order in which the phases ran.
    pub elapsed: Vec<(Phase, Duration)>,
    /// One entry per attempt. Shared: where a thousand addresses are down, no call copies the list.
    pub attempts: Arc<[Attempt]>,
    /// Why there was no further attempt.
    pub retry_stopped: Option<RetryStopped>,
    /// What stood behind a deadline or an exhausted retry.
    pub underlying: Option<Failure>,
    /// The decoded error details.
    pub details: Vec<Detail>,
    /// What became of the error details. Absent where the service never answered.
    pub details_state: Option<DetailsState>,
    /// The state of the channel, where that is why the call failed: `TRANSIENT_FAILURE`, or what else it waited in.
    pub channel_state: Option<Cow<'static, str>>,
    /// Keys that a newer version wrote.
    pub extra: Vec<(String, Json)>,
}

/// The deadline of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The time that the call had, from its start.
    pub budget: Duration,
    /// Who set it.
    pub source: DeadlineSource,
}

/// What went over one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamFacts {
    /// Messages handed to the connection.
    pub sent_messages: u64,
    /// Their bytes, with frame prefixes.
    pub sent_bytes: u64,
    /// Messages received whole.
    pub received_messages: u64,
    /// Bytes received, with frame prefixes.
    pub received_bytes: u64,
    /// The HTTP/2 stream id, once it is known.
    pub id: Option<u32>,
}

/// One attempt of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// The address that was tried.
    pub address: Option<Arc<str>>,
    /// The address of the connection, once there was one.
    pub peer: Option<Arc<str>>,
    /// How it ended.
    pub code: Option<Code>,
    /// Why it failed.
    pub cause: Option<Cause>,
    /// The wait before it.
    pub delay: Duration,
    /// How long after its beginning the next one to this address may begin, jitter aside.
    pub next: Option<Duration>,
    /// Time per phase.
    pub elapsed: Vec<(Phase, Duration)>,
}

impl Record {
    /// A record of `cause` with the defaults of the table and nothing else.
    pub fn new(cause: Cause) -> Self {
        let info = cause.info();
        Self {
            code: info.code,
            cause,
            category: info.category,
            origin: info.origin,
            retry: info.retry,
            reached: info.reached,
            phase: None,
            method: None,
            target: None,
            peer: None,
            via_proxy: None,
            hint: None,
            peer_text: None,
            evidence: Vec::new(),
            deadline: None,
            stream: None,
            elapsed: Vec::new(),
            attempts: Arc::default(),
            retry_stopped: None,
            underlying: None,
            details: Vec::new(),
            details_state: None,
            channel_state: None,
            extra: Vec::new(),
        }
    }

    /// The layer that failed.
    pub const fn layer(&self) -> Layer {
        self.cause.layer()
    }

    /// One value of the evidence.
    pub fn evidence(&self, key: &str) -> Option<&Json> {
        self.evidence.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Other attempts of the call came as far as `reached`. `risky`: after one of them, running the request again was not
    /// known to be harmless, so it is not now.
    pub(crate) fn raise(&mut self, reached: Reached, risky: bool) {
        if reached >= Reached::Maybe {
            self.reached = self.reached.max(reached);
        }
        if risky && matches!(self.retry, Retry::Safe | Retry::Delay) {
            self.retry = Retry::Idempotent;
        }
    }

    /// Removes every word that a peer chose, here and in what stands behind: its text and its details.
    pub fn suppress_peer_text(&mut self) {
        self.peer_text = None;
        self.details.clear();
        if let Some(underlying) = &mut self.underlying {
            underlying.record_mut().suppress_peer_text();
        }
    }
}

/// Nesting beyond this is shown by nobody: no text may grow with the length of a chain.
pub(super) const MAX_UNDERLYING: usize = 8;

/// Time per phase, each phase once: a phase of several attempts has their sum.
pub(super) fn summed(elapsed: &[(Phase, Duration)]) -> Vec<(Phase, Duration)> {
    let mut sums: Vec<(Phase, Duration)> = Vec::with_capacity(elapsed.len());
    for &(phase, spent) in elapsed {
        match sums.iter_mut().find(|(known, _)| *known == phase) {
            Some((_, sum)) => *sum = sum.saturating_add(spent),
            None => sums.push((phase, spent)),
        }
    }
    sums
}
