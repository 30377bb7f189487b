//! A connection to every address, and calls to all of them: `round_robin`, and `least_request` (gRFC A48).
//!
//! The channel is READY while any address is, and fails when all do; an address that failed counts as failing until it is
//! READY again. One that is lost is connected to anew at once, as its backoff allows.
use super::{
    ConnectivityState, Effect, Endpoint, Event, Failing, PickResult, Picked, Picker, Policy, Queueing, Update,
    addresses::unique,
    load::{Charge, Load},
    verdict::verdict,
};
use crate::{
    clock::{self, Instant},
    failure::Failure,
    health::Health,
    options::LeastRequestConfig,
    subchannel::{Lanes, Status, SubId, choose},
    transport::Address,
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// See the module.
#[derive(Debug)]
pub(super) struct Spread {
    rule: Rule,
    health_checks: bool,
    entries: Vec<Entry>,
    /// Subchannels so far.
    created: u64,
    /// Sets of connections so far.
    connected: u64,
    unresolved: Option<Failure>,
    /// What calls were told last.
    shown: Option<Shown>,
}

/// What makes one picker differ from another.
#[derive(Debug, PartialEq)]
struct Shown {
    state: ConnectivityState,
    ready: Vec<u64>,
    problem: Option<Failure>,
}

/// Which of the READY addresses gets a call.
#[derive(Clone, Debug)]
enum Rule {
    /// The next. The position outlives each picker, so that a change does not send everybody to the first.
    InTurn(Arc<AtomicUsize>),
    /// The least busy of this many, chosen at random.
    LeastBusy(usize),
}

#[derive(Debug)]
struct Entry {
    address: Address,
    sub: SubId,
    load: Option<Arc<Load>>,
    link: Link,
    health: Health,
    ejected: Option<Failure>,
    /// How it failed; until it is READY again.
    failure: Option<Failure>,
}

#[derive(Debug)]
enum Link {
    Down,
    Up { lanes: Lanes, number: u64 },
}

impl Entry {
    fn is_ready(&self) -> bool {
        matches!((&self.link, &self.health, &self.ejected), (Link::Up { .. }, Health::Serving, None))
    }

    /// Which of all connections calls use here.
    fn ready_number(&self) -> Option<u64> {
        match self.link {
            Link::Up { number, .. } if self.is_ready() => Some(number),
            _ => None,
        }
    }

    /// Why calls cannot use it, unless that is only not known yet.
    fn trouble(&self) -> Option<&Failure> {
        self.ejected.as_ref().or(self.failure.as_ref())
    }
}

impl Policy for Spread {
    fn on(&mut self, event: Event, _: Instant) -> Vec<Effect> {
        let mut out = Vec::new();
        match event {
            Event::Resolved(endpoints) => self.resolved(endpoints, &mut out),
            Event::Unresolved(failure) => self.unresolved = Some(failure),
            Event::Changed(id, status) => self.changed(id, status, &mut out),
            Event::Health(id, health) => self.judged(id, health),
            Event::Ejected(id, failure) => {
                if let Some(entry) = self.entry(id) {
                    entry.ejected = failure;
                }
            }
            // It is always connecting to what it knows.
            Event::ExitIdle | Event::Tick => {}
        }
        self.publish(&mut out);
        out
    }

    fn due(&self) -> Option<Instant> {
        None
    }
}

impl Spread {
    pub(super) fn round_robin(health_checks: bool) -> Spread {
        // Clients that start together do not all begin with the same address.
        let start = clock::roll(1 << 16);
        Spread::new(Rule::InTurn(Arc::new(AtomicUsize::new(start))), health_checks)
    }

    pub(super) fn least_request(config: LeastRequestConfig, health_checks: bool) -> Spread {
        Spread::new(Rule::LeastBusy(config.choice_count as usize), health_checks)
    }

    fn new(rule: Rule, health_checks: bool) -> Spread {
        Spread { rule, health_checks, entries: Vec::new(), created: 0, connected: 0, unresolved: None, shown: None }
    }

    fn resolved(&mut self, endpoints: Vec<Endpoint>, out: &mut Vec<Effect>) {
        self.unresolved = None;
        let mut old = std::mem::take(&mut self.entries);
        for Endpoint { address, load } in unique(endpoints) {
            if let Some(at) = old.iter().position(|entry| entry.address == address) {
                self.entries.push(old.swap_remove(at));
                continue;
            }
            self.created += 1;
            let sub = SubId(self.created);
            out.extend([Effect::Create(sub, address.clone()), Effect::Connect(sub)]);
            let health = self.first_health();
            let load = load.or_else(|| matches!(self.rule, Rule::LeastBusy(_)).then(Arc::default));
            self.entries.push(Entry { address, sub, load, link: Link::Down, health, ejected: None, failure: None });
        }
        out.extend(old.into_iter().map(|entry| Effect::Drop(entry.sub)));
    }

    fn changed(&mut self, id: SubId, status: Status, out: &mut Vec<Effect>) {
        let health = self.first_health();
        self.connected += 1;
        let number = self.connected;
        let Some(entry) = self.entry(id) else { return };
        match status {
            Status::Ready(lanes) => {
                // Asked once, however many connections the server has.
                if matches!(entry.link, Link::Down) {
                    entry.health = health;
                }
                entry.link = Link::Up { lanes, number };
            }
            Status::Connecting => entry.link = Link::Down,
            Status::Failed(failure) => {
                (entry.link, entry.failure) = (Link::Down, Some(failure));
                out.push(Effect::Resolve);
            }
            Status::Idle => {
                if matches!(std::mem::replace(&mut entry.link, Link::Down), Link::Up { .. }) {
                    out.push(Effect::Resolve);
                }
                out.push(Effect::Connect(id));
            }
        }
    }

    fn judged(&mut self, id: SubId, health: Health) {
        let Some(entry) = self.entry(id) else { return };
        if let Health::Failing(failure) = &health {
            entry.failure = Some(failure.clone());
        }
        entry.health = health;
    }

    fn first_health(&self) -> Health {
        if self.health_checks { Health::Unknown } else { Health::Serving }
    }

    fn entry(&mut self, id: SubId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.sub == id)
    }

    fn publish(&mut self, out: &mut Vec<Effect>) {
        self.entries.iter_mut().filter(|entry| entry.is_ready()).for_each(|entry| entry.failure = None);
        let seats: Vec<_> = self.entries.iter().filter_map(Seat::of).collect();
        let all_failed = self.entries.iter().all(|entry| entry.trouble().is_some());
        let problem = match &seats[..] {
            [] => verdict(self.entries.iter().filter_map(Entry::trouble), self.unresolved.as_ref()),
            _ => None,
        };
        let (state, picker): (_, Arc<dyn Picker>) = match &problem {
            Some(problem) if all_failed => {
                (ConnectivityState::TransientFailure, Arc::new(Failing::in_transient_failure(problem)))
            }
            None if !seats.is_empty() => (ConnectivityState::Ready, self.rule.picker(seats)),
            _ => (ConnectivityState::Connecting, Arc::new(Queueing)),
        };
        let shown = Shown { state, ready: self.entries.iter().filter_map(Entry::ready_number).collect(), problem };
        if self.shown.as_ref() != Some(&shown) {
            let update = Update { state, picker, problem: shown.problem.clone() };
            self.shown = Some(shown);
            out.push(Effect::Publish(update));
        }
    }
}

