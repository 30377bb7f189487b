//! The bridge. All of a host's submissions come before the core's thread looks, as in a turn of an event loop.
use crate::{
    bed::Bed,
    bound::{Bound, Cost},
    count::counting,
    host::{Host, spec},
};
use causewire::bridge::{Event, Kind};
use causewire_bench::{
    BIDI, SERVER_STREAM, UNARY,
    cell::{message, wish},
};
use std::time::Duration;

fn cost(host: &Host, operations: u64, work: impl FnOnce()) -> Cost {
    let before = host.figures();
    work();
    let after = host.figures();
    Cost { counts: after.0 - before.0, rings: after.1 - before.1, operations }
}

/// Rounds of `width` calls: submitted in one turn of the host's loop, taken in another.
fn unary(bed: &Bed, host: &Host, width: u64, rounds: u64, mut beside: impl FnMut()) -> Cost {
    let method = host.method(UNARY, Kind::Unary);
    cost(host, width * rounds, || {
        for _ in 0..rounds {
            for _ in 0..width {
                host.submit(method, Some(message(100)));
                beside();
            }
            bed.settle();
            assert_eq!(host.take().len() as u64, width);
        }
    })
}

const UNARY_64: Bound = Bound { allocations: 20.6, sends: 0.02, receives: 0.04, wakes: 0.016, rings: 0.016 };

#[test]
fn unary_calls_one_after_another() {
    let bed = Bed::new().unwrap();
    let host = Host::new(&bed);
    unary(&bed, &host, 1, 200, || ());
    unary(&bed, &host, 1, 1000, || ()).must_be_within(
        "bridge, unary",
        Bound { allocations: 26.1, sends: 1.01, receives: 1.05, wakes: 1.01, rings: 1.0 },
    );
}

#[test]
fn unary_calls_64_in_flight() {
    let bed = Bed::new().unwrap();
    let host = Host::new(&bed);
    unary(&bed, &host, 64, 10, || ());
    unary(&bed, &host, 64, 50, || ()).must_be_within("bridge, unary 64", UNARY_64);
}

/// The core is as fast as can be, and the host busy elsewhere: one ring tells of everything.
#[test]
fn unary_calls_that_end_while_the_host_is_busy() {
    let bed = Bed::new().unwrap();
    let host = Host::new(&bed);
    let method = host.method(UNARY, Kind::Unary);
    let rounds = |rounds: u64| {
        cost(&host, 64 * rounds, || {
            for _ in 0..rounds {
                for _ in 0..64 {
                    host.submit(method, Some(message(100)));
                    bed.settle();
                }
                assert_eq!(host.take().len(), 64);
            }
        })
    };
    rounds(5);
    rounds(15).must_be_within(
        "bridge, unary 64, busy host",
        Bound { allocations: 25.5, sends: 1.01, receives: 1.05, wakes: 1.01, rings: 0.016 },
    );
}

#[test]
fn a_stream_of_small_messages() {
    let bed = Bed::new().unwrap();
    let host = Host::new(&bed);
    let method = host.method(SERVER_STREAM, Kind::ServerStreaming);
    let read = |count: u32| {
        cost(&host, count.into(), || {
            let call = host.submit(method, Some(wish(count, 100)));
            let mut received = 0;
            while host.queue.in_flight() > 0 {
                bed.settle();
                for event in host.take() {
                    if let Event::Messages { messages, .. } = event {
                        received += messages.len() as u32;
                        counting(|| host.queue.credit(call, messages.len() as u32));
                    }
                }
            }
            assert_eq!(received, count);
        })
    };
    read(10_000);
    read(100_000).must_be_within(
        "bridge, stream 100 B",
        Bound { allocations: 0.022, sends: 0.0007, receives: 0.0045, wakes: 0.0011, rings: 0.0011 },
    );
}

#[test]
fn messages_in_turns() {
    let bed = Bed::new().unwrap();
    let host = Host::new(&bed);
    let call = host.submit(host.method(BIDI, Kind::Bidi), None);
    let turns = |count: u64| {
        cost(&host, count, || {
            for _ in 0..count {
                counting(|| host.queue.send(call, message(100)));
                bed.settle();
                let events = host.take();
                assert!(events.iter().any(|event| matches!(event, Event::Messages { .. })), "{events:?}");
                counting(|| host.queue.credit(call, 1));
            }
        })
    };
    turns(200);
    turns(1000).must_be_within(
        "bridge, ping-pong",
        Bound { allocations: 9.1, sends: 1.01, receives: 1.05, wakes: 1.01, rings: 1.0 },
    );
}

#[test]
fn blocking_calls() {
    let bed = Bed::new().unwrap();
    let host = Host::new(&bed);
    let method = host.method(UNARY, Kind::Unary);
    let calls = |count: u64| {
        cost(&host, count, || {
            for _ in 0..count {
                let call = counting(|| host.channel.start(spec(method, Some(message(100)))).unwrap());
                bed.settle();
                let progress = counting(|| call.wait(Some(Duration::ZERO))).unwrap();
                assert!(matches!(progress.done, Some(Ok(_))), "{progress:?}");
                counting(|| drop(call));
            }
        })
    };
    calls(200);
    calls(1000).must_be_within(
        "bridge, blocking unary",
        Bound { allocations: 27.1, sends: 1.01, receives: 1.05, wakes: 1.01, rings: 0.0 },
    );
}

/// The guard notices what it is there to notice.
#[test]
fn one_more_wake_per_call_is_above_the_bound() {
    let bed = Bed::new().unwrap();
    let host = Host::new(&bed);
    unary(&bed, &host, 64, 10, || ());
    let more = unary(&bed, &host, 64, 50, || counting(|| drop(bed.client.spawn(std::future::ready(())))));
    println!("bridge, unary 64, with a wake more per call: {more}");
    assert!(more.above(&UNARY_64).contains(&"wakes"), "{more}");
}
