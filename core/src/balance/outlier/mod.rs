//! Leaves out addresses at which too many calls fail (gRFC A50), whatever policy chooses among the others.
//!
//! `judge` finds the outliers; this module counts, asks it on a period, and tells the inner policy whom to leave out.
mod judge;

use super::{
    Effect, Endpoint, Event, Policy,
    addresses::unique,
    load::{Load, Tally},
};
use crate::{
    clock::{Instant, Jitter},
    failure::{Evidence, Failure, Phase, Reached, Situation, diagnose},
    options::OutlierDetectionConfig,
    subchannel::SubId,
    transport::Address,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

/// A shorter period would only burn time.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
/// Longer is for ever.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// See the module.
#[derive(Debug)]
pub(super) struct OutlierDetection {
    config: Box<OutlierDetectionConfig>,
    child: Box<dyn Policy>,
    jitter: Jitter,
    /// In the order of the resolver's answer.
    hosts: Vec<Host>,
    subs: BTreeMap<SubId, Address>,
    /// When the counts are looked at next.
    next: Option<Instant>,
}

#[derive(Debug)]
struct Host {
    address: Address,
    load: Arc<Load>,
    ejection: Option<Ejection>,
    /// How often it was left out; one less for each period in which it was not.
    times: u32,
}

#[derive(Debug)]
struct Ejection {
    since: Instant,
    failure: Failure,
}

impl Policy for OutlierDetection {
    fn on(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        let mut out = Vec::new();
        match event {
            Event::Resolved(endpoints) => {
                let endpoints = self.adopt(endpoints, now);
                self.forward(Event::Resolved(endpoints), now, &mut out);
            }
            Event::Tick => {
                if self.next.is_some_and(|next| next <= now) {
                    self.next = Some(now + self.interval());
                    self.sweep(now, &mut out);
                }
                self.forward(Event::Tick, now, &mut out);
            }
            event => self.forward(event, now, &mut out),
        }
        out
    }

    fn due(&self) -> Option<Instant> {
        self.next.into_iter().chain(self.child.due()).min()
    }
}

impl OutlierDetection {
    pub(super) fn new(config: Box<OutlierDetectionConfig>, child: Box<dyn Policy>, jitter: Jitter) -> OutlierDetection {
        OutlierDetection { config, child, jitter, hosts: Vec::new(), subs: BTreeMap::new(), next: None }
    }

    /// Without an algorithm nothing is counted.
    fn counts(&self) -> bool {
        self.config.success_rate_ejection.is_some() || self.config.failure_percentage_ejection.is_some()
    }

    fn interval(&self) -> Duration {
        self.config.interval.clamp(SHORTEST_INTERVAL, FOREVER)
    }

    /// Takes over a list; what is known of an address that stays is kept.
    fn adopt(&mut self, endpoints: Vec<Endpoint>, now: Instant) -> Vec<Endpoint> {
        if !self.counts() {
            return endpoints;
        }
        self.next = self.next.or(Some(now + self.interval()));
        let mut old = std::mem::take(&mut self.hosts);
        let mut counted = Vec::new();
        for Endpoint { address, .. } in unique(endpoints) {
            let known = old.iter().position(|host| host.address == address).map(|at| old.swap_remove(at));
            let new = || Host { address, load: Arc::default(), ejection: None, times: 0 };
            let host = known.unwrap_or_else(new);
            counted.push(Endpoint { address: host.address.clone(), load: Some(host.load.clone()) });
            self.hosts.push(host);
        }
        counted
    }

    /// Gives the inner policy an event; what it creates for an address that is left out hears so at once.
    fn forward(&mut self, event: Event, now: Instant, out: &mut Vec<Effect>) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for effect in self.child.on(event, now) {
                match &effect {
                    Effect::Create(id, address) => {
                        self.subs.insert(*id, address.clone());
                        let host = self.hosts.iter().find(|host| host.address == *address);
                        let ejection = host.and_then(|host| host.ejection.as_ref());
                        events.extend(ejection.map(|it| Event::Ejected(*id, Some(it.failure.clone()))));
                    }
                    Effect::Drop(id) => drop(self.subs.remove(id)),
                    _ => {}
                }
                out.push(effect);
            }
        }
    }

    // --- the period

    fn sweep(&mut self, now: Instant, out: &mut Vec<Effect>) {
        let tallies: Vec<_> = self.hosts.iter().map(|host| host.load.take_tally()).collect();
        if let Some(rule) = self.config.success_rate_ejection {
            self.eject(judge::by_success_rate(&tallies, &rule), rule.enforcement_percentage, &tallies, now, out);
        }
        if let Some(rule) = self.config.failure_percentage_ejection {
            let outliers = judge::by_failure_percentage(&tallies, &rule);
            self.eject(outliers, rule.enforcement_percentage, &tallies, now, out);
        }
        self.readmit(now, out);
    }

    fn eject(
        &mut self,
        outliers: Vec<usize>,
        enforcement: u32,
        tallies: &[Tally],
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        for at in outliers {
            let ejected = self.hosts.iter().filter(|host| host.ejection.is_some()).count();
            if ejected * 100 >= self.config.max_ejection_percent as usize * self.hosts.len() {
                return;
            }
            let enforced = self.jitter.below(100) < enforcement as usize;
            let (Some(host), Some(tally)) = (self.hosts.get_mut(at), tallies.get(at)) else { continue };
            if host.ejection.is_some() || !enforced {
                continue;
            }
            let failure = ejected_failure(&host.address, *tally);
            host.times += 1;
            host.ejection = Some(Ejection { since: now, failure: failure.clone() });
            let address = host.address.clone();
            self.tell(&address, Some(&failure), now, out);
        }
    }

    fn readmit(&mut self, now: Instant, out: &mut Vec<Effect>) {
        let mut back = Vec::new();
        for host in &mut self.hosts {
            let time = ejection_time(&self.config, host.times);
            match &host.ejection {
                None => host.times = host.times.saturating_sub(1),
                Some(ejection) if now.saturating_duration_since(ejection.since) > time => {
                    host.ejection = None;
                    back.push(host.address.clone());
                }
                Some(_) => {}
            }
        }
        back.iter().for_each(|address| self.tell(address, None, now, out));
    }

    fn tell(&mut self, address: &Address, failure: Option<&Failure>, now: Instant, out: &mut Vec<Effect>) {
        let subs: Vec<_> = self.subs.iter().filter(|(_, known)| *known == address).map(|(id, _)| *id).collect();
        for id in subs {
            self.forward(Event::Ejected(id, failure.cloned()), now, out);
        }
    }
}

fn ejection_time(config: &OutlierDetectionConfig, times: u32) -> Duration {
    let longest = config.base_ejection_time.max(config.max_ejection_time);
    config.base_ejection_time.saturating_mul(times).min(longest)
}

fn ejected_failure(address: &Address, tally: Tally) -> Failure {
    let situation = Situation {
        reached: Some(Reached::No),
        phase: Some(Phase::Pick),
        peer: Some(address.to_string().into()),
        ..Situation::default()
    };
    let evidence = Evidence::Ejected { address: address.to_string(), failed: tally.failed, total: tally.total() };
    diagnose(evidence, situation)
}
