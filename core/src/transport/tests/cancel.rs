use super::{super::*, peer::*};
use crate::failure::Reached;
use crate::failure::evidence::{Evidence, Unusable};
use crate::options::PlantedPanic;
use bytes::Bytes;

const CANCEL: u32 = 8;

#[tokio::test]
async fn dropping_both_halves_of_a_stream_in_flight_resets_it() {
    let (c, mut p) = plain().await;
    let (send, recv) = c.unary();
    p.request(1).await;
    drop(send);
    assert!(p.barrier().await.is_empty(), "the answer is still wanted");
    drop(recv);
    let reset = p.want(RST).await;
    assert_eq!((reset.id, reset.code()), (1, CANCEL));
    assert_eq!(c.connection.stats().streams, 0);

    let (send, recv) = c.open(false).unwrap();
    p.want(HEADERS).await;
    drop(recv);
    drop(send);
    assert_eq!(p.want(RST).await.code(), CANCEL);
    assert_eq!(c.connection.stats().streams, 0);
}

#[tokio::test]
async fn a_finished_stream_sends_nothing_extra() {
    let (c, mut p) = plain().await;
    for id in [1, 3] {
        let (send, mut recv) = c.unary();
        p.request(id).await;
        if id == 1 {
            p.send(response(id)).await;
            assert!(story((send, recv)).await.ok());
        } else {
            // Dropped after a head that said all.
            p.send(headers(id, END_STREAM, &[(":status", "200"), ("grpc-status", "5")])).await;
            recv.head().await.unwrap();
            drop((send, recv));
        }
        assert!(p.barrier().await.is_empty());
    }
    assert_eq!(c.connection.stats().streams, 0);
}

/// Servers end the connection of a client that resets faster than they accept.
#[tokio::test(start_paused = true)]
async fn young_streams_are_reset_at_a_pace() {
    let (c, mut p) = plain().await;
    let calls: Vec<_> = (0..35).map(|_| c.unary()).collect();
    p.request(69).await;
    let start = tokio::time::Instant::now();
    drop(calls);
    assert_eq!(c.connection.stats().queued_resets, 25);
    assert_eq!(c.connection.stats().streams, 25);
    let frames = p.until(|f| f.kind == RST && f.id == 69).await;
    assert_eq!(frames.iter().filter(|f| f.kind == RST && f.code() == CANCEL).count(), 35);
    assert!(start.elapsed().as_millis() >= 3 && start.elapsed().as_millis() < 20, "{:?}", start.elapsed());
    assert_eq!((c.connection.stats().queued_resets, c.connection.stats().streams), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn older_and_answered_streams_are_reset_at_once() {
    let (c, mut p) = plain().await;
    let calls: Vec<_> = (0..100).map(|_| c.unary()).collect();
    p.request(199).await;
    tokio::time::advance(std::time::Duration::from_millis(20)).await;
    drop(calls);
    assert_eq!(c.connection.stats().queued_resets, 0);
    p.until(|f| f.kind == RST && f.id == 199).await;

    let mut calls: Vec<_> = (0..100).map(|_| c.unary()).collect();
    for call in &mut calls {
        p.send(headers(call.0.id(), 0, OK)).await;
        call.1.head().await.unwrap();
    }
    drop(calls);
    assert_eq!(c.connection.stats().queued_resets, 0);
}

#[tokio::test(start_paused = true)]
async fn queued_resets_die_with_their_connection() {
    let (c, mut p) = plain().await;
    let calls: Vec<_> = (0..35).map(|_| c.unary()).collect();
    p.request(69).await;
    c.connection.close();
    drop(calls);
    let connection = c.connection.clone();
    assert_eq!(c.end().await, Evidence::Unusable { why: Unusable::Closed });
    assert_eq!((connection.stats().queued_resets, connection.stats().streams), (0, 0));
}

/// h2 forgets most cancelled streams, and by default counts their late answers against us.
#[tokio::test]
async fn late_answers_to_cancelled_calls_do_no_harm() {
    let (c, mut p) = plain().await;
    for _ in 0..30 {
        let calls: Vec<_> = (0..100).map(|_| c.unary()).collect();
        let ids: Vec<u32> = calls.iter().map(|call| call.0.id()).collect();
        let last = *ids.last().unwrap();
        p.request(last).await;
        drop(calls);
        let late: Vec<u8> = ids.iter().flat_map(|id| headers(*id, 0, OK)).collect();
        let mut resets = 0;
        while resets < 100 {
            resets += usize::from(p.want(RST).await.code() == CANCEL);
        }
        p.send(late).await;
    }
    let call = c.unary();
    let id = call.0.id();
    p.request(id).await;
    p.send(response(id)).await;
    assert!(story(call).await.ok());
    p.barrier().await;
    assert_eq!(c.connection.stats().streams, 0);
}

#[tokio::test]
async fn a_local_close_is_told_to_the_calls_in_flight() {
    let (c, mut p) = plain().await;
    let (mut send, recv) = c.open(false).unwrap();
    p.want(HEADERS).await;
    c.connection.close();
    assert!(!c.connection.is_usable());
    let refused = c.connection.slot().await.unwrap_err();
    assert_eq!(refused.reached, Reached::No);
    assert_eq!(c.connection.closed_or_draining().await, Life::Draining);
    let connection = c.connection.clone();
    c.end().await;
    assert_eq!(connection.closed_or_draining().await, Life::Closed);
    let message = framing::Framed::new(false, Bytes::from_static(b"x"));
    assert_eq!(send.send_now(message, true), Err(Stopped));
    assert_eq!(story((send, recv)).await.fault(), (Evidence::Unusable { why: Unusable::Closed }, Reached::Maybe));
}

#[tokio::test]
async fn a_dropped_driver_is_a_close() {
    let (c, mut p) = plain().await;
    let call = c.unary();
    p.request(1).await;
    c.driver.abort();
    let (evidence, _) = story(call).await.fault();
    assert_eq!(evidence, Evidence::Unusable { why: Unusable::Closed });
}

#[tokio::test]
async fn a_panic_of_the_driver_is_a_fault_of_ours_and_ends_only_its_connection() {
    let (c, mut p) = connect_with(|spec| spec.planted = PlantedPanic::armed(true), &[]).await;
    assert!(p.barrier().await.iter().all(|f| f.kind == SETTINGS || f.kind == WINDOW));
    let call = c.unary();
    assert_eq!(story(call).await.fault(), (Evidence::Core { site: "test.driver" }, Reached::No));
    assert!(!c.connection.is_usable());
    assert_eq!(*c.connection.slot().await.unwrap_err().evidence, Evidence::Core { site: "test.driver" });
    assert!(c.driver.await.is_err());
}
