//! The one serial task of a channel: resolver, policy and subchannels meet here and nowhere else.
use super::{
    checks::Checks,
    lookups::Lookups,
    orders::{CONNECT, NETWORK_CHANGED, Orders, QUIT, RESET_BACKOFF},
    selection::{Heard, Selection, most_connections},
    unusable::{broken, closed},
};
use crate::{
    balance::{
        self, ConnectivityState, Effect, Endpoint, Event, Failing, Handover, PickerCell, Policy, Queueing, Update,
        Waiting, in_state,
    },
    call::ServiceConfigs,
    clock::{self, Instant},
    failure::{Evidence, Failure, Phase},
    health::{Health, Report, Said},
    observe::{Level, LogSink},
    options::{ChannelOptions, ServiceConfig},
    resolve::Resolved,
    rt,
    subchannel::{News, Setup, Signal, Status, SubId, Subchannel},
};
use std::{
    collections::{BTreeMap, VecDeque},
    future::pending,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{sync::mpsc::UnboundedReceiver, time::sleep_until};

/// Activity is looked at this often per idle timeout; the channel goes idle at most one share late.
const IDLE_SHARES: u32 = 4;

/// What the controller shows to the channel's calls and handles.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) cell: PickerCell,
    pub(super) configs: Arc<ServiceConfigs>,
    pub(super) orders: Arc<Orders>,
}

/// Everything that belongs to a running channel.
#[derive(Debug)]
pub(super) struct Controller {
    setup: Arc<Setup>,
    options: Arc<ChannelOptions>,
    cell: PickerCell,
    configs: Arc<ServiceConfigs>,
    orders: Arc<Orders>,
    signals: UnboundedReceiver<Signal>,
    lookups: Lookups,
    checks: Checks,
    selection: Selection,
    policy: Handover,
    subs: BTreeMap<SubId, Subchannel>,
    state: ConnectivityState,
    /// What stands in the way, in this state.
    problem: Option<Failure>,
    /// Shares of the idle timeout that passed without a call; absent while the channel is idle.
    quiet: Option<(u32, Instant)>,
    log: LogSink,
}

impl Controller {
    #[allow(clippy::too_many_arguments)] // each is one part
    pub(super) fn new(
        setup: Arc<Setup>,
        options: Arc<ChannelOptions>,
        shared: Shared,
        signals: UnboundedReceiver<Signal>,
        lookups: Lookups,
        checks: Checks,
        selection: Selection,
        log: LogSink,
    ) -> Controller {
        let Shared { cell, configs, orders } = shared;
        Controller {
            policy: Handover::new(policy(&selection.now(), &checks)),
            setup,
            options,
            cell,
            configs,
            orders,
            signals,
            lookups,
            checks,
            selection,
            subs: BTreeMap::new(),
            state: ConnectivityState::Idle,
            problem: None,
            quiet: None,
            log,
        }
    }

    /// Runs until the channel is closed or dropped.
    pub(super) async fn run(mut self) {
        let _counted = self.setup.fleet.task();
        loop {
            let due = self.due();
            tokio::select! {
                biased;
                orders = self.orders.take() => if self.obey(orders) { return },
                Some(signal) = self.signals.recv() => self.hear(signal),
                answer = self.lookups.answer() => self.resolved(answer),
                report = self.checks.report() => self.judged(report),
                () = self.cell.demanded() => self.exit_idle(),
                () = until(due) => self.tick(clock::now()),
            }
            self.show_waiting();
        }
    }

    /// Whether it is over.
    fn obey(&mut self, orders: u8) -> bool {
        let has = |order| orders & order != 0;
        if has(QUIT) {
            return true;
        }
        if has(RESET_BACKOFF | NETWORK_CHANGED) {
            self.reset_backoff();
        }
        if has(NETWORK_CHANGED) && self.quiet.is_some() {
            self.lookups.network_changed();
            let statuses = self.each_sub(Subchannel::network_changed);
            self.feed_all(statuses);
            self.exit_idle();
        }
        if has(CONNECT) {
            self.exit_idle();
        }
        false
    }

    fn exit_idle(&mut self) {
        if self.quiet.is_none() {
            self.quiet = Some((0, clock::now() + self.idle_share()));
            self.lookups.want();
            self.lookups.tick(clock::now());
        }
        self.feed(Event::ExitIdle);
    }

