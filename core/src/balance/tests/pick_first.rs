use super::*;
use crate::{clock::Jitter, options::PickFirstConfig};

fn bench() -> Bench {
    Bench::of("pick_first", json!({}))
}

#[tokio::test]
async fn the_first_address_that_answers_gets_all_calls() {
    let network = Network::of(1).await;
    let mut bench = bench();
    assert_eq!(bench.on(Event::ExitIdle), "publish CONNECTING");
    assert_eq!(bench.resolved(&["1", "2", "3"]), "publish CONNECTING, create 1 10.0.0.1:1, connect 1");
    assert_eq!(bench.changed(1, Status::Connecting), "");
    assert_eq!(bench.changed(1, dead("a")), "publish CONNECTING, create 2 10.0.0.1:2, connect 2");
    assert_eq!(bench.problem(), Some(Cause::ConnectRefused));
    assert_eq!(bench.changed(2, network.ready(0)), "drop 1, publish READY");
    assert_eq!((bench.problem(), bench.due_ms()), (None, None));
    assert_eq!(network.position(&bench.picked()), 0);
    assert!(bench.picked().charge.is_none(), "nothing is counted for one address");
    network.connections[0].drain();
    assert!(matches!(bench.pick(), PickResult::Queue), "a draining connection takes no calls");
    assert_eq!(bench.on(Event::ExitIdle), "", "there is a connection");
    assert_eq!(bench.changed(2, Status::Idle), "publish IDLE, resolve");
    assert_eq!(bench.on(Event::ExitIdle), "publish CONNECTING, create 3 10.0.0.1:1, connect 3");
    assert_eq!(bench.changed(3, dead("a")), "publish CONNECTING, connect 2");
}

#[test]
fn the_next_address_is_tried_while_the_last_is_on_its_way() {
    let mut bench = bench();
    bench.on(Event::ExitIdle);
    bench.resolved(&["1", "2", "3"]);
    bench.changed(1, Status::Connecting);
    assert_eq!(bench.due_ms(), Some(250));
    assert_eq!(bench.after(249), "not due");
    assert_eq!(bench.after(1), "create 2 10.0.0.1:2, connect 2");
    bench.changed(2, Status::Connecting);
    assert_eq!(bench.changed(1, dead("a")), "publish CONNECTING", "the stage belongs to the second now");
    assert_eq!(bench.due_ms(), Some(250));
    assert_eq!(bench.after(250), "create 3 10.0.0.1:3, connect 3");
    assert_eq!(bench.due_ms(), None, "nobody comes after the last");
    assert_eq!(bench.changed(3, dead("c")), "publish CONNECTING", "the second may still answer");
    assert_eq!(bench.changed(1, Status::Idle), "", "once per pass");
    assert_eq!(bench.changed(2, dead("b")), "publish TRANSIENT_FAILURE, resolve, connect 1");
    assert_eq!(tried(&bench.failure()), ["a", "b", "c"]);
}

#[test]
fn a_failure_gives_the_stage_to_the_next_at_once() {
    let mut bench = bench();
    bench.on(Event::ExitIdle);
    bench.resolved(&["1", "2", "3"]);
    bench.after(100);
    assert_eq!(bench.changed(1, dead("a")), "publish CONNECTING, create 2 10.0.0.1:2, connect 2");
    assert_eq!(bench.due_ms(), Some(250), "a new delay for the second");
}

#[tokio::test]
async fn whoever_answers_first_wins_and_the_others_are_let_go() {
    let network = Network::of(1).await;
    let mut bench = bench();
    bench.on(Event::ExitIdle);
    bench.resolved(&["1", "2", "3"]);
    bench.after(250);
    assert_eq!(bench.changed(1, network.ready(0)), "drop 2, publish READY");
    assert_eq!(bench.due_ms(), None);
}

#[test]
fn families_take_turns() {
    let mut bench = bench();
    bench.on(Event::ExitIdle);
    assert_eq!(bench.resolved(&["6:1", "6:2", "1"]), "publish CONNECTING, create 1 [fd00::1]:1, connect 1");
    assert_eq!(bench.after(250), "create 2 10.0.0.1:1, connect 2");
    assert_eq!(bench.after(250), "create 3 [fd00::1]:2, connect 3");
}

