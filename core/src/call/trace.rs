//! What is known of a call while it runs: enough to say, whenever it ends, what failed, where, and whether the server
//! may have seen it.
use super::{Context, Deadline, Failed, Reply, Request};
use crate::{
    balance::Charge,
    clock::Instant,
    failure::{
        self, Attempt, Cause, Evidence, Failure, Phase, Reached, RetryStopped, Situation, StreamFacts, diagnose,
    },
    metadata::Metadata,
    observe::Timeline,
    status::{Decoded, DetailsBin},
    transport::{Connection, Message, StreamFault},
};
use http::HeaderMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Shared by the call's work and the guard that may end it at any moment.
pub(crate) struct Trace {
    context: Arc<Context>,
    method: Arc<str>,
    state: Mutex<State>,
}

struct State {
    timeline: Timeline,
    deadline: Option<Deadline>,
    attempts: Vec<Attempt>,
    peer: Option<Arc<str>>,
    via_proxy: Option<Arc<str>>,
    opened: bool,
    headers: Option<HeaderMap>,
    stream: StreamFacts,
    underlying: Option<Failure>,
    /// Where the policy counts the attempt, if it does.
    charge: Option<Charge>,
    ended: bool,
}

/// How one attempt ended without success.
pub(crate) struct Fault {
    pub(crate) failed: Box<Failed>,
    pub(crate) reached: Reached,
    pub(crate) by_transport: bool,
}

impl Trace {
    pub(crate) fn new(context: &Arc<Context>, request: &Request) -> Self {
        let method = request.method.path.clone();
        let timeline = Timeline::start(request.started, &method, context.listener.as_ref());
        Trace {
            context: context.clone(),
            state: Mutex::new(State {
                timeline,
                deadline: request.deadline,
                attempts: Vec::new(),
                peer: None,
                via_proxy: None,
                opened: false,
                headers: None,
                stream: StreamFacts::default(),
                underlying: None,
                charge: None,
                ended: false,
            }),
            method,
        }
    }

    // --- what happens

    pub(crate) fn enter(&self, phase: Phase) {
        self.lock().timeline.enter(phase);
    }

    /// The service config came while the call waited, and shortens its deadline.
    pub(crate) fn set_deadline(&self, deadline: Option<Deadline>) {
        self.lock().deadline = deadline;
    }

    /// Waiting for a connection, and what stood in the way last.
    pub(crate) fn waiting(&self, phase: Phase, problem: Option<Failure>) {
        let mut state = self.lock();
        state.timeline.enter(phase);
        if problem.is_some() {
            state.underlying = problem;
        }
    }

    pub(crate) fn picked(&self, connection: &Connection, charge: Option<Charge>) {
        let mut state = self.lock();
        state.peer = Some(connection.peer().clone());
        state.via_proxy = connection.via_proxy().cloned();
        state.charge = charge;
        state.underlying = None;
    }

    /// HEADERS go out at this moment.
    pub(crate) fn sending(&self, now: Instant) {
        self.lock().timeline.enter_at(Phase::Send, now);
    }

    pub(crate) fn opened(&self, id: u32) {
        let mut state = self.lock();
        state.opened = true;
        state.stream = StreamFacts { id: Some(id), ..StreamFacts::default() };
    }

    /// A message goes out. `at_once`: it was the last, and it went whole, at this moment.
    pub(crate) fn sent(&self, bytes: usize, at_once: Option<Instant>) {
        let mut state = self.lock();
        state.stream.sent_messages += 1;
        state.stream.sent_bytes += bytes as u64;
        if let Some(now) = at_once {
            state.timeline.enter_at(Phase::AwaitHeaders, now);
        }
    }

    pub(crate) fn received(&self, messages: u64, bytes: u64) {
        let mut state = self.lock();
        state.stream.received_messages += messages;
        state.stream.received_bytes += bytes;
    }

    pub(crate) fn headers(&self, headers: HeaderMap) {
        let mut state = self.lock();
        state.headers = Some(headers);
        state.timeline.enter(Phase::Receive);
    }

    /// A failed attempt is followed by another.
    pub(crate) fn again(&self, fault: &Fault) {
        let mut state = self.lock();
        state.close_attempt(Some(&fault.failed.failure));
        state.opened = false;
        state.headers = None;
        (state.peer, state.via_proxy) = (None, None);
        let number = state.attempts.len() as u32 + 1;
        state.timeline.attempt(number);
        state.timeline.enter(Phase::Pick);
    }

    pub(crate) fn succeeded(&self, message: Option<Message>, trailers: HeaderMap) -> Reply {
        let mut state = self.lock();
        state.timeline.ended(0);
        state.ended = true;
        if let Some(charge) = state.charge.take() {
            charge.ended(true);
        }
        Reply {
            message,
            headers: state.headers.take().map(Metadata::from_headers).unwrap_or_default(),
            trailers: Metadata::from_headers(trailers),
            peer: state.peer.clone(),
            attempts: state.attempts.len() as u32 + 1,
        }
    }

    pub(crate) fn peer(&self) -> Option<Arc<str>> {
        self.lock().peer.clone()
    }

    /// The peer's window holds a message back.
    pub(crate) fn blocked(&self) {
        let mut state = self.lock();
        if state.timeline.phase() == Phase::AwaitHeaders {
            state.timeline.enter(Phase::Send);
        }
    }

    /// Nothing is left to be sent now: it is the peer's turn, or the caller's.
    pub(crate) fn all_sent(&self) {
        let mut state = self.lock();
        if state.timeline.phase() == Phase::Send {
            state.timeline.enter(Phase::AwaitHeaders);
        }
    }

    pub(crate) fn saw_headers(&self) -> bool {
        self.lock().headers.is_some()
    }

