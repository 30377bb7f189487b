//! Does what the machine decides.
use super::{
    Fleet, Lane, Lanes, News, Signal, Status, SubId,
    machine::{Effect, Event, Readiness, State, step},
    pace::{Due, Pace},
    pool::Pool,
    task::{Report, Stage, connect},
};
use crate::{
    clock::{self, Instant},
    failure::{Attempt, Evidence, Failure, Phase, Reached, ShownTarget, Situation, diagnose},
    options::{BackoffOptions, CONNECT_TIMEOUT, PlantedPanic},
    rt,
    transport::{Address, Connection, DialFailed, DialPhase, DialSpec, Keepalive, Limits, TlsSource},
};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU32},
    time::Duration,
};
use tokio::sync::mpsc::UnboundedSender;

/// What all subchannels of a channel share.
pub(crate) struct Setup {
    pub(crate) rt: rt::Handle,
    pub(crate) target: ShownTarget,
    pub(crate) authority: Arc<str>,
    pub(crate) tls: Option<Arc<dyn TlsSource>>,
    pub(crate) connect_timeout: Duration,
    pub(crate) limits: Limits,
    /// Of the connections to come.
    pub(crate) keepalive: Mutex<Option<Keepalive>>,
    pub(crate) backoff: BackoffOptions,
    /// Over which the first attempts after a loss are spread; zero: not at all.
    pub(crate) reconnect_window: Duration,
    /// Connections that an address may have (gRFC A105).
    pub(crate) most_connections: Arc<AtomicU32>,
    pub(crate) signals: UnboundedSender<Signal>,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) planted: PlantedPanic,
}

impl Setup {
    fn spec(&self, address: &Address, timeout: Duration) -> DialSpec {
        DialSpec {
            address: address.clone(),
            authority: self.authority.clone(),
            tls: self.tls.clone(),
            timeout,
            limits: self.limits,
            keepalive: *self.keepalive(),
            planted: self.planted.clone(),
        }
    }

    /// A server complained about pings after this much silence (gRFC A8). Several connections may bring the same complaint.
    pub(crate) fn calm_keepalive(&self, time: Duration) {
        let mut rule = self.keepalive();
        *rule = rule.map(|rule| if rule.time <= time { rule.calmer() } else { rule });
    }

    fn keepalive(&self) -> MutexGuard<'_, Option<Keepalive>> {
        self.keepalive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slow link gets longer with each attempt (doc/connection-backoff.md), unless the program wants to know sooner
    /// than that document's own minimum.
    fn dial_timeout(&self, wait: Duration) -> Duration {
        if self.connect_timeout < CONNECT_TIMEOUT { self.connect_timeout } else { self.connect_timeout.max(wait) }
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("target", &self.target).finish_non_exhaustive()
    }
}

/// One address. Owned and driven by the controller; dropping it abandons the attempt and drains the connections.
#[derive(Debug)]
pub(crate) struct Subchannel {
    id: SubId,
    address: Address,
    setup: Arc<Setup>,
    state: State,
    pool: Arc<Pool>,
    /// The oldest first.
    members: Vec<Member>,
    attempt: u64,
    /// Of the attempt that is under way.
    task: Option<rt::JoinHandle<()>>,
    phase: DialPhase,
    failure: Option<Failure>,
    pace: Pace,
}

/// One connection that takes calls.
#[derive(Debug)]
struct Member {
    lane: Lane,
    made_by: u64,
    /// Until then only an answer proves that there is a server; absent: that is proved.
    on_trial_until: Option<Instant>,
}

impl Member {
    fn is_proved(&self, now: Instant) -> bool {
        self.on_trial_until.is_none_or(|until| until <= now) || self.lane.connection().has_answered()
    }
}

impl Subchannel {
    pub(crate) fn new(id: SubId, address: Address, setup: Arc<Setup>) -> Subchannel {
        Subchannel {
            id,
            address,
            state: State::IDLE,
            pool: Pool::new(id, setup.signals.clone(), setup.most_connections.clone()),
            members: Vec::new(),
            attempt: 0,
            task: None,
            phase: DialPhase::Connect,
            failure: None,
            pace: Pace::new(&setup.backoff, setup.reconnect_window),
            setup,
        }
    }

