//! What is known of a call while it runs: enough to say, whenever it ends, what failed, where, and whether the server
//! may have seen it.
mod state;

use super::{Context, Deadline, Failed, Reply, Request};
use crate::{
    balance::Charge,
    clock::{self, Instant},
    failure::{self, Detail, Evidence, Failure, Phase, Reached, RetryStopped, Situation, StreamFacts, diagnose},
    metadata::Metadata,
    observe::Timeline,
    retry::{By, Ended},
    status::{Decoded, DetailsBin},
    transport::{Connection, Message, StreamFault},
};
use http::HeaderMap;
use state::State;
use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

/// Shared by the call's work and the guard that may end it at any moment.
pub(crate) struct Trace {
    context: Arc<Context>,
    method: Arc<str>,
    state: Mutex<State>,
}

/// How one attempt ended without success.
pub(crate) struct Fault {
    pub(crate) failed: Box<Failed>,
    pub(crate) by: By,
}

impl Trace {
    pub(crate) fn new(context: &Arc<Context>, request: &Request) -> Self {
        let method = request.method.path.clone();
        let timeline = Timeline::start(request.started, &method, context.listener.as_ref());
        Trace { context: context.clone(), state: Mutex::new(State::new(timeline, request.deadline)), method }
    }

    /// Adds an attempt that races with those before, `delay` after the last of them.
    pub(crate) fn race(&self, delay: Duration) -> Arc<Trace> {
        let mut state = self.lock();
        let previous = state.racing.len() as u32;
        if previous > 0 {
            state.timeline.attempt(previous + 1);
        }
        let timeline = Timeline::start(clock::now(), &self.method, None);
        let racer = Arc::new(Trace {
            context: self.context.clone(),
            state: Mutex::new(State { previous, delay, ..State::new(timeline, state.deadline) }),
            method: self.method.clone(),
        });
        state.racing.push(racer.clone());
        racer
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

    /// A failed attempt is followed by another: at once, or after a wait where a policy wants it.
    pub(crate) fn again(&self, fault: &Fault, wait: Option<Duration>) {
        let mut state = self.lock();
        state.close_attempt(Some(&fault.failed.failure));
        state.opened = false;
        state.headers = None;
        (state.peer, state.via_proxy) = (None, None);
        state.reached_before = state.reached_before.max(fault.failed.failure.record().reached);
        state.before = Some(fault.failed.failure.clone());
        state.delay = wait.unwrap_or_default();
        state.previous += u32::from(wait.is_some());
        let phase = if state.delay.is_zero() { Phase::Pick } else { Phase::Backoff };
        state.timeline.enter(phase);
    }

    /// The wait is over.
    pub(crate) fn next_attempt(&self) {
        let mut state = self.lock();
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

    /// One of the racing attempts succeeded.
    pub(crate) fn won(&self, reply: Reply) -> Reply {
        let mut state = self.lock();
        state.timeline.ended(0);
        state.ended = true;
        let others: usize = state.racing.iter().map(|racer| racer.lock().all_attempts().len()).sum();
        Reply { attempts: others as u32 + 1, ..reply }
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

    // --- how it ends

    /// What a layer below saw ends the attempt.
    pub(crate) fn fault(&self, evidence: Evidence, reached: Reached) -> Fault {
        let state = self.lock();
        let failure = diagnose(evidence, self.situation(&state, reached));
        Fault { failed: self.failed(&state, failure), by: By::Other }
    }

    /// The attempt outlasted its own time.
    pub(crate) fn timed_out(&self, budget: Duration) -> Fault {
        let reached = self.reached();
        Fault { by: By::Time, ..self.fault(Evidence::Deadline { budget, already_past: false }, reached) }
    }

    /// The transport ended the attempt. What is our own doing would end the next one, too.
    pub(crate) fn broken(&self, fault: StreamFault) -> Fault {
        let own = matches!(*fault.evidence, Evidence::RequestTooLarge { .. } | Evidence::Core { .. });
        let by = if own { By::Other } else { By::Transport };
        Fault { by, ..self.fault(*fault.evidence, fault.reached) }
    }

    /// No connection could be picked.
    pub(crate) fn unpicked(&self, failure: Failure) -> Fault {
        let state = self.lock();
        Fault { failed: self.failed(&state, failure), by: By::Other }
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
        Fault { failed, by: By::Status(answer.pushback) }
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
        state.close(&fault);
        let mut failed = fault.failed;
        self.fill(&mut state, failed.failure.record_mut());
        failed.failure.record_mut().retry_stopped = why;
        failed.attempts = state.attempts.len() as u32;
        failed
    }

    /// One of several racing attempts failed, and others go on.
    pub(crate) fn close(&self, fault: &Fault) {
        self.lock().close(fault);
    }

    /// The failure of one of the racing attempts becomes the call's.
    pub(crate) fn lost(&self, racer: &Trace, fault: Fault, why: Option<RetryStopped>) -> Box<Failed> {
        self.adopt(racer.ended(fault, why))
    }

    /// A stop from outside: deadline or cancel. Of racing attempts, the one that came furthest tells of it.
    fn stopped(&self, evidence: Evidence) -> Box<Failed> {
        let racing = self.lock().racing.clone();
        let running = racing.iter().filter(|racer| !racer.lock().ended);
        if let Some(racer) = running.max_by_key(|racer| racer.reached()) {
            return self.adopt(racer.stopped(evidence));
        }
        let mut state = self.lock();
        let reached = state.reached();
        let underlying = state.underlying.clone().or(state.before.clone());
        let failure = diagnose(evidence, Situation { underlying, ..self.situation(&state, reached) });
        if racing.is_empty() {
            if state.ended {
                state.attempts.pop(); // the last attempt had ended in another way, which this one takes the place of
            }
            state.close_attempt(Some(&failure));
        }
        let mut failed = self.failed(&state, failure);
        failed.attempts = state.attempts.len() as u32;
        self.fill(&mut state, failed.failure.record_mut());
        drop(state);
        if racing.is_empty() { failed } else { self.adopt(failed) }
    }

    /// A failure of one racing attempt, with what is known of the others.
    fn adopt(&self, mut failed: Box<Failed>) -> Box<Failed> {
        let mut state = self.lock();
        let record = failed.failure.record_mut();
        let reached = state.racing.iter().map(|racer| racer.lock().reached_at_all()).max();
        record.raise(reached.unwrap_or(Reached::No), state.racing.iter().any(|racer| racer.lock().is_risky()));
        record.attempts = state.racing.iter().flat_map(|racer| racer.lock().all_attempts()).collect();
        failed.attempts = record.attempts.len() as u32;
        if !std::mem::replace(&mut state.ended, true) {
            state.timeline.ended(record.code.as_u8());
        }
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
        record.raise(state.reached_before, state.risky);
        record.stream = state.opened.then_some(state.stream);
        record.elapsed = state.timeline.spent();
        if record.attempts.is_empty() {
            record.attempts = state.attempts.as_slice().into();
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

impl Fault {
    /// What the record claims, which is all that a decision sees.
    pub(crate) fn reached(&self) -> Reached {
        self.failed.failure.record().reached
    }

    /// What a retry hangs on.
    pub(crate) fn ended(&self, committed: bool) -> Ended {
        let record = self.failed.failure.record();
        let not_before = record.details.iter().find_map(|detail| match detail {
            Detail::RetryInfo(info) => Some(Duration::from_millis(info.retry_delay_ms)),
            _ => None,
        });
        Ended {
            by: self.by,
            reached: record.reached,
            committed,
            code: record.code,
            origin: record.origin,
            advice: record.retry,
            not_before: not_before.unwrap_or_default(),
        }
    }
}