    /// What can be claimed of an attempt that ends now.
    pub(crate) fn reached(&self) -> Reached {
        self.lock().reached()
    }

    // --- how it ends

    /// What a layer below saw ends the attempt.
    pub(crate) fn fault(&self, evidence: Evidence, reached: Reached) -> Fault {
        let state = self.lock();
        let failure = diagnose(evidence, self.situation(&state, reached));
        Fault { failed: self.failed(&state, failure), reached, by_transport: false }
    }

    /// The transport ended the attempt. What is our own doing would end the next one, too.
    pub(crate) fn broken(&self, fault: StreamFault) -> Fault {
        let own = matches!(*fault.evidence, Evidence::RequestTooLarge { .. } | Evidence::Core { .. });
        Fault { by_transport: !own, ..self.fault(*fault.evidence, fault.reached) }
    }

    /// No connection could be picked.
    pub(crate) fn unpicked(&self, failure: Failure) -> Fault {
        let state = self.lock();
        Fault { failed: self.failed(&state, failure), reached: Reached::No, by_transport: false }
    }

    /// The server answered with a status that is not OK.
    pub(crate) fn refused(&self, answer: Decoded, trailers: HeaderMap) -> Fault {
        let state = self.lock();
        let failure = answer.failure(self.situation(&state, Reached::Yes));
        let mut failed = self.failed(&state, failure);
        failed.details = answer.message;
        failed.status_details = match answer.details_bin {
            DetailsBin::Bytes(bytes) => Some(bytes),
            DetailsBin::Absent | DetailsBin::Malformed => None,
        };
        failed.trailers = Metadata::from_headers(trailers);
        Fault { failed, reached: Reached::Yes, by_transport: false }
    }

    /// The deadline passed: which of the three causes follows from how far the call came.
    pub(crate) fn deadline_passed(&self, already_past: bool) -> Box<Failed> {
        let budget = self.lock().deadline.map(|d| d.budget).unwrap_or_default();
        self.stopped(Evidence::Deadline { budget, already_past })
    }

    pub(crate) fn cancelled(&self, reason: &'static str) -> Box<Failed> {
        self.stopped(Evidence::Cancelled { reason: Some(reason) })
    }

    /// A panic in the call's own task.
    pub(crate) fn core_fault(&self, site: &'static str) -> Box<Failed> {
        self.stopped(Evidence::Core { site })
    }

    /// The last attempt's failure becomes the call's.
    pub(crate) fn ended(&self, fault: Fault, why: Option<RetryStopped>) -> Box<Failed> {
        let mut state = self.lock();
        state.close_attempt(Some(&fault.failed.failure));
        let mut failed = fault.failed;
        self.fill(&mut state, failed.failure.record_mut());
        failed.failure.record_mut().retry_stopped = why;
        failed.attempts = state.attempts.len() as u32;
        failed
    }

    /// A stop from outside: deadline or cancel.
    fn stopped(&self, evidence: Evidence) -> Box<Failed> {
        let mut state = self.lock();
        let reached = state.reached();
        let situation = Situation { underlying: state.underlying.clone(), ..self.situation(&state, reached) };
        let failure = diagnose(evidence, situation);
        if state.ended {
            state.attempts.pop(); // the last attempt had ended in another way, which this one takes the place of
        }
        state.close_attempt(Some(&failure));
        let mut failed = self.failed(&state, failure);
        failed.attempts = state.attempts.len() as u32;
        self.fill(&mut state, failed.failure.record_mut());
        failed
    }

    fn situation(&self, state: &State, reached: Reached) -> Situation {
        Situation {
            reached: Some(reached),
            headers: state.headers.is_some(),
            phase: Some(state.timeline.phase()),
            method: Some(self.method.clone()),
            target: Some(self.context.target.clone()),
            peer: state.peer.clone(),
            via_proxy: state.via_proxy.clone(),
            ..Situation::default()
        }
    }

    fn failed(&self, state: &State, failure: Failure) -> Box<Failed> {
        Box::new(Failed {
            headers: state.headers.clone().map(Metadata::from_headers),
            peer: state.peer.clone(),
            ..Failed::local(failure)
        })
    }

    fn fill(&self, state: &mut State, record: &mut failure::Record) {
        record.method = Some(self.method.clone());
        record.target = Some(self.context.target.clone());
        record.deadline = state.deadline.map(|d| failure::Deadline { budget: d.budget, source: d.source });
        record.stream = state.opened.then_some(state.stream);
        record.elapsed = state.timeline.spent();
        if record.attempts.is_empty() {
            record.attempts = state.attempts.clone();
        }
        if self.context.options.suppress_peer_text {
            record.suppress_peer_text();
        }
        state.ended = true;
        state.timeline.ended(record.code.as_u8());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl State {
    /// `No` only if no stream was ever opened: one that h2 holds may still leave.
    fn reached(&self) -> Reached {
        match (self.opened, &self.headers) {
            (false, _) => Reached::No,
            (true, None) => Reached::Maybe,
            (true, Some(_)) => Reached::Yes,
        }
    }

    fn close_attempt(&mut self, failure: Option<&Failure>) {
        // A request that did not leave, and a caller who gave up, say nothing of the server.
        let is_servers = self.opened && failure.is_some_and(|failure| failure.cause() != Cause::CancelledByCaller);
        if let Some(charge) = self.charge.take().filter(|_| is_servers) {
            charge.ended(false);
        }
        let attempt = Attempt {
            address: self.peer.clone(),
            peer: self.peer.clone(),
            code: failure.map(Failure::code),
            cause: failure.map(Failure::cause),
            ..Attempt::default()
        };
        self.attempts.push(attempt);
    }
}