    fn reset_backoff(&mut self) {
        if self.lookups.due(clock::now()).is_some() && self.state == ConnectivityState::TransientFailure {
            self.lookups.hurry();
        }
        let statuses = self.each_sub(Subchannel::reset_backoff);
        self.feed_all(statuses);
    }

    fn hear(&mut self, signal: Signal) {
        self.note_end(&signal);
        let Some(sub) = self.subs.get_mut(&signal.id) else { return };
        if let Some(mut status) = sub.hear(signal.attempt, signal.news) {
            if let (Status::Failed(failure), Some(age)) = (&mut status, self.lookups.age()) {
                failure.note_resolved_age(age);
            }
            self.feed(Event::Changed(signal.id, status));
        }
    }

    fn resolved(&mut self, answer: Result<Resolved, Failure>) {
        match answer {
            Ok(resolved) => {
                let before = self.selection.now();
                match self.selection.hear(resolved.service_config) {
                    Heard::Keep => {}
                    Heard::Change(config) => self.follow(&before, config),
                    Heard::Rejected(evidence) => self.note_rejected(evidence),
                    Heard::FallBack(config, evidence) => {
                        self.note_rejected(evidence);
                        self.follow(&before, config);
                    }
                    Heard::Failed(evidence) => {
                        let failure = self.lookups.refuse(evidence);
                        return self.unresolved(failure);
                    }
                }
                self.lookups.accept(resolved.at);
                let endpoints = resolved.addresses.into_iter().map(Endpoint::from).collect();
                self.feed(Event::Resolved(endpoints));
            }
            Err(failure) => self.unresolved(failure),
        }
    }

    fn judged(&mut self, report: Report) {
        let health = match report.said {
            Said::Health(health) => health,
            Said::Unimplemented => {
                let address = self.subs.get(&report.id).map(|sub| sub.address().to_string()).unwrap_or_default();
                self.log.log(Level::Error, || format!("{address} has no health service: taken for healthy"));
                Health::Serving
            }
        };
        if let Health::Failing(failure) = &health {
            self.log.log(Level::Warn, || failure.line());
        }
        self.feed(Event::Health(report.id, health));
    }

    fn unresolved(&mut self, failure: Failure) {
        self.log.log(Level::Warn, || failure.line());
        self.feed(Event::Unresolved(failure));
    }

    /// Another service config counts. Calls see it before they can be given a connection by its policy.
    fn follow(&mut self, before: &ServiceConfig, config: Arc<ServiceConfig>) {
        if *before != *config {
            self.log.log(Level::Info, || "the service config has changed".to_owned());
        }
        self.configs.select(config.clone());
        self.setup.most_connections.store(most_connections(&self.options, &config), Relaxed);
        let of_policy =
            |config: &ServiceConfig| (config.load_balancing_config.clone(), config.health_check_config.clone());
        if of_policy(before) != of_policy(&config) {
            self.checks.configure(&config);
            let effects = self.policy.switch(policy(&config, &self.checks), clock::now());
            self.carry_out(effects);
        }
    }

    fn note_rejected(&self, evidence: Evidence) {
        let line = || format!("a service config is rejected, the last one stays: {}", Failure::from(evidence).line());
        self.log.log(Level::Warn, line);
    }

    fn tick(&mut self, now: Instant) {
        self.lookups.tick(now);
        let statuses = self.each_sub(|sub| sub.tick(now));
        self.feed_all(statuses);
        if self.policy.due().is_some_and(|due| due <= now) {
            self.feed(Event::Tick);
        }
        self.watch_idleness(now);
    }

    fn due(&self) -> Option<Instant> {
        let subs = self.subs.values().filter_map(Subchannel::due);
        let idle = self.quiet.map(|(_, at)| at);
        subs.chain(self.lookups.due(clock::now())).chain(idle).chain(self.policy.due()).min()
    }

    fn each_sub(&mut self, mut act: impl FnMut(&mut Subchannel) -> Option<Status>) -> Vec<(SubId, Status)> {
        self.subs.iter_mut().filter_map(|(id, sub)| Some((*id, act(sub)?))).collect()
    }

    fn feed_all(&mut self, statuses: Vec<(SubId, Status)>) {
        for (id, status) in statuses {
            self.feed(Event::Changed(id, status));
        }
    }

    /// Gives the policy an event, and carries out what it wants; what that changes is fed back.
    fn feed(&mut self, event: Event) {
        let effects = self.tell(event);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        let (mut effects, mut events) = (effects, VecDeque::new());
        loop {
            let brought_about = effects.into_iter().filter_map(|effect| self.apply(effect));
            events.extend(brought_about.map(|(id, status)| Event::Changed(id, status)));
            let Some(event) = events.pop_front() else { return };
            effects = self.tell(event);
        }
    }

