use super::{
    Lanes, Setup, Signal, Status, SubId, Subchannel, choose,
    pace::{Due, Pace},
    testing::{Server, closed_port, rt, setup, slammed_door},
};
use crate::{
    clock,
    failure::{Cause, Phase, Reached},
    options::BackoffOptions,
    transport::{Address, Connection, Slot},
};
use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

struct Bench {
    sub: Subchannel,
    setup: Arc<Setup>,
    signals: UnboundedReceiver<Signal>,
}

impl Bench {
    fn new(address: SocketAddr) -> Bench {
        let (sender, signals) = unbounded_channel();
        let setup = setup(sender);
        Bench { sub: Subchannel::new(SubId(1), Address::Tcp(address), setup.clone()), setup, signals }
    }

    /// With a window for the first attempt after a loss.
    fn windowed(address: SocketAddr, window: Duration) -> Bench {
        let mut bench = Bench::new(address);
        let (signals, heard) = unbounded_channel();
        let mut setup = setup(signals);
        Arc::get_mut(&mut setup).unwrap().reconnect_window = window;
        (bench.sub, bench.setup, bench.signals) =
            (Subchannel::new(SubId(1), Address::Tcp(address), setup.clone()), setup, heard);
        bench
    }

    /// The next status that the subchannel makes of its task's news.
    async fn next(&mut self) -> Status {
        loop {
            let signal = self.signals.recv().await.unwrap();
            if let Some(status) = self.sub.hear(signal.attempt, signal.news) {
                return status;
            }
        }
    }

    /// Its connections, as soon as there are others than before.
    async fn ready(&mut self) -> Vec<Connection> {
        match self.next().await {
            Status::Ready(lanes) => lanes.iter().map(|lane| lane.connection().clone()).collect(),
            other => panic!("{other:?}"),
        }
    }

