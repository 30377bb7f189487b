//! The public Rust channel.
use crate::{
    bed::Bed,
    bound::{Bound, Cost},
    count::{counting, counts},
    host::metadata,
};
use bytes::Bytes;
use causewire::{Channel, ChannelOptions, Kind, Request};
use causewire_bench::{
    DEADLINE, SERVER_STREAM, UNARY,
    cell::{message, wish},
    dead_addresses,
};

fn open(bed: &Bed) -> Channel {
    let _runtime = bed.client.enter();
    let options = ChannelOptions { tls: None, ..ChannelOptions::default() };
    Channel::builder(bed.target.clone()).options(options).build().unwrap()
}

fn request<T>(message: T) -> Request<T> {
    Request::new(message).metadata(metadata()).timeout(DEADLINE)
}

/// `width` callers that make `each` calls, one after another.
fn unary(bed: &Bed, channel: &Channel, width: u64, each: u64) -> Cost {
    let callers: Vec<_> = (0..width)
        .map(|_| {
            let channel = channel.clone();
            bed.client.spawn(async move {
                for _ in 0..each {
                    channel.unary_bytes(UNARY, request(message(100))).await.unwrap();
                }
            })
        })
        .collect();
    let before = counts();
    bed.settle();
    assert!(callers.iter().all(|caller| caller.is_finished()));
    Cost { counts: counts() - before, rings: 0, operations: width * each }
}

#[test]
fn unary_calls_one_after_another() {
    let bed = Bed::new().unwrap();
    let channel = open(&bed);
    unary(&bed, &channel, 1, 200);
    unary(&bed, &channel, 1, 1000).must_be_within(
        "channel, unary",
        Bound { allocations: 20.1, sends: 1.01, receives: 1.05, wakes: 0.001, rings: 0.0 },
    );
}

#[test]
fn unary_calls_64_in_flight() {
    let bed = Bed::new().unwrap();
    let channel = open(&bed);
    unary(&bed, &channel, 64, 10);
    unary(&bed, &channel, 64, 50).must_be_within(
        "channel, unary 64",
        Bound { allocations: 19.3, sends: 0.04, receives: 0.04, wakes: 0.001, rings: 0.0 },
    );
}

fn stream(bed: &Bed, channel: &Channel, count: u32, size: u32) -> Cost {
    let channel = channel.clone();
    let reader = bed.client.spawn(async move {
        let request = request(Some(wish(count, size)));
        let mut call = channel.start::<(), ()>(SERVER_STREAM, Kind::ServerStreaming, request).unwrap();
        let mut received = 0;
        while let Some(message) = call.message_bytes().await.unwrap() {
            assert_eq!(message.len(), size as usize);
            received += 1;
        }
        assert_eq!(received, count);
    });
    let before = counts();
    bed.settle();
    assert!(reader.is_finished());
    Cost { counts: counts() - before, rings: 0, operations: count.into() }
}

#[test]
fn a_stream_of_small_messages() {
    let bed = Bed::new().unwrap();
    let channel = open(&bed);
    stream(&bed, &channel, 10_000, 100);
    stream(&bed, &channel, 100_000, 100).must_be_within(
        "channel, stream 100 B",
        Bound { allocations: 0.018, sends: 0.0002, receives: 0.0045, wakes: 0.0001, rings: 0.0 },
    );
}

#[test]
fn a_stream_of_large_messages() {
    let bed = Bed::new().unwrap();
    let channel = open(&bed);
    stream(&bed, &channel, 100, 64 << 10);
    stream(&bed, &channel, 1000, 64 << 10).must_be_within(
        "channel, stream 64 KiB",
        Bound { allocations: 3.9, sends: 0.045, receives: 2.4, wakes: 0.001, rings: 0.0 },
    );
}

#[test]
fn large_messages_both_ways() {
    let bed = Bed::new().unwrap();
    let channel = open(&bed);
    let one = |each: u64| {
        let channel = channel.clone();
        let caller = bed.client.spawn(async move {
            let message: Bytes = message(1 << 20);
            for _ in 0..each {
                channel.unary_bytes(UNARY, request(message.clone())).await.unwrap();
            }
        });
        let before = counts();
        bed.settle();
        assert!(caller.is_finished());
        Cost { counts: counts() - before, rings: 0, operations: each }
    };
    one(2);
    one(10).must_be_within(
        "channel, unary 1 MiB",
        Bound { allocations: 232.0, sends: 71.0, receives: 136.0, wakes: 0.01, rings: 0.0 },
    );
}

/// What a call costs that fails at once because none of so many addresses can be connected to.
fn failing(addresses: usize) -> Cost {
    const CALLS: u64 = 100;
    let bed = Bed::new().unwrap();
    let channel = {
        let _runtime = bed.client.enter();
        let mut options = ChannelOptions { tls: None, ..ChannelOptions::default() };
        (options.backoff.initial_ms, options.backoff.max_ms) = (60_000, 60_000);
        Channel::builder(dead_addresses(addresses)).options(options).build().unwrap()
    };
    let one = || async { channel.unary_bytes(UNARY, request(message(100))).await.unwrap_err() };
    bed.client.block_on(async { while one().await.failure().record().attempts.len() < addresses {} });
    let before = counts();
    counting(|| {
        bed.client.block_on(async {
            for _ in 0..CALLS {
                one().await;
            }
        });
    });
    Cost { counts: counts() - before, rings: 0, operations: CALLS }
}

#[test]
fn a_call_of_an_outage_costs_the_same_however_many_addresses_are_down() {
    let bound = |allocations| Bound { allocations, sends: 0.0, receives: 0.0, wakes: 0.001, rings: 0.0 };
    failing(1).must_be_within("channel, one dead address", bound(25.9));
    failing(1000).must_be_within("channel, 1,000 dead addresses", bound(27.9));
}
