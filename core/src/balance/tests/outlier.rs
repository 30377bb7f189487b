use super::*;
use crate::{clock::Jitter, options::LoadBalancing};

/// Fails an address when more than half of at least ten calls failed, and looks every ten seconds.
fn rule() -> Value {
    json!({
        "childPolicy": [{"round_robin": {}}],
        "maxEjectionPercent": 50,
        "failurePercentageEjection": {"threshold": 50, "minimumHosts": 2, "requestVolume": 10},
    })
}

fn with(changes: Value) -> Value {
    let mut rule = rule();
    for (key, value) in changes.as_object().unwrap() {
        rule[key] = value.clone();
    }
    rule
}

/// With a seed of its own for the chance that an outlier is left out.
fn bench(rule: Value, seed: u64) -> Bench {
    let LoadBalancing::OutlierDetection(config) = load_balancing(json!([{ "outlier_detection": rule }])) else {
        panic!()
    };
    let child = policy(&config.child_policy, false);
    Bench::new(Box::new(super::super::outlier::OutlierDetection::new(config, child, Jitter::new(seed))))
}

/// Every address of the network READY.
fn ready(bench: &mut Bench, network: &Network) {
    let ports: Vec<_> = (1..=network.servers.len()).map(|port| port.to_string()).collect();
    bench.resolved(&ports.iter().map(String::as_str).collect::<Vec<_>>());
    for at in 0..network.servers.len() {
        bench.changed(at as u64 + 1, network.ready(at));
    }
}

/// Makes calls, of which those at one server fail; says how many each got.
fn call(bench: &Bench, network: &Network, calls: usize, bad: usize) -> Vec<usize> {
    let mut shares = vec![0; network.servers.len()];
    for _ in 0..calls {
        let picked = bench.picked();
        let at = network.position(&picked);
        shares[at] += 1;
        picked.charge.unwrap().ended(at != bad);
    }
    shares
}

#[tokio::test]
async fn an_address_at_which_calls_fail_is_left_out_for_a_while_and_longer_the_next_time() {
    let network = Network::of(3).await;
    let mut bench = bench(rule(), 1);
    ready(&mut bench, &network);
    assert_eq!(bench.due_ms(), Some(10_000));
    assert_eq!(call(&bench, &network, 30, 2), [10, 10, 10]);
    assert_eq!(bench.after(10_000), "publish READY");
    assert_eq!(call(&bench, &network, 20, 2), [10, 10, 0]);
    assert_eq!([bench.after(10_000), bench.after(10_000), bench.after(10_000)], ["", "", ""], "30 s and not more");
    assert_eq!(bench.after(10_000), "publish READY", "the look after them");
    assert_eq!(call(&bench, &network, 30, 2), [10, 10, 10]);
    assert_eq!(bench.after(10_000), "publish READY", "again");
    for _ in 0..6 {
        assert_eq!(bench.after(10_000), "", "60 s this time");
    }
    assert_eq!(bench.after(10_000), "publish READY");
    assert_eq!(call(&bench, &network, 30, 9), [10, 10, 10]);
}

#[tokio::test]
async fn not_more_than_a_share_is_left_out() {
    let network = Network::of(4).await;
    let mut bench = bench(with(json!({"maxEjectionPercent": 10})), 1);
    ready(&mut bench, &network);
    for _ in 0..40 {
        bench.picked().charge.unwrap().ended(false);
    }
    bench.after(10_000);
    assert_eq!(call(&bench, &network, 30, 9), [0, 10, 10, 10], "one in any case");
}