    /// Somebody needs a connection here.
    pub(crate) fn want(&mut self) -> Option<Status> {
        self.take(Event::Wanted)
    }

    /// Ends the wait before the next attempt.
    pub(crate) fn reset_backoff(&mut self) -> Option<Status> {
        let status = self.take(Event::BackoffReset);
        self.pool.ask_again();
        status
    }

    /// Gives the connections up for new calls, as if the peer had drained them, and what is on its way altogether.
    pub(crate) fn network_changed(&mut self) -> Option<Status> {
        self.take(Event::NetworkChanged)
    }

    /// What a task of this subchannel, or a call that waits there, tells.
    pub(crate) fn hear(&mut self, attempt: u64, news: News) -> Option<Status> {
        match news {
            News::Crowded => {
                self.judge();
                let most = self.pool.heard();
                self.take(Event::Crowded { most })
            }
            News::Gone(end) => self.gone(attempt, end),
            // An attempt that was given up long ago.
            News::Entered(_) | News::Dialled(_) if attempt != self.attempt => None,
            News::Entered(phase) => {
                self.phase = phase;
                None
            }
            News::Dialled(Ok(connection)) => {
                self.task = None; // it goes on with the connection
                let lane = self.pool.lane(connection);
                self.members.push(Member { lane, made_by: attempt, on_trial_until: Some(self.pace.not_before()) });
                self.show_lanes();
                self.take(Event::Connected);
                Some(self.ready())
            }
            News::Dialled(Err(failed)) => {
                self.failure = Some(self.failure(*failed));
                self.take(Event::Failed)
            }
        }
    }