#[test]
fn a_shuffled_list_is_tried_in_another_order_and_repeated_it_is_no_news() {
    let addresses = ["1", "2", "3", "4", "5", "6", "7", "8"];
    let first = |seed| {
        let config = PickFirstConfig { shuffle_address_list: true };
        let mut bench = Bench::new(Box::new(super::super::pick_first::PickFirst::new(config, Jitter::new(seed))));
        bench.on(Event::ExitIdle);
        let effects = bench.resolved(&addresses);
        assert_eq!(bench.resolved(&addresses), "");
        effects
    };
    let firsts: std::collections::HashSet<_> = (0..100).map(first).collect();
    assert_eq!(firsts.len(), addresses.len(), "each of them is the first for some client");
    assert_eq!(first(7), first(7));
}

#[test]
fn when_all_fail_the_channel_fails_and_each_address_is_tried_again_by_itself() {
    let mut bench = bench();
    bench.resolved(&["1", "2"]);
    assert_eq!(bench.on(Event::ExitIdle), "publish CONNECTING, create 1 10.0.0.1:1, connect 1");
    assert_eq!(bench.changed(1, dead("a")), "publish CONNECTING, create 2 10.0.0.1:2, connect 2");
    assert_eq!(bench.changed(2, dead("b")), "publish TRANSIENT_FAILURE, resolve");
    assert_eq!(tried(&bench.failure()), ["a", "b"]);
    assert_eq!(bench.on(Event::ExitIdle), "", "it is trying already");
    assert_eq!(bench.changed(1, Status::Idle), "connect 1");
    assert_eq!(bench.changed(1, Status::Connecting), "", "it stays in TRANSIENT_FAILURE");
    assert_eq!(bench.changed(1, dead("a2")), "publish TRANSIENT_FAILURE");
    assert_eq!(tried(&bench.failure()), ["a2", "b"]);
    bench.changed(1, Status::Idle);
    assert_eq!(bench.changed(1, dead("a3")), "publish TRANSIENT_FAILURE, resolve", "as many failures as addresses");
}

#[test]
fn an_address_whose_wait_ended_during_the_pass_is_tried_at_its_end() {
    let mut bench = bench();
    bench.resolved(&["1", "2"]);
    bench.on(Event::ExitIdle);
    bench.changed(1, dead("a"));
    assert_eq!(bench.changed(1, Status::Idle), "");
    assert_eq!(bench.changed(2, dead("b")), "publish TRANSIENT_FAILURE, resolve, connect 1");
}

#[test]
fn a_security_fault_is_the_headline_wherever_it_is_in_the_list() {
    for statuses in [[expired("a"), dead("b"), dead("c")], [dead("a"), expired("b"), dead("c")]] {
        let mut bench = bench();
        bench.resolved(&["1", "2", "3"]);
        bench.on(Event::ExitIdle);
        for (id, status) in (1..).zip(statuses) {
            bench.changed(id, status);
        }
        let failure = bench.failure();
        assert_eq!((failure.cause(), failure.record().category), (Cause::TlsCertExpired, Category::Security));
        assert_eq!(tried(&failure), ["a", "b", "c"]);
    }
}

#[test]
fn otherwise_the_address_that_came_furthest_is_the_headline() {
    let interrupted = |address: &str| failed(Evidence::TlsInterrupted { address: address.into() }, address);
    for statuses in [[interrupted("a"), dead("b")], [dead("a"), interrupted("b")]] {
        let mut bench = bench();
        bench.resolved(&["1", "2"]);
        bench.on(Event::ExitIdle);
        for (id, status) in (1..).zip(statuses) {
            bench.changed(id, status);
        }
        assert_eq!((bench.failure().cause(), tried(&bench.failure())), (Cause::TlsInterrupted, vec!["a", "b"]));
    }
}