    fn tell(&mut self, event: Event) -> Vec<Effect> {
        if let Event::Changed(id, status) = &event {
            self.note(*id, status);
            self.checks.follow(*id, status);
        }
        self.policy.on(event, clock::now())
    }

    fn apply(&mut self, effect: Effect) -> Option<(SubId, Status)> {
        match effect {
            Effect::Create(id, address) => {
                self.subs.insert(id, Subchannel::new(id, address, self.setup.clone()));
            }
            Effect::Connect(id) => return Some((id, self.subs.get_mut(&id)?.want()?)),
            Effect::Drop(id) => {
                self.checks.forget(id);
                self.subs.remove(&id);
            }
            Effect::Resolve => self.lookups.want(),
            Effect::Publish(Update { state, picker, problem }) => {
                (self.state, self.problem) = (state, problem.map(|problem| in_state(problem, state)));
                // First what is waited for: who wakes up by the picker reads it.
                self.show_waiting();
                self.cell.publish(state, picker);
            }
        }
        None
    }

    fn note_end(&self, signal: &Signal) {
        let News::Gone(end) = &signal.news else { return };
        let level = match end {
            None | Some(Evidence::GoAway { code: 0, .. }) => Level::Debug,
            Some(Evidence::GoAway { pings: Some(time), .. }) => {
                self.setup.calm_keepalive(*time);
                Level::Warn
            }
            Some(_) => Level::Info,
        };
        self.log.log(level, || match end {
            None => "a connection drains".to_owned(),
            Some(evidence) => format!("disconnected: {}", Failure::from(evidence.clone()).line()),
        });
    }

    fn note(&self, id: SubId, status: &Status) {
        let address = || self.subs.get(&id).map(|sub| sub.address().to_string()).unwrap_or_default();
        match status {
            Status::Ready(_) => self.log.log(Level::Info, || format!("connected to {}", address())),
            Status::Failed(failure) => self.log.log(Level::Warn, || failure.line()),
            Status::Idle | Status::Connecting => {}
        }
    }

    fn show_waiting(&self) {
        let dialling = self.subs.values().find_map(Subchannel::phase);
        let phase = match dialling {
            Some(phase) => phase,
            None if self.lookups.is_waiting() => Phase::Resolve,
            // Without an address there is nothing to wait before.
            None if self.state == ConnectivityState::TransientFailure && !self.subs.is_empty() => Phase::Backoff,
            None => Phase::Pick,
        };
        self.cell.set_waiting(Waiting { phase, problem: self.problem.clone() });
    }

    // --- idleness (gRFC A62)

    fn idle_share(&self) -> Duration {
        Duration::from_millis(self.options.idle_timeout_ms) / IDLE_SHARES
    }

    fn watch_idleness(&mut self, now: Instant) {
        let Some((quiet, at)) = self.quiet else { return };
        if now < at {
            return;
        }
        let busy = self.cell.take_activity() || self.has_calls();
        let quiet = if busy { 0 } else { quiet + 1 };
        self.quiet = Some((quiet, now + self.idle_share()));
        if quiet >= IDLE_SHARES {
            self.enter_idle();
        }
    }

    fn has_calls(&self) -> bool {
        let stats = self.setup.fleet.stats();
        stats.streams > stats.asking
    }

    fn enter_idle(&mut self) {
        self.log.log(Level::Debug, || "no call for the idle timeout: disconnecting".to_owned());
        self.quiet = None;
        self.lookups.stop(&self.options);
        self.checks.forget_all();
        self.policy.restart(policy(&self.selection.now(), &self.checks));
        self.subs.clear();
        (self.state, self.problem) = (ConnectivityState::Idle, None);
        self.show_waiting();
        self.cell.publish(ConnectivityState::Idle, Arc::new(Queueing));
    }
}

/// However the task ends, no call waits for it in vain.
impl Drop for Controller {
    fn drop(&mut self) {
        let target = &self.setup.target;
        let failure = rt::panicked().map_or_else(|| closed(target), |site| broken(target, site));
        self.cell.publish(ConnectivityState::Shutdown, Arc::new(Failing(failure)));
    }
}

fn policy(config: &ServiceConfig, checks: &Checks) -> Box<dyn Policy> {
    balance::policy(&config.load_balancing_config.clone().unwrap_or_default(), checks.are_on())
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}
