//! One connection for all calls, to the first address that answers (gRFC A62).
//!
//! A pass tries every address in order. When all of it failed, the channel is in TRANSIENT_FAILURE and stays there until
//! it is READY again, while each address is tried anew as its own backoff allows.
use super::{ConnectivityState, Effect, Event, Failing, PickResult, Picker, Policy, Queueing, Update};
use crate::{
    failure::{Category, Failure},
    subchannel::{Status, SubId},
    transport::{Address, Connection},
};
use std::sync::Arc;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct PickFirst {
    /// In the order of the resolver's answer.
    entries: Vec<Entry>,
    created: u64,
    /// The entry that is being tried while a pass is under way.
    pass: Option<usize>,
    selected: Option<SubId>,
    /// TRANSIENT_FAILURE, until READY.
    failing: bool,
    /// Somebody needs a connection, and no address was known yet.
    wanted: bool,
    /// The last lookup failed.
    unresolved: Option<Failure>,
}

#[derive(Debug)]
struct Entry {
    address: Address,
    sub: Option<SubId>,
    /// How its last attempt failed.
    failure: Option<Failure>,
    /// It may not be tried again yet.
    resting: bool,
}

impl Policy for PickFirst {
    fn on(&mut self, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        match event {
            Event::Resolved(addresses) => self.resolved(addresses, &mut out),
            Event::Unresolved(failure) => self.unresolved(failure, &mut out),
            Event::ExitIdle => self.exit_idle(&mut out),
            Event::Changed(_, Status::Connecting) => {}
            Event::Changed(id, Status::Ready(connection)) => self.ready(id, connection, &mut out),
            Event::Changed(id, Status::Failed(failure)) => self.failed(id, failure, &mut out),
            Event::Changed(id, Status::Idle) => self.idle(id, &mut out),
        }
        out
    }
}

impl PickFirst {
    fn exit_idle(&mut self, out: &mut Vec<Effect>) {
        if self.selected.is_some() || self.pass.is_some() || self.failing {
            return; // connected, or on the way
        }
        self.wanted = true;
        if self.entries.is_empty() { self.publish(out) } else { self.begin(out) }
    }

