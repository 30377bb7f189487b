use super::*;

fn round_robin() -> Bench {
    Bench::of("round_robin", json!({}))
}

/// How many of so many calls each server gets.
fn shares(bench: &Bench, network: &Network, calls: usize) -> Vec<usize> {
    let mut shares = vec![0; network.servers.len()];
    for _ in 0..calls {
        shares[network.position(&bench.picked())] += 1;
    }
    shares
}

#[tokio::test]
async fn every_address_is_connected_to_and_gets_its_turn() {
    let network = Network::of(3).await;
    let mut bench = round_robin();
    assert_eq!(bench.on(Event::ExitIdle), "publish CONNECTING");
    assert_eq!(
        bench.resolved(&["1", "2", "2", "3"]),
        "create 1 10.0.0.1:1, connect 1, create 2 10.0.0.1:2, connect 2, create 3 10.0.0.1:3, connect 3"
    );
    assert_eq!(bench.changed(1, Status::Connecting), "");
    assert_eq!(bench.changed(2, network.ready(1)), "publish READY", "one is enough");
    assert_eq!(shares(&bench, &network, 5), [0, 5, 0]);
    assert_eq!(bench.changed(1, network.ready(0)), "publish READY");
    assert_eq!(bench.changed(3, network.ready(2)), "publish READY");
    assert_eq!(shares(&bench, &network, 9), [3, 3, 3]);
    assert!(bench.picked().charge.is_none(), "nothing is counted in turn");
    assert_eq!(bench.due_ms(), None);
}

#[tokio::test]
async fn one_that_fails_does_not_disturb_the_others() {
    let network = Network::of(2).await;
    let mut bench = round_robin();
    bench.resolved(&["1", "2"]);
    assert_eq!(bench.changed(1, dead("a")), "resolve, publish CONNECTING");
    assert_eq!(bench.problem(), Some(Cause::ConnectRefused), "who waits learns of it");
    assert_eq!(bench.changed(2, network.ready(1)), "publish READY");
    assert_eq!(bench.changed(1, Status::Idle), "connect 1");
    assert_eq!(bench.changed(1, Status::Connecting), "");
    assert_eq!(shares(&bench, &network, 4), [0, 4]);
    network.connections[1].drain();
    assert!(matches!(bench.pick(), PickResult::Queue));
    assert_eq!(bench.changed(2, Status::Idle), "resolve, connect 2, publish CONNECTING", "reconnected at once");
    assert_eq!(bench.changed(2, Status::Connecting), "");
    assert_eq!(bench.changed(2, dead("b")), "resolve, publish TRANSIENT_FAILURE", "failing until READY, both");
    assert_eq!(tried(&bench.failure()), ["a", "b"]);
    assert_eq!(bench.changed(2, Status::Idle), "connect 2");
    assert_eq!(bench.changed(2, Status::Connecting), "");
    assert_eq!(bench.changed(1, network.ready(0)), "publish READY");
}

#[tokio::test]
async fn a_new_list_adds_and_removes_and_keeps_the_rest() {
    let network = Network::of(3).await;
    let mut bench = round_robin();
    bench.resolved(&["1", "2"]);
    bench.changed(1, network.ready(0));
    bench.changed(2, network.ready(1));
    assert_eq!(bench.resolved(&["2", "1"]), "publish READY", "the order is another");
    assert_eq!(bench.resolved(&["2", "3"]), "create 3 10.0.0.1:3, connect 3, drop 1, publish READY");
    assert_eq!(shares(&bench, &network, 4), [0, 4, 0]);
    assert_eq!(bench.changed(3, network.ready(2)), "publish READY");
    assert_eq!(shares(&bench, &network, 4), [0, 2, 2]);
    assert_eq!(bench.changed(1, Status::Idle), "", "it is not ours any more");
}

#[tokio::test]
async fn a_lookup_that_fails_counts_only_while_there_is_no_list() {
    let mut bench = round_robin();
    bench.on(Event::ExitIdle);
    assert_eq!(bench.on(no_such_name()), "publish TRANSIENT_FAILURE");
    assert_eq!(bench.failure().cause(), Cause::NameNotFound);
    assert_eq!(bench.resolved(&["1"]), "create 1 10.0.0.1:1, connect 1, publish CONNECTING");
    bench.changed(1, dead("a"));
    assert_eq!(bench.on(no_such_name()), "publish TRANSIENT_FAILURE");
    assert_eq!(bench.failure().record().underlying.as_ref().map(Failure::cause), Some(Cause::NameNotFound));
}

#[tokio::test]
async fn the_less_busy_of_two_gets_the_call() {
    let network = Network::of(2).await;
    let mut bench = Bench::of("least_request", json!({"choiceCount": 10}));
    bench.resolved(&["1", "2"]);
    bench.changed(1, network.ready(0));
    bench.changed(2, network.ready(1));
    fastrand::seed(7);
    let mut running: Vec<Vec<_>> = vec![Vec::new(), Vec::new()];
    for _ in 0..100 {
        let picked = bench.picked();
        running[network.position(&picked)].push(picked);
    }
    assert!(running.iter().all(|calls| (48..=52).contains(&calls.len())), "ten looks nearly always see both");
    running[1].clear();
    assert_eq!(shares(&bench, &network, 40), [0, 40], "whose calls end at once");
    network.connections[1].drain();
    assert_eq!(shares(&bench, &network, 1), [1, 0], "a draining connection takes no calls");
    network.connections[0].drain();
    assert!(matches!(bench.pick(), PickResult::Queue));
}

#[tokio::test]
async fn counts_outlive_the_picker() {
    let network = Network::of(2).await;
    let mut bench = Bench::of("least_request", json!({"choiceCount": 10}));
    bench.resolved(&["1", "2"]);
    bench.changed(1, network.ready(0));
    let _running: Vec<_> = (0..10).map(|_| bench.picked()).collect();
    bench.changed(2, network.ready(1));
    fastrand::seed(7);
    assert_eq!(shares(&bench, &network, 20), [0, 20]);
}

#[tokio::test]
async fn a_server_gets_calls_when_it_says_that_it_serves() {
    let network = Network::of(2).await;
    let mut bench = Bench::new(policy(&LoadBalancing::RoundRobin {}, true));
    bench.on(Event::ExitIdle);
    bench.resolved(&["1", "2"]);
    assert_eq!(bench.changed(1, network.ready(0)), "", "connected, and not asked yet");
    assert_eq!(bench.on(Event::Health(SubId(1), Health::Serving)), "publish READY");
    bench.changed(2, network.ready(1));
    assert_eq!(shares(&bench, &network, 4), [4, 0]);
    assert_eq!(bench.on(Event::Health(SubId(1), not_serving())), "publish CONNECTING", "the other may still serve");
    assert_eq!(bench.on(Event::Health(SubId(2), not_serving())), "publish TRANSIENT_FAILURE");
    assert_eq!(bench.failure().cause(), Cause::ServerNotServing);
    assert_eq!(bench.changed(2, Status::Idle), "resolve, connect 2", "failing until READY");
    assert_eq!(bench.changed(2, network.ready(1)), "");
    assert_eq!(bench.on(Event::Health(SubId(2), Health::Serving)), "publish READY");
    assert_eq!(bench.on(Event::Health(SubId(9), Health::Serving)), "");
}
