//! From one policy to another without failing a call: the old one serves until the new one does, or until it cannot any
//! more. (Other implementations call it a graceful switch; they also give way to a new policy that fails.)
//!
//! Each policy counts its subchannels by itself; the generation that stands before its number makes them unique.
use super::{ConnectivityState, Effect, Event, Policy};
use crate::{clock::Instant, subchannel::SubId};
use std::collections::BTreeSet;

/// Bits for a policy's own number.
const OWN: u32 = 40;

/// See the module.
#[derive(Debug)]
pub(crate) struct Handover {
    current: Child,
    pending: Option<Child>,
    generation: u64,
}

#[derive(Debug)]
struct Child {
    policy: Box<dyn Policy>,
    generation: u64,
    subs: BTreeSet<SubId>,
    state: ConnectivityState,
    /// What it said last, while nobody listens.
    unheard: Option<Effect>,
}

impl Handover {
    pub(crate) fn new(policy: Box<dyn Policy>) -> Handover {
        Handover { current: Child::new(policy, 0), pending: None, generation: 0 }
    }

    /// Begins to change to `policy`. It gets the next events; an answer of the resolver should be among them. A channel
    /// that is not idle stays so.
    pub(crate) fn switch(&mut self, policy: Box<dyn Policy>, now: Instant) -> Vec<Effect> {
        let mut out = Vec::new();
        self.generation += 1;
        if let Some(given_up) = self.pending.replace(Child::new(policy, self.generation)) {
            given_up.end(&mut out);
        }
        if self.current.state != ConnectivityState::Idle {
            self.feed_pending(Event::ExitIdle, now, &mut out);
        }
        self.take_over_if_due(&mut out);
        out
    }

    /// Begins anew with `policy`, from nothing. What is still told of the subchannels before is of none of its own.
    pub(crate) fn restart(&mut self, policy: Box<dyn Policy>) {
        self.generation += 1;
        (self.current, self.pending) = (Child::new(policy, self.generation), None);
    }

    pub(crate) fn on(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        let mut out = Vec::new();
        match event {
            Event::Changed(id, _) | Event::Health(id, _) | Event::Ejected(id, _) => {
                if generation(id) == self.current.generation {
                    out.extend(self.current.feed(event, now));
                } else if self.pending.as_ref().is_some_and(|child| generation(id) == child.generation) {
                    self.feed_pending(event, now, &mut out);
                }
            }
            Event::Tick => {
                let due = |child: &Child| child.policy.due().is_some_and(|due| due <= now);
                if due(&self.current) {
                    out.extend(self.current.feed(Event::Tick, now));
                }
                if self.pending.as_ref().is_some_and(due) {
                    self.feed_pending(Event::Tick, now, &mut out);
                }
            }
            // What concerns the channel as a whole is for the one that is to stay.
            Event::Resolved(_) | Event::Unresolved(_) | Event::ExitIdle if self.pending.is_some() => {
                self.feed_pending(event, now, &mut out);
            }
            Event::Resolved(_) | Event::Unresolved(_) | Event::ExitIdle => out.extend(self.current.feed(event, now)),
        }
        self.take_over_if_due(&mut out);
        out
    }

    /// When it wants to hear [`Event::Tick`].
    pub(crate) fn due(&self) -> Option<Instant> {
        let pending = self.pending.as_ref().and_then(|child| child.policy.due());
        self.current.policy.due().into_iter().chain(pending).min()
    }

    fn feed_pending(&mut self, event: Event, now: Instant, out: &mut Vec<Effect>) {
        if let Some(pending) = &mut self.pending {
            for effect in pending.feed(event, now) {
                match effect {
                    Effect::Publish(_) => pending.unheard = Some(effect),
                    effect => out.push(effect),
                }
            }
        }
    }

    fn take_over_if_due(&mut self, out: &mut Vec<Effect>) {
        let serves = |child: &Child| child.state == ConnectivityState::Ready;
        if serves(&self.current) && !self.pending.as_ref().is_some_and(serves) {
            return;
        }
        let Some(next) = self.pending.take() else { return };
        let old = std::mem::replace(&mut self.current, next);
        // Calls learn of the new connections before the old ones are let go.
        out.extend(self.current.unheard.take());
        old.end(out);
    }
}

impl Child {
    fn new(policy: Box<dyn Policy>, generation: u64) -> Child {
        Child { policy, generation, subs: BTreeSet::new(), state: ConnectivityState::Idle, unheard: None }
    }

    fn feed(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        self.policy.on(inner(event), now).into_iter().map(|effect| self.outer(effect)).collect()
    }

    fn outer(&mut self, effect: Effect) -> Effect {
        let outer = |SubId(own): SubId| SubId(self.generation << OWN | own);
        match effect {
            Effect::Create(id, address) => {
                self.subs.insert(outer(id));
                Effect::Create(outer(id), address)
            }
            Effect::Connect(id) => Effect::Connect(outer(id)),
            Effect::Drop(id) => {
                self.subs.remove(&outer(id));
                Effect::Drop(outer(id))
            }
            Effect::Resolve => Effect::Resolve,
            Effect::Publish(update) => {
                self.state = update.state;
                Effect::Publish(update)
            }
        }
    }

    fn end(self, out: &mut Vec<Effect>) {
        out.extend(self.subs.into_iter().map(Effect::Drop));
    }
}

fn generation(SubId(id): SubId) -> u64 {
    id >> OWN
}

/// As its policy knows the subchannel.
fn inner(event: Event) -> Event {
    let own = |SubId(id): SubId| SubId(id & ((1 << OWN) - 1));
    match event {
        Event::Changed(id, status) => Event::Changed(own(id), status),
        Event::Health(id, health) => Event::Health(own(id), health),
        Event::Ejected(id, failure) => Event::Ejected(own(id), failure),
        other => other,
    }
}