#[tokio::test]
async fn a_new_list_keeps_what_it_has_in_common_with_the_old() {
    let network = Network::of(1).await;
    let mut bench = bench();
    bench.resolved(&["1", "2"]);
    bench.on(Event::ExitIdle);
    assert_eq!(bench.changed(1, network.ready(0)), "publish READY");
    assert_eq!(bench.resolved(&["1", "2"]), "");
    assert_eq!(bench.resolved(&["3", "1", "3"]), "", "its address is still there");
    assert_eq!(bench.resolved(&["4", "5"]), "drop 1, publish CONNECTING, create 2 10.0.0.1:4, connect 2");
    assert_eq!(bench.resolved(&["4", "5"]), "", "the pass goes on");
    bench.changed(2, dead("4"));
    assert_eq!(bench.changed(3, dead("5")), "publish TRANSIENT_FAILURE, resolve");
    assert_eq!(bench.resolved(&["4", "5"]), "", "each is waiting for its own turn");
    assert_eq!(
        bench.resolved(&["5", "6"]),
        "drop 2, publish TRANSIENT_FAILURE, create 4 10.0.0.1:6, connect 4",
        "a new pass, which the one that rests does not hold up"
    );
    assert_eq!(bench.changed(4, dead("6")), "publish TRANSIENT_FAILURE, resolve");
}

#[test]
fn an_attempt_that_is_on_its_way_counts_in_the_pass_over_a_new_list() {
    let mut bench = bench();
    bench.on(Event::ExitIdle);
    bench.resolved(&["1", "2"]);
    bench.changed(1, Status::Connecting);
    assert_eq!(bench.resolved(&["2", "1"]), "publish CONNECTING, create 2 10.0.0.1:2, connect 2");
    assert_eq!(bench.after(250), "", "the second of the new list is being tried already");
    assert_eq!(bench.changed(2, dead("2")), "publish CONNECTING");
    assert_eq!(bench.changed(1, dead("1")), "publish TRANSIENT_FAILURE, resolve");
}

#[tokio::test]
async fn a_lost_connection_whose_address_is_connecting_again_starts_a_pass() {
    for status in [Status::Connecting, dead("a")] {
        let network = Network::of(1).await;
        let mut bench = bench();
        bench.resolved(&["1", "2"]);
        bench.on(Event::ExitIdle);
        bench.changed(1, network.ready(0));
        let effects = bench.changed(1, status);
        assert!(effects.starts_with("resolve, publish CONNECTING"), "{effects}");
    }
}

#[test]
fn an_idle_channel_takes_a_list_without_connecting() {
    let mut bench = bench();
    assert_eq!(bench.resolved(&["1"]), "");
    assert_eq!(bench.resolved(&["2"]), "");
    assert_eq!(bench.on(Event::ExitIdle), "publish CONNECTING, create 1 10.0.0.1:2, connect 1");
}

#[test]
fn a_lookup_that_fails_counts_only_while_there_is_no_list() {
    let mut bench = bench();
    bench.on(Event::ExitIdle);
    assert_eq!(bench.on(no_such_name()), "publish TRANSIENT_FAILURE");
    assert_eq!(bench.failure().cause(), Cause::NameNotFound);
    assert_eq!(bench.resolved(&["1"]), "publish CONNECTING, create 1 10.0.0.1:1, connect 1");
    assert_eq!(bench.on(no_such_name()), "", "the list still stands");
    assert_eq!(bench.changed(1, dead("a")), "publish TRANSIENT_FAILURE, resolve");
    let failure = bench.failure();
    assert_eq!(failure.cause(), Cause::ConnectRefused);
    assert_eq!(failure.record().underlying.as_ref().map(Failure::cause), Some(Cause::NameNotFound));
    assert_eq!(bench.resolved(&["1"]), "publish TRANSIENT_FAILURE");
    assert!(bench.failure().record().underlying.is_none());
}

#[tokio::test]
async fn health_and_ejection_are_not_for_one_address() {
    let network = Network::of(1).await;
    let mut bench = bench();
    bench.resolved(&["1"]);
    bench.on(Event::ExitIdle);
    bench.changed(1, network.ready(0));
    assert_eq!(bench.on(Event::Health(SubId(1), not_serving())), "");
    assert!(matches!(bench.pick(), PickResult::Pick(_)));
}