    /// When [`Subchannel::tick`] has something to do.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.pace.due()
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Instant) -> Option<Status> {
        match self.pace.tick(now)? {
            Due::Dial => {
                self.dial();
                None
            }
            Due::BackoffOver => {
                let status = self.take(Event::BackoffOver);
                self.pool.ask_again();
                status
            }
        }
    }

    /// What the attempt is doing, while there is one.
    pub(crate) fn phase(&self) -> Option<Phase> {
        if self.state.readiness() != Readiness::Connecting {
            return None;
        }
        Some(if self.pace.is_held() { Phase::Backoff } else { phase(self.phase) })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Notes which connections have proved themselves since the last look.
    fn judge(&mut self) {
        let now = clock::now();
        let mut has_news = false;
        for member in &mut self.members {
            has_news |= member.is_proved(now) && member.on_trial_until.take().is_some();
        }
        if has_news {
            self.take(Event::Proved);
        }
    }

    fn gone(&mut self, attempt: u64, end: Option<Evidence>) -> Option<Status> {
        let at = self.members.iter().position(|member| member.made_by == attempt)?;
        let member = self.members.remove(at);
        let connection = member.lane.connection();
        let proved = member.is_proved(clock::now()) || lets_calls_finish(connection, end.as_ref());
        connection.drain();
        self.show_lanes();
        if proved {
            self.take(Event::Proved);
        }
        if self.members.is_empty() {
            self.pace.lost(!matches!(end, None | Some(Evidence::GoAway { code: 0, .. })));
        }
        if let Some(end) = end.filter(|_| !proved) {
            self.failure = Some(self.attempt_failed(without_call(end), Phase::Settings, true, Vec::new()));
        }
        self.take(Event::Gone { proved }).or_else(|| (!self.members.is_empty()).then(|| self.ready()))
    }

    fn ready(&self) -> Status {
        Status::Ready(self.lanes())
    }

    fn lanes(&self) -> Lanes {
        self.members.iter().map(|member| member.lane.clone()).collect()
    }

    fn show_lanes(&self) {
        self.pool.set(self.lanes());
    }

    /// The news for the policy, if there is any.
    fn take(&mut self, event: Event) -> Option<Status> {
        let before = self.state.readiness();
        let (next, effects) = step(self.state, event);
        self.state = next;
        effects.iter().for_each(|effect| self.apply(*effect));
        match next.readiness() {
            after if after == before => None,
            Readiness::Idle => Some(Status::Idle),
            Readiness::Connecting => Some(Status::Connecting),
            Readiness::Ready => Some(self.ready()),
            Readiness::Failed => self.failure.clone().map(Status::Failed),
        }
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Dial => {
                if !self.pace.hold() {
                    self.dial();
                }
            }
            Effect::Abandon => self.abandon(),
            Effect::Wait => self.pace.rest(),
            Effect::StopWaiting => self.pace.stop(),
            Effect::ForgetFailures => {
                if self.pace.forget() {
                    self.dial();
                }
            }
            Effect::Release => {
                self.members.drain(..).for_each(|member| member.lane.connection().drain());
                self.show_lanes();
            }
        }
    }

    fn dial(&mut self) {
        let wait = self.pace.began();
        self.attempt += 1;
        self.phase = DialPhase::Connect;
        let spec = self.setup.spec(&self.address, self.setup.dial_timeout(wait));
        let report =
            Report { id: self.id, attempt: self.attempt, signals: self.setup.signals.clone(), stage: Stage::Dialling };
        let task = connect(spec, report, self.setup.fleet.clone());
        self.task = Some(self.setup.rt.spawn("subchannel.connection", task));
    }

    fn abandon(&mut self) {
        self.attempt += 1; // what it still tells is of no interest
        self.pace.stop();
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }

    fn failure(&self, failed: DialFailed) -> Failure {
        let DialFailed { evidence, phase: at, timings } = failed;
        let connected = matches!(at, DialPhase::Tls | DialPhase::Settings);
        let mut elapsed = vec![(phase(self.address.first_phase()), timings.connect)];
        if self.setup.tls.is_some() && connected {
            elapsed.push((Phase::Tls, timings.tls));
        }
        if at == DialPhase::Settings {
            elapsed.push((Phase::Settings, timings.settings));
        }
        self.attempt_failed(evidence, phase(at), connected, elapsed)
    }

    fn attempt_failed(
        &self,
        evidence: Evidence,
        phase: Phase,
        connected: bool,
        elapsed: Vec<(Phase, Duration)>,
    ) -> Failure {
        let address: Arc<str> = self.address.to_string().into();
        let peer = connected.then(|| address.clone());
        let situation = Situation {
            reached: Some(Reached::No),
            phase: Some(phase),
            target: Some(self.setup.target.clone()),
            peer: peer.clone(),
            via_proxy: self.address.via_proxy(),
            ..Situation::default()
        };
        let mut failure = diagnose(evidence, situation);
        let (code, cause) = (Some(failure.code()), Some(failure.cause()));
        let (delay, next) = (self.pace.waited(), Some(self.pace.next()));
        let record = failure.record_mut();
        record.elapsed.clone_from(&elapsed);
        record.attempts = [Attempt { address: Some(address), peer, code, cause, delay, next, elapsed }].into();
        failure
    }
}

impl Drop for Subchannel {
    fn drop(&mut self) {
        self.take(Event::Dropped);
    }
}

/// Whether a connection drains as it should: a peer that finishes what it accepted has served, though nothing came yet.
fn lets_calls_finish(connection: &Connection, end: Option<&Evidence>) -> bool {
    match end {
        None => true,
        Some(Evidence::GoAway { code: 0, last_stream: 1.., .. }) => connection.has_streams(),
        Some(_) => false,
    }
}

/// The end of a connection as it concerns calls that were never on it.
fn without_call(end: Evidence) -> Evidence {
    match end {
        Evidence::GoAway { code, last_stream, debug, pings, .. } => {
            Evidence::GoAway { code, last_stream, debug, unprocessed: true, pings }
        }
        other => other,
    }
}

fn phase(phase: DialPhase) -> Phase {
    match phase {
        DialPhase::Connect => Phase::Connect,
        DialPhase::Proxy => Phase::Proxy,
        DialPhase::Tls => Phase::Tls,
        DialPhase::Settings => Phase::Settings,
    }
}
