use super::{
    Setup, Signal, Status, SubId, Subchannel,
    testing::{Server, closed_port, setup, slammed_door},
};
use crate::{
    clock,
    failure::{Cause, Phase, Reached},
    transport::Address,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
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

    /// The next status that the subchannel makes of its task's news.
    async fn next(&mut self) -> Status {
        loop {
            let signal = self.signals.recv().await.unwrap();
            if let Some(status) = self.sub.hear(signal.attempt, signal.news) {
                return status;
            }
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
    let Status::Ready(connection) = bench.next().await else { panic!("not ready") };
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
    let Status::Ready(connection) = bench.next().await else { panic!("not ready") };
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