    fn resolved(&mut self, addresses: Vec<Address>, out: &mut Vec<Effect>) {
        if self.entries.is_empty() {
            self.failing = false; // only the lookup had failed
        }
        let mended = self.unresolved.take().is_some();
        let same = self.entries.iter().map(|entry| &entry.address).eq(addresses.iter());
        if same && (self.pass.is_some() || self.selected.is_some() || self.failing) {
            if mended && self.selected.is_none() {
                self.publish(out);
            }
            return; // every address is being tried already
        }
        let had_connection = self.selected.is_some();
        self.adopt(addresses, out);
        let busy = self.wanted || self.failing || self.pass.is_some() || had_connection;
        if self.selected.is_none() && busy {
            self.begin(out);
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
    fn adopt(&mut self, addresses: Vec<Address>, out: &mut Vec<Effect>) {
        let mut old = std::mem::take(&mut self.entries);
        for address in addresses {
            if self.entries.iter().any(|entry| entry.address == address) {
                continue;
            }
            let known = old.iter().position(|entry| entry.address == address).map(|at| old.swap_remove(at));
            self.entries.push(known.unwrap_or(Entry { address, sub: None, failure: None, resting: false }));
        }
        for entry in old {
            if let Some(id) = entry.sub {
                out.push(Effect::Drop(id));
                self.selected = self.selected.filter(|selected| *selected != id);
            }
        }
    }

    fn begin(&mut self, out: &mut Vec<Effect>) {
        self.wanted = false;
        self.pass = Some(0);
        self.publish(out);
        self.advance(out);
    }

    /// Tries the entry of the pass, or the next that may be tried.
    fn advance(&mut self, out: &mut Vec<Effect>) {
        let Some(mut at) = self.pass else { return };
        while let Some(entry) = self.entries.get_mut(at) {
            if !entry.resting {
                self.pass = Some(at);
                let id = *entry.sub.get_or_insert_with(|| {
                    self.created += 1;
                    out.push(Effect::Create(SubId(self.created), entry.address.clone()));
                    SubId(self.created)
                });
                return out.push(Effect::Connect(id));
            }
            at += 1;
        }
        self.end_pass(out);
    }

    fn end_pass(&mut self, out: &mut Vec<Effect>) {
        self.pass = None;
        self.failing = true;
        self.publish(out);
        out.push(Effect::Resolve);
        // The backoff of the first may have ended while the last was tried.
        let rested = self.entries.iter().filter(|entry| !entry.resting).filter_map(|entry| entry.sub);
        out.extend(rested.map(Effect::Connect));
    }

    fn ready(&mut self, id: SubId, connection: Connection, out: &mut Vec<Effect>) {
        (self.selected, self.pass, self.failing, self.wanted) = (Some(id), None, false, false);
        for entry in &mut self.entries {
            (entry.failure, entry.resting) = (None, false);
            if let Some(other) = entry.sub.filter(|sub| *sub != id) {
                out.push(Effect::Drop(other));
                entry.sub = None;
            }
        }
        let picker = Arc::new(One(connection));
        out.push(Effect::Publish(Update { state: ConnectivityState::Ready, picker, problem: None }));
    }

    fn failed(&mut self, id: SubId, failure: Failure, out: &mut Vec<Effect>) {
        let Some(at) = self.entries.iter().position(|entry| entry.sub == Some(id)) else { return };
        if let Some(entry) = self.entries.get_mut(at) {
            (entry.failure, entry.resting) = (Some(failure), true);
        }
        if self.pass == Some(at) {
            let is_last = at + 1 >= self.entries.len();
            if !is_last {
                self.publish(out); // who waits learns of it now
            }
            self.advance(out);
        } else if self.failing {
            self.publish(out);
            out.push(Effect::Resolve);
        }
    }

    fn idle(&mut self, id: SubId, out: &mut Vec<Effect>) {
        if self.selected == Some(id) {
            self.selected = None;
            self.publish(out);
            return out.push(Effect::Resolve);
        }
        let Some(at) = self.entries.iter().position(|entry| entry.sub == Some(id)) else { return };
        if let Some(entry) = self.entries.get_mut(at) {
            entry.resting = false;
        }
        if self.pass == Some(at) || (self.pass.is_none() && self.failing) {
            out.push(Effect::Connect(id));
        }
    }

    fn publish(&self, out: &mut Vec<Effect>) {
        let problem = self.verdict();
        let (state, picker): (_, Arc<dyn Picker>) = match &problem {
            Some(problem) if self.failing => (ConnectivityState::TransientFailure, Arc::new(Failing(problem.clone()))),
            _ if self.pass.is_some() || self.wanted => (ConnectivityState::Connecting, Arc::new(Queueing)),
            _ => (ConnectivityState::Idle, Arc::new(Queueing)),
        };
        out.push(Effect::Publish(Update { state, picker, problem }));
    }

    /// One failure for all addresses: a security fault if there is one, else the last. Every address is in `attempts`.
    fn verdict(&self) -> Option<Failure> {
        let failures = || self.entries.iter().filter_map(|entry| entry.failure.as_ref());
        let is_security = |failure: &&Failure| failure.record().category == Category::Security;
        let Some(headline) = failures().find(is_security).or_else(|| failures().next_back()) else {
            return self.unresolved.clone();
        };
        let mut verdict = headline.clone();
        let record = verdict.record_mut();
        record.attempts = failures().flat_map(|failure| failure.record().attempts.iter().cloned()).collect();
        record.underlying.clone_from(&self.unresolved);
        Some(verdict)
    }
}

#[derive(Debug)]
struct One(Connection);

impl Picker for One {
    fn pick(&self) -> PickResult {
        // A connection that has just begun to drain: the policy hears of it in a moment.
        if self.0.is_usable() { PickResult::Pick(self.0.clone()) } else { PickResult::Queue }
    }
}
