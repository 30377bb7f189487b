//! One connection for all calls, to the first address that answers (gRFCs A61 and A62).
//!
//! A pass tries the addresses in order, the next one a little later although the last is still on its way ("happy
//! eyeballs", RFC 8305), and the first that answers wins. When each has failed once the channel is in TRANSIENT_FAILURE
//! and stays there until it is READY again, while each address is tried anew as its own backoff allows.
use super::{
    ConnectivityState, Effect, Endpoint, Event, Failing, PickResult, Picked, Picker, Policy, Queueing, Update,
    addresses::{interleaved, unique},
    verdict::verdict,
};
use crate::{
    clock::{Instant, Jitter},
    failure::Failure,
    options::PickFirstConfig,
    subchannel::{Lanes, Status, SubId, choose},
    transport::Address,
};
use std::{sync::Arc, time::Duration};

/// How long an attempt has the stage to itself (gRFC A61; RFC 8305 section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// See the module.
#[derive(Debug)]
pub(super) struct PickFirst {
    shuffle: bool,
    jitter: Jitter,
    /// The resolver's last answer, in its own order.
    listed: Vec<Address>,
    /// In the order in which they are tried.
    entries: Vec<Entry>,
    created: u64,
    /// While a pass is under way.
    pass: Option<Pass>,
    selected: Option<SubId>,
    /// TRANSIENT_FAILURE, until READY.
    failing: bool,
    /// Somebody needs a connection, and no address was known yet.
    wanted: bool,
    /// Attempts that failed since the last pass ended or the last lookup was asked for.
    failures: usize,
    /// The last lookup failed.
    unresolved: Option<Failure>,
}

#[derive(Debug)]
struct Pass {
    /// The entry that was tried last; the length of the list when all were.
    at: usize,
    /// When the next is tried although this one is still on its way.
    next: Option<Instant>,
}

#[derive(Debug)]
struct Entry {
    address: Address,
    sub: Option<SubId>,
    link: Link,
    /// How its last attempt failed.
    failure: Option<Failure>,
    /// Its attempt of this pass failed.
    tried: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Idle,
    Connecting,
    /// It may not be tried again yet.
    Resting,
}

impl Policy for PickFirst {
    fn on(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        let mut out = Vec::new();
        match event {
            Event::Resolved(endpoints) => self.resolved(endpoints, now, &mut out),
            Event::Unresolved(failure) => self.unresolved(failure, &mut out),
            Event::ExitIdle => self.exit_idle(now, &mut out),
            Event::Tick => self.tick(now, &mut out),
            Event::Changed(id, Status::Ready(lanes)) => self.ready(id, lanes, &mut out),
            Event::Changed(id, Status::Connecting) => self.connecting(id, now, &mut out),
            Event::Changed(id, Status::Failed(failure)) => self.failed(id, failure, now, &mut out),
            Event::Changed(id, Status::Idle) => self.idle(id, &mut out),
            // With one address for all calls there is nowhere else to send them (gRFC A17).
            Event::Health(..) | Event::Ejected(..) => {}
        }
        out
    }

    fn due(&self) -> Option<Instant> {
        self.pass.as_ref()?.next
    }
}

impl PickFirst {
    pub(super) fn new(config: PickFirstConfig, jitter: Jitter) -> PickFirst {
        PickFirst {
            shuffle: config.shuffle_address_list,
            jitter,
            listed: Vec::new(),
            entries: Vec::new(),
            created: 0,
            pass: None,
            selected: None,
            failing: false,
            wanted: false,
            failures: 0,
            unresolved: None,
        }
    }

    fn exit_idle(&mut self, now: Instant, out: &mut Vec<Effect>) {
        if self.selected.is_some() || self.pass.is_some() || self.failing {
            return; // connected, or on the way
        }
        self.wanted = true;
        if self.entries.is_empty() { self.publish(out) } else { self.begin(now, out) }
    }

    // --- the list

