//! Event sequences: what goes in, what must come out, in order.
mod cell;
mod handover;
mod outlier;
mod pick_first;
mod spread;

use super::{Effect, Endpoint, Event, PickResult, Picked, Policy, Update, policy};
use crate::{
    clock::{self, Instant},
    failure::{
        Attempt, Category, Cause, CertificateProblem, Evidence, Failure, NameAnswer, ServerHealth, Situation, diagnose,
    },
    health::Health,
    options::{LoadBalancing, ServiceConfig},
    subchannel::{
        Lane, Status, SubId,
        testing::{Server, connection, refused},
    },
    transport::{Address, Connection},
};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// A policy, a clock that the test turns, and what calls were told last.
struct Bench {
    policy: Box<dyn Policy>,
    now: Instant,
    last: Option<Update>,
}

impl Bench {
    fn new(policy: Box<dyn Policy>) -> Bench {
        Bench { policy, now: clock::now(), last: None }
    }

    /// The policy of a service config.
    fn of(name: &str, config: Value) -> Bench {
        Bench::new(policy(&load_balancing(json!([{ name: config }])), false))
    }

    /// What the policy does about an event, as text.
    fn on(&mut self, event: Event) -> String {
        let effects = self.policy.on(event, self.now);
        for effect in &effects {
            if let Effect::Publish(update) = effect {
                self.last = Some(update.clone());
            }
        }
        effects.iter().map(|effect| format!("{effect:?}")).collect::<Vec<_>>().join(", ")
    }

    fn changed(&mut self, id: u64, status: Status) -> String {
        self.on(Event::Changed(SubId(id), status))
    }

    fn resolved(&mut self, addresses: &[&str]) -> String {
        self.on(Event::Resolved(list(addresses)))
    }

    /// Lets time pass, and tells the policy if that is what it waits for.
    fn after(&mut self, ms: u64) -> String {
        self.now += Duration::from_millis(ms);
        match self.policy.due() {
            Some(due) if due <= self.now => self.on(Event::Tick),
            _ => "not due".into(),
        }
    }

    fn due_ms(&self) -> Option<u128> {
        self.policy.due().map(|due| due.duration_since(self.now).as_millis())
    }

    fn pick(&self) -> PickResult {
        self.last.as_ref().unwrap().picker.pick()
    }

    fn picked(&self) -> Picked {
        match self.pick() {
            PickResult::Pick(picked) => picked,
            other => panic!("{other:?}"),
        }
    }

    fn failure(&self) -> Failure {
        match self.pick() {
            PickResult::Fail(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    fn problem(&self) -> Option<Cause> {
        self.last.as_ref().unwrap().problem.as_ref().map(Failure::cause)
    }
}

fn load_balancing(config: Value) -> LoadBalancing {
    ServiceConfig::from_value(&json!({ "loadBalancingConfig": config })).unwrap().load_balancing_config.unwrap()
}

/// `1` is port 1 of an IPv4 address, `6:1` of an IPv6 one.
fn list(addresses: &[&str]) -> Vec<Endpoint> {
    let address = |text: &&str| match text.strip_prefix("6:") {
        Some(port) => format!("[fd00::1]:{port}"),
        None => format!("10.0.0.1:{text}"),
    };
    addresses.iter().map(|text| Endpoint::from(Address::Tcp(address(text).parse().unwrap()))).collect()
}

/// Connections to servers of their own.
struct Network {
    servers: Vec<Server>,
    connections: Vec<Connection>,
}

impl Network {
    async fn of(count: usize) -> Network {
        let mut network = Network { servers: Vec::new(), connections: Vec::new() };
        for _ in 0..count {
            let server = Server::start().await;
            network.connections.push(connection(&server).await);
            network.servers.push(server);
        }
        network
    }

    fn ready(&self, at: usize) -> Status {
        Status::Ready([Lane::alone(self.connections[at].clone())].into())
    }

    /// Which of the servers a call gets.
    fn position(&self, picked: &Picked) -> usize {
        let peer = picked.lane.connection().peer();
        self.connections.iter().position(|connection| connection.peer() == peer).unwrap()
    }
}

fn failed(evidence: Evidence, address: &str) -> Status {
    let mut failure = diagnose(evidence, Situation::default());
    let attempt = Attempt { address: Some(address.into()), cause: Some(failure.cause()), ..Attempt::default() };
    failure.record_mut().attempts = [attempt].into();
    Status::Failed(failure)
}

fn dead(address: &str) -> Status {
    failed(refused(address), address)
}

fn expired(address: &str) -> Status {
    let evidence = Evidence::Certificate {
        problem: CertificateProblem::Expired,
        expected: "x".into(),
        leaf: None,
        now: SystemTime::UNIX_EPOCH,
        roots: 1,
    };
    failed(evidence, address)
}

fn not_serving() -> Health {
    let evidence =
        Evidence::NotServing { address: "a".into(), service: String::new(), health: ServerHealth::NotServing };
    Health::Failing(evidence.into())
}

fn no_such_name() -> Event {
    Event::Unresolved(Evidence::Name { host: "x".into(), answer: NameAnswer::NxDomain }.into())
}

fn tried(failure: &Failure) -> Vec<&str> {
    failure.record().attempts.iter().filter_map(|attempt| attempt.address.as_deref()).collect()
}