#[tokio::test]
async fn when_all_are_left_out_calls_learn_why() {
    let network = Network::of(2).await;
    let mut bench = bench(with(json!({"maxEjectionPercent": 100})), 1);
    ready(&mut bench, &network);
    for _ in 0..40 {
        bench.picked().charge.unwrap().ended(false);
    }
    assert_eq!(bench.after(10_000), "publish READY, publish TRANSIENT_FAILURE");
    let failure = bench.failure();
    assert_eq!(failure.cause(), Cause::ServerEjected);
    assert_eq!(failure.record().evidence("total").unwrap().to_string(), "20");
    assert_eq!(bench.changed(1, Status::Idle), "resolve, connect 1", "its connection is kept up meanwhile");
    bench.changed(1, network.ready(0));
    (0..3).for_each(|_| drop(bench.after(10_000)));
    assert_eq!(bench.after(10_000), "publish READY, publish READY");
}

#[tokio::test]
async fn who_gave_up_says_nothing_of_the_server() {
    let network = Network::of(2).await;
    let mut bench = bench(rule(), 1);
    ready(&mut bench, &network);
    (0..100).for_each(|_| drop(bench.picked()));
    assert_eq!(bench.after(10_000), "");
}

#[tokio::test]
async fn an_address_that_comes_back_under_the_same_name_is_still_left_out() {
    let network = Network::of(2).await;
    let mut bench = bench(rule(), 1);
    ready(&mut bench, &network);
    call(&bench, &network, 20, 1);
    bench.after(10_000);
    assert_eq!(bench.resolved(&["2", "1"]), "", "the order is another, and the same one takes calls");
    bench.changed(2, Status::Idle);
    assert_eq!(bench.changed(2, network.ready(1)), "");
    assert_eq!(call(&bench, &network, 4, 9), [4, 0]);
    assert_eq!(bench.resolved(&["1"]), "drop 2");
    assert_eq!(bench.resolved(&["1", "2"]), "create 3 10.0.0.1:2, connect 3");
    assert_eq!(bench.changed(3, network.ready(1)), "publish READY", "it was forgotten when it was removed");
}

#[tokio::test]
async fn the_success_rate_is_compared_with_that_of_the_others() {
    let network = Network::of(5).await;
    let config = json!({
        "childPolicy": [{"least_request": {}}],
        "successRateEjection": {"requestVolume": 20, "minimumHosts": 5},
    });
    let mut bench = bench(config, 1);
    ready(&mut bench, &network);
    fastrand::seed(7);
    let shares = call(&bench, &network, 500, 3);
    assert!(shares.iter().all(|share| *share >= 20), "{shares:?}");
    assert_eq!(bench.after(10_000), "publish READY");
    assert_eq!(call(&bench, &network, 100, 9)[3], 0);
}

#[tokio::test]
async fn enforcement_is_a_matter_of_chance() {
    let network = Network::of(2).await;
    let mut ejected = 0;
    for seed in 0..200 {
        let chance = json!({"threshold": 50, "minimumHosts": 2, "requestVolume": 10, "enforcementPercentage": 30});
        let mut bench = bench(with(json!({ "failurePercentageEjection": chance })), seed);
        ready(&mut bench, &network);
        call(&bench, &network, 20, 1);
        ejected += usize::from(bench.after(10_000) == "publish READY");
    }
    assert!((40..80).contains(&ejected), "{ejected} of 200");
}

#[tokio::test]
async fn without_an_algorithm_nothing_is_counted() {
    let network = Network::of(2).await;
    let mut bench = bench(json!({"childPolicy": [{"round_robin": {}}]}), 1);
    ready(&mut bench, &network);
    assert_eq!(bench.due_ms(), None);
    assert!(bench.picked().charge.is_none());
}

#[tokio::test]
async fn one_connection_for_all_calls_is_never_left_out() {
    let network = Network::of(1).await;
    let child = json!([{"pick_first": {}}]);
    let mut bench = bench(with(json!({ "childPolicy": child })), 1);
    bench.on(Event::ExitIdle);
    bench.resolved(&["1", "2"]);
    assert_eq!(bench.due_ms(), Some(250), "the inner policy's time counts, too");
    assert_eq!(bench.after(250), "create 2 10.0.0.1:2, connect 2");
    assert_eq!(bench.changed(2, network.ready(0)), "drop 1, publish READY");
    assert!(bench.picked().charge.is_none());
}