    fn resolved(&mut self, endpoints: Vec<Endpoint>, now: Instant, out: &mut Vec<Effect>) {
        if self.entries.is_empty() {
            self.failing = false; // only the lookup had failed
        }
        let mended = self.unresolved.take().is_some();
        let endpoints = unique(endpoints);
        let same = self.listed.iter().eq(endpoints.iter().map(|endpoint| &endpoint.address));
        if same && (self.pass.is_some() || self.selected.is_some() || self.failing) {
            if mended && self.selected.is_none() {
                self.publish(out);
            }
            return; // every address is being tried already
        }
        let had_connection = self.selected.is_some();
        self.adopt(endpoints, out);
        let busy = self.wanted || self.failing || self.pass.is_some() || had_connection;
        if self.selected.is_none() && busy {
            self.begin(now, out);
        }
    }

    fn unresolved(&mut self, failure: Failure, out: &mut Vec<Effect>) {
        self.unresolved = Some(failure);
        if self.entries.is_empty() {
            self.failing = true;
        }
        if self.failing {
            self.publish(out);
        }
    }

    /// Takes over a list; what is known of an address that stays is kept.
    fn adopt(&mut self, mut endpoints: Vec<Endpoint>, out: &mut Vec<Effect>) {
        self.listed = endpoints.iter().map(|endpoint| endpoint.address.clone()).collect();
        if self.shuffle {
            self.jitter.shuffle(&mut endpoints);
        }
        let mut old = std::mem::take(&mut self.entries);
        for Endpoint { address, .. } in interleaved(endpoints) {
            let known = old.iter().position(|entry| entry.address == address).map(|at| old.swap_remove(at));
            let new = || Entry { address, sub: None, link: Link::Idle, failure: None, tried: false };
            self.entries.push(known.unwrap_or_else(new));
        }
        for entry in old {
            if let Some(id) = entry.sub {
                out.push(Effect::Drop(id));
                self.selected = self.selected.filter(|selected| *selected != id);
            }
        }
    }

    // --- the pass

    fn begin(&mut self, now: Instant, out: &mut Vec<Effect>) {
        self.wanted = false;
        self.entries.iter_mut().for_each(|entry| entry.tried = false);
        self.pass = Some(Pass { at: 0, next: None });
        self.publish(out);
        self.advance(0, now, out);
    }

    /// Tries the entry at `at`, or the next after it that may be tried.
    fn advance(&mut self, mut at: usize, now: Instant, out: &mut Vec<Effect>) {
        let count = self.entries.len();
        while let Some(entry) = self.entries.get_mut(at) {
            if entry.link == Link::Resting {
                entry.tried = true;
                at += 1;
                continue;
            }
            let next = (at + 1 < count).then(|| now + ATTEMPT_DELAY);
            self.pass = Some(Pass { at, next });
            if entry.link == Link::Idle {
                let id = *entry.sub.get_or_insert_with(|| {
                    self.created += 1;
                    out.push(Effect::Create(SubId(self.created), entry.address.clone()));
                    SubId(self.created)
                });
                out.push(Effect::Connect(id));
            }
            return;
        }
        self.pass = Some(Pass { at: count, next: None });
        self.end_pass_if_over(out);
    }

    fn tick(&mut self, now: Instant, out: &mut Vec<Effect>) {
        if let Some(Pass { at, next: Some(next) }) = self.pass
            && next <= now
        {
            self.advance(at + 1, now, out);
        }
    }

    fn end_pass_if_over(&mut self, out: &mut Vec<Effect>) {
        let all_started = self.pass.as_ref().is_some_and(|pass| pass.at >= self.entries.len());
        if !all_started || !self.entries.iter().all(|entry| entry.tried) {
            return;
        }
        (self.pass, self.failing, self.failures) = (None, true, 0);
        self.publish(out);
        out.push(Effect::Resolve);
        // The backoff of the first may have ended while the last was tried.
        let rested = self.entries.iter().filter(|entry| entry.link == Link::Idle).filter_map(|entry| entry.sub);
        out.extend(rested.map(Effect::Connect));
    }

