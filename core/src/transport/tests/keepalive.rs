use super::{super::*, peer::*};
use crate::failure::{Reached, evidence::Evidence};
use std::time::Duration;

const RULE: Keepalive =
    Keepalive { time: Duration::from_secs(10), timeout: Duration::from_secs(20), without_calls: false, spacing: None };

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_found_and_its_calls_know_why() {
    let (c, mut p) = connect_with(|spec| spec.keepalive = Some(RULE), &[]).await;
    let call = c.unary();
    p.request(1).await;
    let start = tokio::time::Instant::now();
    let (evidence, reached) = {
        let (_send, mut recv) = call;
        let fault = recv.head().await.unwrap_err();
        (*fault.evidence, fault.reached)
    };
    let Evidence::Keepalive { address, waited } = evidence else { panic!("{evidence:?}") };
    assert_eq!((address.as_str(), reached), (&**c.connection.peer(), Reached::Maybe));
    assert!(waited >= RULE.timeout && waited < RULE.timeout + Duration::from_secs(1));
    assert!(start.elapsed() <= RULE.time * 5 / 4 + RULE.timeout + Duration::from_secs(1));
    assert!(matches!(c.driver.await.unwrap().evidence, Evidence::Keepalive { .. }));
    assert!(p.rest().await.iter().any(|f| f.kind == PING && f.flags & ACK == 0));
}

#[tokio::test(start_paused = true)]
async fn any_byte_is_a_sign_of_life() {
    let (c, mut p) = connect_with(|spec| spec.keepalive = Some(RULE), &[]).await;
    let call = c.unary();
    p.request(1).await;
    for _ in 0..5 {
        let ping = p.until(|f| f.kind == PING && f.flags == 0).await.pop().unwrap();
        p.send(frame(PING, ACK, 0, &ping.payload)).await;
    }
    // The pong is not what counts: a frame of any kind is.
    p.until(|f| f.kind == PING && f.flags == 0).await;
    p.send(response(1)).await;
    assert!(story(call).await.ok());
    assert!(c.connection.stats().pings_out >= 6 && c.connection.is_usable());
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_asked_only_if_wanted() {
    for without_calls in [false, true] {
        let rule = Keepalive { without_calls, ..RULE };
        let (c, _p) = connect_with(|spec| spec.keepalive = Some(rule), &[]).await;
        let lasted = tokio::time::timeout(Duration::from_secs(1000), c.connection.closed_or_draining()).await.is_err();
        assert_eq!(lasted, !without_calls);
        assert_eq!(c.connection.stats().pings_out, u32::from(without_calls));
    }
}

/// A server means our pings by ENHANCE_YOUR_CALM only if we sent some, and nothing else that it could mean.
#[tokio::test(start_paused = true)]
async fn too_many_pings_is_told_by_what_was_sent() {
    for reset in [false, true] {
        let (c, mut p) = connect_with(|spec| spec.keepalive = Some(RULE), &[]).await;
        let call = c.unary();
        p.request(1).await;
        if reset {
            drop(c.open(true).unwrap());
            p.want(RST).await;
        }
        p.until(|f| f.kind == PING && f.flags == 0).await;
        p.send(goaway(0, 11, b"too_many_pings")).await;
        let (evidence, reached) = story(call).await.fault();
        let Evidence::GoAway { code: 11, pings, unprocessed: true, .. } = evidence else { panic!() };
        assert_eq!((pings, reached), ((!reset).then_some(RULE.time), Reached::Unprocessed));
    }
}

/// gRFC A8: a call that finds the connection silent for too long does not go first.
#[tokio::test(start_paused = true)]
async fn a_ping_leaves_ahead_of_the_call_that_breaks_a_long_silence() {
    let (c, mut p) = connect_with(|spec| spec.keepalive = Some(RULE), &[]).await;
    let first = c.unary();
    p.request(1).await;
    p.send(response(1)).await;
    assert!(story(first).await.ok());
    tokio::time::sleep(Duration::from_secs(100)).await;
    let _second = c.unary();
    let frames = p.until(|f| f.kind == HEADERS && f.id == 3).await;
    assert!(frames.iter().any(|f| f.kind == PING && f.flags == 0), "{frames:?}");
}

/// What a program that configures nothing gets.
#[tokio::test(start_paused = true)]
async fn a_frozen_peer_is_found_although_nobody_asked_for_pings() {
    let (c, mut p) = connect_with(|spec| spec.keepalive = Some(Keepalive::UNASKED), &[]).await;
    let call = c.unary();
    p.request(1).await;
    let start = tokio::time::Instant::now();
    let (_send, mut recv) = call;
    let fault = recv.head().await.unwrap_err();
    assert!(matches!(*fault.evidence, Evidence::Keepalive { .. }), "{:?}", fault.evidence);
    assert!((50..55).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}
