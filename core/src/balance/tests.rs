//! Event sequences: what goes in, what must come out, in order.
use super::{ConnectivityState, Effect, Event, PickResult, PickerCell, Policy, Waiting, pick_first::PickFirst};
use crate::{
    failure::Attempt,
    failure::{Category, Cause, CertificateProblem, Evidence, Failure, NameAnswer, Phase, Situation, diagnose},
    subchannel::{
        Status, SubId,
        testing::{Server, connection, refused},
    },
    transport::Address,
};
use std::time::{Duration, SystemTime};

#[derive(Default)]
struct Bench {
    policy: PickFirst,
    last: Option<super::Update>,
}

impl Bench {
    /// What the policy does about an event, as text.
    fn on(&mut self, event: Event) -> String {
        let effects = self.policy.on(event);
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

    fn failure(&self) -> Failure {
        match self.last.as_ref().unwrap().picker.pick() {
            PickResult::Fail(failure) => failure,
            other => panic!("{other:?}"),
        }
    }
}

fn list(ports: &[u16]) -> Vec<Address> {
    ports.iter().map(|port| Address::Tcp(([10, 0, 0, 1], *port).into())).collect()
}

fn failed(evidence: Evidence, address: &str) -> Status {
    let mut failure = diagnose(evidence, Situation::default());
    let attempt = Attempt { address: Some(address.into()), cause: Some(failure.cause()), ..Attempt::default() };
    failure.record_mut().attempts = vec![attempt];
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

fn no_such_name() -> Event {
    let evidence = Evidence::Name { host: "x".into(), answer: NameAnswer::NxDomain };
    Event::Unresolved(diagnose(evidence, Situation::default()))
}

fn tried(failure: &Failure) -> Vec<&str> {
    failure.record().attempts.iter().filter_map(|attempt| attempt.address.as_deref()).collect()
}

#[tokio::test]
async fn the_first_address_that_answers_gets_all_calls() {
    let server = Server::start().await;
    let mut bench = Bench::default();
    assert_eq!(bench.on(Event::ExitIdle), "publish CONNECTING");
    assert_eq!(bench.on(Event::Resolved(list(&[1, 2, 3]))), "publish CONNECTING, create 1 10.0.0.1:1, connect 1");
    assert_eq!(bench.changed(1, Status::Connecting), "");
    assert_eq!(bench.changed(1, dead("a")), "publish CONNECTING, create 2 10.0.0.1:2, connect 2");
    assert_eq!(bench.last.as_ref().unwrap().problem.as_ref().unwrap().cause(), Cause::ConnectRefused);
    let connection = connection(&server).await;
    assert_eq!(bench.changed(2, Status::Ready(connection.clone())), "drop 1, publish READY");
    assert!(bench.last.as_ref().unwrap().problem.is_none());
    let picker = bench.last.clone().unwrap().picker;
    assert!(matches!(picker.pick(), PickResult::Pick(_)));
    connection.drain();
    assert!(matches!(picker.pick(), PickResult::Queue), "a draining connection takes no calls");
    assert_eq!(bench.on(Event::ExitIdle), "", "there is a connection");
    assert_eq!(bench.changed(2, Status::Idle), "publish IDLE, resolve");
    assert_eq!(bench.on(Event::ExitIdle), "publish CONNECTING, create 3 10.0.0.1:1, connect 3");
    assert_eq!(bench.changed(3, dead("a")), "publish CONNECTING, connect 2");
}

#[test]
fn when_all_fail_the_channel_fails_and_each_address_is_tried_again_by_itself() {
    let mut bench = Bench::default();
    bench.on(Event::Resolved(list(&[1, 2])));
    assert_eq!(bench.on(Event::ExitIdle), "publish CONNECTING, create 1 10.0.0.1:1, connect 1");
    assert_eq!(bench.changed(1, dead("a")), "publish CONNECTING, create 2 10.0.0.1:2, connect 2");
    assert_eq!(bench.changed(2, dead("b")), "publish TRANSIENT_FAILURE, resolve");
    assert_eq!(tried(&bench.failure()), ["a", "b"]);
    assert_eq!(bench.on(Event::ExitIdle), "", "it is trying already");
    assert_eq!(bench.changed(1, Status::Idle), "connect 1");
    assert_eq!(bench.changed(1, Status::Connecting), "", "it stays in TRANSIENT_FAILURE");
    assert_eq!(bench.changed(1, dead("a2")), "publish TRANSIENT_FAILURE, resolve");
    assert_eq!(tried(&bench.failure()), ["a2", "b"]);
}

#[test]
fn an_address_whose_wait_ended_during_the_pass_is_tried_at_its_end() {
    let mut bench = Bench::default();
    bench.on(Event::Resolved(list(&[1, 2])));
    bench.on(Event::ExitIdle);
    bench.changed(1, dead("a"));
    assert_eq!(bench.changed(1, Status::Idle), "");
    assert_eq!(bench.changed(2, dead("b")), "publish TRANSIENT_FAILURE, resolve, connect 1");
}

#[test]
fn a_security_fault_is_the_headline_wherever_it_is_in_the_list() {
    for statuses in [[expired("a"), dead("b"), dead("c")], [dead("a"), expired("b"), dead("c")]] {
        let mut bench = Bench::default();
        bench.on(Event::Resolved(list(&[1, 2, 3])));
        bench.on(Event::ExitIdle);
        for (id, status) in (1..).zip(statuses) {
            bench.changed(id, status);
        }
        let failure = bench.failure();
        assert_eq!((failure.cause(), failure.record().category), (Cause::TlsCertExpired, Category::Security));
        assert_eq!(tried(&failure), ["a", "b", "c"]);
    }
    let mut bench = Bench::default();
    bench.on(Event::Resolved(list(&[1, 2])));
    bench.on(Event::ExitIdle);
    bench.changed(1, failed(Evidence::TlsInterrupted { address: "a".into() }, "a"));
    bench.changed(2, dead("b"));
    assert_eq!(bench.failure().cause(), Cause::ConnectRefused, "otherwise the last");
}

#[tokio::test]
async fn a_new_list_keeps_what_it_has_in_common_with_the_old() {
    let server = Server::start().await;
    let mut bench = Bench::default();
    bench.on(Event::Resolved(list(&[1, 2])));
    bench.on(Event::ExitIdle);
    assert_eq!(bench.changed(1, Status::Ready(connection(&server).await)), "publish READY");
    assert_eq!(bench.on(Event::Resolved(list(&[1, 2]))), "");
    assert_eq!(bench.on(Event::Resolved(list(&[3, 1, 3]))), "", "its address is still there");
    assert_eq!(bench.on(Event::Resolved(list(&[4, 5]))), "drop 1, publish CONNECTING, create 2 10.0.0.1:4, connect 2");
    assert_eq!(bench.on(Event::Resolved(list(&[4, 5]))), "", "the pass goes on");
    bench.changed(2, dead("4"));
    assert_eq!(bench.changed(3, dead("5")), "publish TRANSIENT_FAILURE, resolve");
    assert_eq!(bench.on(Event::Resolved(list(&[4, 5]))), "", "each is waiting for its own turn");
    assert_eq!(
        bench.on(Event::Resolved(list(&[5, 6]))),
        "drop 2, publish TRANSIENT_FAILURE, create 4 10.0.0.1:6, connect 4"
    );
}

#[test]
fn an_idle_channel_takes_a_list_without_connecting() {
    let mut bench = Bench::default();
    assert_eq!(bench.on(Event::Resolved(list(&[1]))), "");
    assert_eq!(bench.on(Event::Resolved(list(&[2]))), "");
    assert_eq!(bench.on(Event::ExitIdle), "publish CONNECTING, create 1 10.0.0.1:2, connect 1");
}

#[test]
fn a_lookup_that_fails_counts_only_while_there_is_no_list() {
    let mut bench = Bench::default();
    bench.on(Event::ExitIdle);
    assert_eq!(bench.on(no_such_name()), "publish TRANSIENT_FAILURE");
    assert_eq!(bench.failure().cause(), Cause::NameNotFound);
    assert_eq!(bench.on(Event::Resolved(list(&[1]))), "publish CONNECTING, create 1 10.0.0.1:1, connect 1");
    assert_eq!(bench.on(no_such_name()), "", "the list still stands");
    assert_eq!(bench.changed(1, dead("a")), "publish TRANSIENT_FAILURE, resolve");
    let failure = bench.failure();
    assert_eq!(failure.cause(), Cause::ConnectRefused);
    assert_eq!(failure.record().underlying.as_ref().map(Failure::cause), Some(Cause::NameNotFound));
    assert_eq!(bench.on(Event::Resolved(list(&[1]))), "publish TRANSIENT_FAILURE");
    assert!(bench.failure().record().underlying.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_hears_what_for_and_a_shut_channel_stays_shut() {
    let cell = PickerCell::new();
    let failure = diagnose(refused("a"), Situation::default());
    let heard = std::sync::Mutex::new(Vec::new());
    {
        let mut note = |waiting: &Waiting| heard.lock().unwrap().push(waiting.phase);
        let pick = cell.pick(true, &mut note);
        let events = async {
            cell.demanded().await;
            for phase in [Phase::Resolve, Phase::Connect] {
                cell.set_waiting(Waiting { phase, problem: None });
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            cell.publish(ConnectivityState::TransientFailure, std::sync::Arc::new(super::Failing(failure.clone())));
            tokio::time::sleep(Duration::from_millis(1)).await;
            cell.publish(ConnectivityState::Shutdown, std::sync::Arc::new(super::Failing(failure.clone())));
        };
        let (picked, ()) = tokio::join!(pick, events);
        assert_eq!(picked.unwrap_err().cause(), Cause::ConnectRefused);
    }
    let mut phases = heard.into_inner().unwrap();
    phases.dedup();
    assert_eq!(phases, [Phase::Pick, Phase::Resolve, Phase::Connect]);
    cell.publish(ConnectivityState::Idle, std::sync::Arc::new(super::Queueing));
    assert_eq!(cell.state(), ConnectivityState::Shutdown);
    assert!(cell.take_activity());
    assert!(!cell.take_activity());
}