/// One address that takes calls.
#[derive(Debug)]
struct Seat {
    lanes: Lanes,
    load: Option<Arc<Load>>,
}

impl Seat {
    fn of(entry: &Entry) -> Option<Seat> {
        match &entry.link {
            Link::Up { lanes, .. } if entry.is_ready() => Some(Seat { lanes: lanes.clone(), load: entry.load.clone() }),
            _ => None,
        }
    }

    /// Nothing, when its connections have just begun to drain: the policy hears of it in a moment.
    fn pick(&self) -> Option<PickResult> {
        let lane = choose(&self.lanes)?.clone();
        Some(PickResult::Pick(Picked { lane, charge: self.load.as_ref().map(Charge::new) }))
    }
}

impl Rule {
    fn picker(&self, seats: Vec<Seat>) -> Arc<dyn Picker> {
        match self {
            Rule::InTurn(position) => Arc::new(InTurn { position: position.clone(), seats }),
            Rule::LeastBusy(choices) => Arc::new(LeastBusy { choices: *choices, seats }),
        }
    }
}

struct InTurn {
    position: Arc<AtomicUsize>,
    seats: Vec<Seat>,
}

impl Picker for InTurn {
    fn pick(&self) -> PickResult {
        first_from(&self.seats, self.position.fetch_add(1, Relaxed))
    }
}

struct LeastBusy {
    choices: usize,
    seats: Vec<Seat>,
}

impl Picker for LeastBusy {
    fn pick(&self) -> PickResult {
        let chosen = (0..self.choices)
            .filter_map(|_| self.seats.get(clock::roll(self.seats.len())))
            .min_by_key(|seat| seat.load.as_ref().map_or(0, |load| load.active()));
        chosen.and_then(Seat::pick).unwrap_or_else(|| first_from(&self.seats, clock::roll(self.seats.len())))
    }
}

fn first_from(seats: &[Seat], start: usize) -> PickResult {
    let count = seats.len();
    let in_turn = (0..count).filter_map(|step| seats.get(start.wrapping_add(step) % count));
    in_turn.into_iter().find_map(Seat::pick).unwrap_or(PickResult::Queue)
}