    // --- the subchannels

    fn ready(&mut self, id: SubId, lanes: Lanes, out: &mut Vec<Effect>) {
        (self.selected, self.pass, self.failing, self.wanted) = (Some(id), None, false, false);
        for entry in &mut self.entries {
            (entry.failure, entry.link) = (None, Link::Idle);
            if let Some(other) = entry.sub.filter(|sub| *sub != id) {
                out.push(Effect::Drop(other));
                entry.sub = None;
            }
        }
        let picker = Arc::new(One(lanes));
        out.push(Effect::Publish(Update { state: ConnectivityState::Ready, picker, problem: None }));
    }

    fn connecting(&mut self, id: SubId, now: Instant, out: &mut Vec<Effect>) {
        let Some(entry) = self.entry(id) else { return };
        entry.link = Link::Connecting;
        self.lose(id, now, out);
    }

    fn failed(&mut self, id: SubId, failure: Failure, now: Instant, out: &mut Vec<Effect>) {
        let Some(at) = self.entries.iter().position(|entry| entry.sub == Some(id)) else { return };
        if let Some(entry) = self.entries.get_mut(at) {
            (entry.failure, entry.link, entry.tried) = (Some(failure), Link::Resting, true);
        }
        match &self.pass {
            Some(pass) => {
                let is_current = pass.at == at;
                if !self.entries.iter().all(|entry| entry.tried) {
                    self.publish(out); // who waits learns of it now
                }
                if is_current { self.advance(at + 1, now, out) } else { self.end_pass_if_over(out) }
            }
            None if self.failing => {
                self.publish(out);
                self.failures += 1;
                if self.failures >= self.entries.len() {
                    self.failures = 0;
                    out.push(Effect::Resolve);
                }
            }
            None => self.lose(id, now, out),
        }
    }

    /// A connection that is lost while another attempt of its address is under way, or failed, is not IDLE (gRFC A105).
    fn lose(&mut self, id: SubId, now: Instant, out: &mut Vec<Effect>) {
        if self.selected == Some(id) {
            self.selected = None;
            out.push(Effect::Resolve);
            self.begin(now, out);
        }
    }

    fn idle(&mut self, id: SubId, out: &mut Vec<Effect>) {
        if self.selected == Some(id) {
            self.selected = None;
            self.publish(out);
            return out.push(Effect::Resolve);
        }
        let failing = self.failing && self.pass.is_none();
        let Some(entry) = self.entry(id) else { return };
        entry.link = Link::Idle;
        if failing {
            out.push(Effect::Connect(id));
        }
    }

    fn entry(&mut self, id: SubId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.sub == Some(id))
    }

    fn publish(&self, out: &mut Vec<Effect>) {
        let failures = self.entries.iter().filter_map(|entry| entry.failure.as_ref());
        let problem = verdict(failures, self.unresolved.as_ref());
        let (state, picker): (_, Arc<dyn Picker>) = match &problem {
            Some(problem) if self.failing => {
                (ConnectivityState::TransientFailure, Arc::new(Failing::in_transient_failure(problem)))
            }
            _ if self.pass.is_some() || self.wanted => (ConnectivityState::Connecting, Arc::new(Queueing)),
            _ => (ConnectivityState::Idle, Arc::new(Queueing)),
        };
        out.push(Effect::Publish(Update { state, picker, problem }));
    }
}

#[derive(Debug)]
struct One(Lanes);

impl Picker for One {
    fn pick(&self) -> PickResult {
        // Without one they have just begun to drain: the policy hears of it in a moment.
        let picked = choose(&self.0).map(|lane| Picked { lane: lane.clone(), charge: None });
        picked.map_or(PickResult::Queue, PickResult::Pick)
    }
}