    async fn tasks_end(&self) {
        while self.setup.fleet.stats().tasks > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test]
async fn it_connects_when_wanted_and_is_idle_again_when_the_server_drains() {
    let server = Server::start().await;
    let mut bench = Bench::new(server.address);
    assert!(matches!(bench.sub.want(), Some(Status::Connecting)));
    assert!(bench.sub.want().is_none(), "one attempt at a time");
    let connection = bench.ready().await.remove(0);
    assert!(connection.is_usable());
    assert_eq!(bench.setup.fleet.stats().connections, 1);
    server.drain();
    assert!(matches!(bench.next().await, Status::Idle));
    drop(connection);
    bench.tasks_end().await;
    assert_eq!(bench.setup.fleet.stats().connections, 0);
    assert!(matches!(bench.sub.want(), Some(Status::Connecting)));
    assert!(matches!(bench.next().await, Status::Ready(_)));
    assert_eq!(server.accepted(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failure_says_what_was_tried_and_the_wait_is_counted_from_the_start_of_the_attempt() {
    let address = closed_port().await;
    let mut bench = Bench::new(address);
    let start = clock::now();
    bench.sub.want();
    assert_eq!(bench.sub.phase(), Some(Phase::Connect));
    let Status::Failed(failure) = bench.next().await else { panic!("connected") };
    let record = failure.record();
    assert_eq!(
        (record.cause, record.reached, record.phase),
        (Cause::ConnectRefused, Reached::No, Some(Phase::Connect))
    );
    assert_eq!((record.target.as_deref(), record.peer.as_deref()), (Some("test"), None));
    let [attempt] = &record.attempts[..] else { panic!("{:?}", record.attempts) };
    assert_eq!(attempt.address.as_deref(), Some(address.to_string().as_str()));
    assert_eq!((attempt.cause, attempt.delay), (Some(Cause::ConnectRefused), Duration::ZERO));
    assert_eq!(attempt.elapsed.iter().map(|(phase, _)| *phase).collect::<Vec<_>>(), [Phase::Connect]);
    let due = bench.sub.due().unwrap();
    assert!((800..=1200).contains(&due.duration_since(start).as_millis()));
    assert!(bench.sub.want().is_none(), "not before the wait is over");
    assert!(bench.sub.tick(due - Duration::from_millis(1)).is_none());
    assert!(matches!(bench.sub.tick(due), Some(Status::Idle)));
    bench.sub.want();
    let Status::Failed(again) = bench.next().await else { panic!("connected") };
    assert!((800..=1200).contains(&again.record().attempts[0].delay.as_millis()));
}

#[tokio::test(start_paused = true)]
async fn a_reset_ends_the_wait_and_makes_the_next_one_short() {
    let (address, _) = slammed_door().await;
    let mut bench = Bench::new(address);
    for _ in 0..5 {
        bench.sub.want();
        assert!(matches!(bench.next().await, Status::Failed(_)));
        assert!(matches!(bench.sub.reset_backoff(), Some(Status::Idle)));
        assert_eq!(bench.sub.due(), None);
    }
    let start = clock::now();
    bench.sub.want();
    let Status::Failed(failure) = bench.next().await else { panic!("connected") };
    assert_eq!((failure.cause(), failure.record().phase), (Cause::PeerClosedEarly, Some(Phase::Settings)));
    assert_eq!(failure.record().peer.as_deref(), Some(address.to_string().as_str()));
    assert!(bench.sub.due().unwrap().duration_since(start).as_millis() <= 1200);
}

#[tokio::test]
async fn dropping_it_ends_the_attempt() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut bench = Bench::new(silent.local_addr().unwrap());
    bench.sub.want();
    let (_socket, _) = silent.accept().await.unwrap();
    while bench.sub.phase() != Some(Phase::Settings) {
        let signal = bench.signals.recv().await.unwrap();
        assert!(bench.sub.hear(signal.attempt, signal.news).is_none());
    }
    let Bench { sub, setup, signals } = bench;
    drop(sub);
    let bench = Bench { sub: Subchannel::new(SubId(2), Address::Unix("x".into()), setup.clone()), setup, signals };
    bench.tasks_end().await;
}

#[tokio::test]
async fn dropping_it_lets_calls_finish() {
    let server = Server::start().await;
    let mut bench = Bench::new(server.address);
    bench.sub.want();
    let connection = bench.ready().await.remove(0);
    let slot = connection.slot().await.unwrap();
    let request = http::Request::post("http://test/a/b").body(()).unwrap();
    let stream = connection.open(slot, request, true).unwrap();
    drop(connection);
    let Bench { sub, setup, .. } = bench;
    drop(sub);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let stats = setup.fleet.stats();
    assert_eq!((stats.connections, stats.streams), (1, 1));
    drop(stream);
    while setup.fleet.stats().tasks > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(setup.fleet.stats(), super::FleetStats::default());
}

const ANY: &str = "127.0.0.1:0";

impl Bench {
    /// With so many connections to one address.
    fn scaled(address: SocketAddr, most: u32) -> Bench {
        let bench = Bench::new(address);
        bench.setup.most_connections.store(most, Relaxed);
        bench
    }
}

/// Takes as many slots as there are, from the connection that calls would use.
fn fill(lanes: &Lanes) -> Vec<Slot> {
    std::iter::from_fn(|| choose(lanes)?.connection().try_slot()).collect()
}

#[tokio::test]
async fn a_second_connection_is_made_when_calls_wait_and_the_waiting_call_gets_it() {
    let server = Server::limited(ANY.parse().unwrap(), Some(2)).await;
    let mut bench = Bench::scaled(server.address, 2);
    bench.sub.want();
    let Status::Ready(first) = bench.next().await else { panic!() };
    let mut slots = fill(&first);
    assert_eq!((slots.len(), first.len(), server.accepted()), (2, 1, 1), "not before a call waits");
    let lane = first[0].clone();
    let waiting = rt().spawn("test.call", async move { lane.slot().await });
    let Status::Ready(both) = bench.next().await else { panic!() };
    let (lane, slot) = waiting.await.unwrap().unwrap();
    assert_eq!((both.len(), server.accepted()), (2, 2));
    assert!(Arc::ptr_eq(lane.connection().peer(), both[1].connection().peer()));
    slots.push(slot);
    slots.extend(fill(&both));
    assert_eq!(slots.len(), 4);
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let lane = both[0].clone();
            rt().spawn("test.call", async move { lane.slot().await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(bench.signals.try_recv().is_err(), "two are enough");
    slots.truncate(2);
    for call in waiting {
        call.await.unwrap().unwrap();
    }
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn the_oldest_connection_with_room_is_used_and_a_call_survives_the_end_of_one() {
    let server = Server::limited(ANY.parse().unwrap(), Some(1)).await;
    let mut bench = Bench::scaled(server.address, 2);
    bench.sub.want();
    let Status::Ready(first) = bench.next().await else { panic!() };
    let slots = fill(&first);
    let lane = first[0].clone();
    let call = rt().spawn("test.call", async move { lane.slot().await });
    let Status::Ready(both) = bench.next().await else { panic!() };
    let (_, second) = call.await.unwrap().unwrap();
    drop(slots);
    assert!(Arc::ptr_eq(choose(&both).unwrap().connection().peer(), both[0].connection().peer()));
    let slots = fill(&both);
    let lane = both[0].clone();
    let call = rt().spawn("test.call", async move { lane.slot().await });
    tokio::task::yield_now().await;
    both[0].connection().drain();
    let Status::Ready(left) = bench.next().await else { panic!() };
    assert_eq!(left.len(), 1, "still READY");
    drop(second);
    let (lane, _slot) = call.await.unwrap().unwrap();
    assert!(Arc::ptr_eq(lane.connection().peer(), left[0].connection().peer()));
    drop(slots);
    left[0].connection().drain();
    assert!(matches!(bench.next().await, Status::Idle));
    assert!(left[0].slot().await.is_err(), "nobody waits at an address without connections");
}

#[tokio::test(start_paused = true)]
async fn a_further_connection_that_fails_is_tried_again_while_calls_wait() {
    let server = Server::limited(ANY.parse().unwrap(), Some(1)).await;
    let address = server.address;
    let mut bench = Bench::scaled(address, 2);
    bench.sub.want();
    let Status::Ready(first) = bench.next().await else { panic!() };
    let slots = fill(&first);
    server.stop_listening();
    let lane = first[0].clone();
    let call = rt().spawn("test.call", async move { lane.slot().await });
    while bench.sub.due().is_none() {
        let signal = bench.signals.recv().await.unwrap();
        assert!(bench.sub.hear(signal.attempt, signal.news).is_none(), "it stays READY");
    }
    let server = Server::limited(address, Some(1)).await;
    assert!(bench.sub.tick(bench.sub.due().unwrap()).is_none());
    let Status::Ready(both) = bench.next().await else { panic!() };
    assert_eq!((both.len(), server.accepted()), (2, 1));
    call.await.unwrap().unwrap();
    drop(slots);
}

#[tokio::test]
async fn another_network_ends_the_attempt_and_begins_another() {
    let silent = tokio::net::TcpListener::bind(ANY).await.unwrap();
    let mut bench = Bench::new(silent.local_addr().unwrap());
    bench.sub.want();
    let (_first, _) = silent.accept().await.unwrap();
    assert!(bench.sub.network_changed().is_none(), "still CONNECTING");
    let (_second, _) = silent.accept().await.unwrap();
    while bench.setup.fleet.stats().tasks > 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn settings_alone_prove_no_server_and_a_connection_that_lived_does() {
    let server = Server::start().await;
    let mut bench = Bench::new(server.address);
    for _ in 0..5 {
        bench.sub.want();
        bench.ready().await;
        server.drain();
        assert!(matches!(bench.next().await, Status::Idle), "a few are forgiven");
    }
    let start = clock::now();
    bench.sub.want();
    bench.ready().await;
    server.drain();
    let Status::Failed(failure) = bench.next().await else { panic!("it proved nothing") };
    let record = failure.record();
    assert_eq!((record.cause, record.reached), (Cause::H2GoawayUnprocessed, Reached::No), "{failure}");
    assert_eq!((record.attempts.len(), record.attempts[0].delay), (1, Duration::ZERO));
    let wait = bench.sub.due().unwrap().duration_since(start).as_millis();
    assert!((800..=1200).contains(&wait), "the first wait: {wait}");
    assert!(bench.sub.want().is_none(), "not before it is over");
    assert!(matches!(bench.sub.tick(bench.sub.due().unwrap()), Some(Status::Idle)));
    for _ in 0..7 {
        bench.sub.want();
        bench.ready().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        server.drain();
        assert!(matches!(bench.next().await, Status::Idle));
    }
}

/// A server that ages its connections faster than it answers loses no call.
#[tokio::test(start_paused = true)]
async fn a_drain_that_lets_a_call_finish_proves_a_server() {
    let server = Server::start().await;
    let mut bench = Bench::new(server.address);
    let mut held = Vec::new();
    for _ in 0..7 {
        bench.sub.want();
        let connection = bench.ready().await.remove(0);
        let request = http::Request::post("http://test/a/b").body(()).unwrap();
        held.push(connection.open(connection.try_slot().unwrap(), request, true).unwrap());
        server.drain();
        assert!(matches!(bench.next().await, Status::Idle));
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_loss_the_attempt_waits_in_the_window_and_a_reset_ends_that() {
    let server = Server::start().await;
    let mut bench = Bench::windowed(server.address, Duration::from_secs(10));
    bench.sub.want();
    bench.ready().await;
    let address = server.address;
    drop(server);
    assert!(matches!(bench.next().await, Status::Idle));
    let start = clock::now();
    assert!(matches!(bench.sub.want(), Some(Status::Connecting)));
    assert_eq!(bench.sub.phase(), Some(Phase::Backoff));
    let due = bench.sub.due().unwrap();
    assert!(due > start && due <= start + Duration::from_secs(10));
    let _server = Server::at(address).await;
    assert!(bench.sub.reset_backoff().is_none());
    assert_eq!((bench.sub.due(), bench.sub.phase()), (None, Some(Phase::Connect)));
    bench.ready().await;
}

/// When one client that lost its server reaches it again, if it is away for half a second; in milliseconds.
async fn back_after(options: &BackoffOptions, window: Duration) -> u128 {
    const AWAY: Duration = Duration::from_millis(500);
    let (start, mut pace) = (clock::now(), Pace::new(options, window));
    pace.lost(true);
    loop {
        if pace.hold() {
            tokio::time::sleep_until(pace.due().unwrap()).await;
            assert_eq!(pace.tick(clock::now()), Some(Due::Dial));
        }
        pace.began();
        let since = clock::now().duration_since(start);
        if since >= AWAY {
            return since.as_millis();
        }
        pace.rest();
        tokio::time::sleep_until(pace.due().unwrap()).await;
        assert_eq!(pace.tick(clock::now()), Some(Due::BackoffOver));
    }
}

#[tokio::test(start_paused = true)]
async fn five_hundred_clients_that_lost_their_server_do_not_come_back_at_once() {
    let still = BackoffOptions { jitter: 0.0, ..BackoffOptions::default() };
    let mut peaks = Vec::new();
    for (options, window) in [(BackoffOptions::default(), 10), (BackoffOptions::default(), 0), (still, 0)] {
        let mut shares = std::collections::BTreeMap::<u128, u32>::new();
        for _ in 0..500 {
            *shares.entry(back_after(&options, Duration::from_secs(window)).await / 100).or_default() += 1;
        }
        peaks.push(shares.into_values().max().unwrap());
    }
    assert!(peaks[0] <= 25, "at most 5 % within 100 ms: {peaks:?}");
    assert!((100..300).contains(&peaks[1]), "jitter alone: {peaks:?}");
    assert_eq!(peaks[2], 500, "without either all come at the same moment");
}
