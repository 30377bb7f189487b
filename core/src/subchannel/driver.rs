//! Does what the machine decides.
use super::{
    Fleet, News, Signal, Status, SubId,
    machine::{Effect, Event, State, step},
    task::{Report, Stage, connect},
};
use crate::{
    backoff::Backoff,
    clock::{self, Instant},
    failure::{Attempt, Failure, Phase, Reached, Situation, diagnose},
    options::{BackoffOptions, CONNECT_TIMEOUT},
    rt,
    transport::{Address, Connection, DialFailed, DialPhase, DialSpec, Keepalive, Limits, TlsSource},
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::mpsc::UnboundedSender;

/// What all subchannels of a channel share.
pub(crate) struct Setup {
    pub(crate) rt: rt::Handle,
    pub(crate) target: Arc<str>,
    pub(crate) authority: Arc<str>,
    pub(crate) tls: Option<Arc<dyn TlsSource>>,
    pub(crate) connect_timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) keepalive: Option<Keepalive>,
    pub(crate) backoff: BackoffOptions,
    pub(crate) signals: UnboundedSender<Signal>,
    pub(crate) fleet: Arc<Fleet>,
    /// Test only: the next connection's driver panics once it carries a call.
    pub(crate) panic_planted: AtomicBool,
}

impl Setup {
    fn spec(&self, address: &Address, timeout: Duration) -> DialSpec {
        DialSpec {
            address: address.clone(),
            authority: self.authority.clone(),
            tls: self.tls.clone(),
            timeout,
            limits: self.limits,
            keepalive: self.keepalive,
            plant_panic: self.panic_planted.swap(false, Relaxed),
        }
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

/// One address. Owned and driven by the controller; dropping it abandons the attempt and drains the connection.
#[derive(Debug)]
pub(crate) struct Subchannel {
    id: SubId,
    address: Address,
    setup: Arc<Setup>,
    state: State,
    backoff: Backoff,
    attempt: u64,
    task: Option<rt::JoinHandle<()>>,
    connection: Option<Connection>,
    phase: DialPhase,
    /// When the next attempt may begin, counted from the beginning of the last.
    not_before: Instant,
    waiting: bool,
    /// The wait before the attempt that is under way.
    waited: Duration,
    /// The wait that follows if it fails.
    wait: Duration,
}

impl Subchannel {
    pub(crate) fn new(id: SubId, address: Address, setup: Arc<Setup>) -> Subchannel {
        Subchannel {
            id,
            address,
            state: State::Idle,
            backoff: Backoff::new(&setup.backoff),
            setup,
            attempt: 0,
            task: None,
            connection: None,
            phase: DialPhase::Connect,
            not_before: clock::now(),
            waiting: false,
            waited: Duration::ZERO,
            wait: Duration::ZERO,
        }
    }

    /// Somebody needs a connection here.
    pub(crate) fn want(&mut self) -> Option<Status> {
        self.take(Event::Wanted)
    }

    /// Ends the wait after a failed attempt.
    pub(crate) fn reset_backoff(&mut self) -> Option<Status> {
        self.take(Event::BackoffReset)
    }

    /// Gives the connection up for new calls, as if the peer had drained it.
    pub(crate) fn leave(&mut self) -> Option<Status> {
        self.take(Event::Gone)
    }

    /// What a task of this subchannel tells.
    pub(crate) fn hear(&mut self, attempt: u64, news: News) -> Option<Status> {
        if attempt != self.attempt {
            return None; // a connection that was left long ago
        }
        match news {
            News::Entered(phase) => {
                self.phase = phase;
                None
            }
            News::Dialled(Ok(connection)) => {
                self.connection = Some(connection.clone());
                self.take(Event::Connected).map(|_| Status::Ready(connection))
            }
            News::Dialled(Err(failed)) => {
                let failure = self.failure(*failed);
                self.take(Event::Failed).map(|_| Status::Failed(failure))
            }
            News::Gone(_) => self.take(Event::Gone),
        }
    }

    /// When [`Subchannel::tick`] has something to do.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.waiting.then_some(self.not_before)
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Instant) -> Option<Status> {
        if !self.waiting || now < self.not_before {
            return None;
        }
        self.waiting = false;
        self.take(Event::BackoffOver)
    }

    /// What the attempt is doing, while there is one.
    pub(crate) fn phase(&self) -> Option<Phase> {
        (self.state == State::Connecting).then(|| phase(self.phase))
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// The news for the policy, if the state changed; the caller refines what carries a value.
    fn take(&mut self, event: Event) -> Option<Status> {
        let (next, effects) = step(self.state, event);
        let changed = next != self.state;
        self.state = next;
        effects.iter().for_each(|effect| self.apply(*effect));
        match next {
            State::Connecting if changed => Some(Status::Connecting),
            State::Idle | State::Ready | State::Backoff if changed => Some(Status::Idle),
            _ => None,
        }
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Dial => self.dial(),
            Effect::Abandon => self.abandon(),
            Effect::Wait => self.waiting = true,
            Effect::StopWaiting => self.waiting = false,
            Effect::ForgetFailures => {
                self.backoff.reset();
                self.wait = Duration::ZERO;
                self.not_before = clock::now();
            }
            Effect::Release => {
                if let Some(connection) = self.connection.take() {
                    connection.drain();
                }
            }
        }
    }

    fn dial(&mut self) {
        self.waited = self.wait;
        self.wait = self.backoff.next();
        self.not_before = clock::now() + self.wait;
        self.attempt += 1;
        self.phase = DialPhase::Connect;
        let spec = self.setup.spec(&self.address, self.setup.dial_timeout(self.wait));
        let report =
            Report { id: self.id, attempt: self.attempt, signals: self.setup.signals.clone(), stage: Stage::Dialling };
        let task = connect(spec, report, self.setup.fleet.clone());
        self.task = Some(self.setup.rt.spawn("subchannel.connection", task));
    }

    fn abandon(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }

    fn failure(&self, failed: DialFailed) -> Failure {
        let DialFailed { evidence, phase: at, timings } = failed;
        let address: Arc<str> = self.address.to_string().into();
        let peer = (at != DialPhase::Connect).then(|| address.clone());
        let mut failure = diagnose(
            evidence,
            Situation {
                reached: Some(Reached::No),
                phase: Some(phase(at)),
                target: Some(self.setup.target.clone()),
                peer: peer.clone(),
                ..Situation::default()
            },
        );
        let mut elapsed = vec![(Phase::Connect, timings.connect)];
        if self.setup.tls.is_some() && at != DialPhase::Connect {
            elapsed.push((Phase::Tls, timings.tls));
        }
        if at == DialPhase::Settings {
            elapsed.push((Phase::Settings, timings.settings));
        }
        let (code, cause) = (Some(failure.code()), Some(failure.cause()));
        let record = failure.record_mut();
        record.elapsed.clone_from(&elapsed);
        record.attempts = vec![Attempt { address: Some(address), peer, code, cause, delay: self.waited, elapsed }];
        failure
    }
}

impl Drop for Subchannel {
    fn drop(&mut self) {
        self.take(Event::Dropped);
    }
}

fn phase(phase: DialPhase) -> Phase {
    match phase {
        DialPhase::Connect => Phase::Connect,
        DialPhase::Tls => Phase::Tls,
        DialPhase::Settings => Phase::Settings,
    }
}
