//! What is known of one attempt while it runs: enough to say, whenever it ends, what failed, where, and whether the server
//! may have seen it. Attempts that follow each other share one, whose clock goes on; attempts that race have their own.
mod state;

use super::{
    fault::Fault,
    outcome::{Failed, Reply},
    request::Request,
};
use crate::{
    balance::Charge,
    clock::{self, Instant},
    failure::{Attempt, Evidence, Failure, Phase, Reached, Record, ShownTarget, Situation, StreamFacts, diagnose},
    metadata::Metadata,
    observe::{Listener, Timeline},
    response::Broken,
    retry::By,
    status::{Decoded, DetailsBin},
    transport::{Connection, Message, StreamFault},
};
use http::HeaderMap;
use state::State;
use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

/// Written by the attempt's work, read by whoever ends it.
pub(crate) struct Trace {
    target: ShownTarget,
    method: Arc<str>,
    state: Mutex<State>,
}

impl Trace {
    pub(super) fn new(target: &ShownTarget, request: &Request, listener: Option<&Arc<dyn Listener>>) -> Self {
        let method = request.method.path.clone();
        let timeline = Timeline::start(request.started, &method, listener);
        Trace { target: target.clone(), state: Mutex::new(State::new(timeline)), method }
    }

    /// An attempt of the same call that races with `previous` others, `delay` after the last of them.
    pub(super) fn racing(&self, previous: u32, delay: Duration) -> Self {
        let timeline = Timeline::start(clock::now(), &self.method, None);
        let state = State { previous, delay, ..State::new(timeline) };
        Trace { target: self.target.clone(), method: self.method.clone(), state: Mutex::new(state) }
    }

    // --- what happens

    pub(crate) fn enter(&self, phase: Phase) {
        self.lock().timeline.enter(phase);
    }

    /// Waiting for a connection, and what stood in the way last.
    pub(crate) fn waiting(&self, phase: Phase, problem: Option<Failure>) {
        let mut state = self.lock();
        state.timeline.enter(phase);
        if problem.is_some() {
            state.underlying = problem;
        }
    }

    /// A connection was picked. Returns the number of attempts before this one, transparent ones not counted.
    pub(crate) fn picked(&self, connection: &Connection, charge: Option<Charge>) -> u32 {
        let mut state = self.lock();
        state.peer = Some(connection.peer().clone());
        state.via_proxy = connection.via_proxy().cloned();
        state.charge = charge;
        state.underlying = None;
        state.previous
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
        state.committed = true;
        state.timeline.enter(Phase::Receive);
    }

    /// What was sent is no longer kept: no attempt can follow.
    pub(crate) fn commit(&self) {
        self.lock().committed = true;
    }

    pub(crate) fn is_committed(&self) -> bool {
        self.lock().committed
    }

    /// The server answered with OK.
    pub(crate) fn succeeded(&self, message: Option<Message>, trailers: HeaderMap) -> Reply {
        let mut state = self.lock();
        if let Some(charge) = state.charge.take() {
            charge.ended(true);
        }
        Reply {
            message,
            headers: state.headers.take().map(Metadata::from_headers).unwrap_or_default(),
            trailers: Metadata::from_headers(trailers),
            peer: state.peer.clone(),
            attempts: 1,
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

    /// What can be claimed of an attempt that ends now.
    pub(crate) fn reached(&self) -> Reached {
        self.lock().reached()
    }

    // --- how it fails

    /// What a layer below saw ends the attempt.
    pub(crate) fn fault(&self, evidence: Evidence, reached: Reached) -> Fault {
        let state = self.lock();
        let failure = diagnose(evidence, self.situation(&state, reached));
        Fault { failed: failed(&state, failure), by: By::Other }
    }

    /// The attempt outlasted its own time.
    pub(super) fn timed_out(&self, budget: Duration) -> Fault {
        let reached = self.reached();
        Fault { by: By::Time, ..self.fault(Evidence::Deadline { budget, already_past: false }, reached) }
    }

    /// The transport ended the attempt. What is our own doing would end the next one, too.
    pub(crate) fn broken(&self, fault: StreamFault) -> Fault {
        let own = matches!(*fault.evidence, Evidence::RequestTooLarge { .. } | Evidence::Core { .. });
        let by = if own { By::Other } else { By::Transport };
        Fault { by, ..self.fault(*fault.evidence, fault.reached) }
    }

    /// The response could not be read to its end.
    pub(super) fn unread(&self, broken: Broken) -> Fault {
        match broken {
            Broken::Transport(fault) => self.broken(fault),
            Broken::Response(evidence, reached) => self.fault(evidence, reached),
        }
    }

    /// Another number of messages came than the one.
    pub(super) fn cardinality(&self, received: u64) -> Fault {
        self.fault(Evidence::Cardinality { received }, Reached::Yes)
    }

    /// No connection could be picked.
    pub(crate) fn unpicked(&self, failure: Failure) -> Fault {
        Fault { failed: failed(&self.lock(), failure), by: By::Other }
    }

    /// The server answered with a status that is not OK.
    pub(crate) fn refused(&self, answer: Decoded, trailers: HeaderMap) -> Fault {
        let state = self.lock();
        let failure = answer.failure(self.situation(&state, Reached::Yes));
        let mut failed = failed(&state, failure);
        failed.details = answer.message;
        failed.status_details = match answer.details_bin {
            DetailsBin::Bytes(bytes) => Some(bytes),
            DetailsBin::Absent | DetailsBin::Malformed => None,
        };
        failed.trailers = Metadata::from_headers(trailers);
        Fault { failed, by: By::Status(answer.pushback) }
    }

    /// A stop from outside: deadline, cancel, panic. `before`: how the attempt before ended.
    pub(super) fn stopped(&self, evidence: Evidence, before: Option<Failure>) -> Box<Failed> {
        let state = self.lock();
        let underlying = state.underlying.clone().or(before);
        let failure = diagnose(evidence, Situation { underlying, ..self.situation(&state, state.reached()) });
        failed(&state, failure)
    }

    // --- for the ledger

    /// The attempt is over, and this is what the record tells of it, after those `before`. Without a failure: it was given
    /// up.
    pub(super) fn close(&self, failure: Option<&Failure>, before: &[Attempt]) -> Attempt {
        self.lock().close(failure, before)
    }

    /// Another attempt takes its place: at once, or after a wait where a policy wants it.
    pub(super) fn follow(&self, wait: Option<Duration>) {
        self.lock().follow(wait);
    }

    /// The wait is over.
    pub(super) fn begin(&self, number: u32) {
        let mut state = self.lock();
        state.timeline.attempt(number);
        state.timeline.enter(Phase::Pick);
    }

    /// Tells the listener that one more attempt races.
    pub(super) fn joined(&self, number: u32) {
        self.lock().timeline.attempt(number);
    }

    /// Tells the listener that the call is over.
    pub(super) fn over(&self, code: u8) {
        self.lock().timeline.ended(code);
    }

    /// What the record of its failure says of it beside the cause.
    pub(super) fn fill(&self, record: &mut Record) {
        let state = self.lock();
        record.method = Some(self.method.clone());
        record.target = Some(self.target.clone());
        record.stream = state.opened.then_some(state.stream);
        record.elapsed = state.timeline.spent();
    }

    fn situation(&self, state: &State, reached: Reached) -> Situation {
        Situation {
            reached: Some(reached),
            headers: state.headers.is_some(),
            phase: Some(state.timeline.phase()),
            method: Some(self.method.clone()),
            target: Some(self.target.clone()),
            peer: state.peer.clone(),
            via_proxy: state.via_proxy.clone(),
            ..Situation::default()
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

fn failed(state: &State, failure: Failure) -> Box<Failed> {
    Box::new(Failed {
        headers: state.headers.clone().map(Metadata::from_headers),
        peer: state.peer.clone(),
        ..Failed::local(failure)
    })
}
