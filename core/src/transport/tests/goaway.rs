use super::{super::*, peer::*};
use crate::failure::{Reached, evidence::Evidence};
use tokio::time::{Duration, timeout};

fn goaway_of(evidence: &Evidence) -> (u32, u32, bool) {
    let Evidence::GoAway { code, last_stream, unprocessed, .. } = evidence else { panic!("{evidence:?}") };
    (*code, *last_stream, *unprocessed)
}

#[tokio::test]
async fn streams_above_the_last_one_were_not_processed_and_those_below_complete() {
    for code in [0, 11, 70007] {
        let (c, mut p) = plain().await;
        let (one, three) = (c.unary(), c.unary());
        p.request(3).await;
        p.send(goaway(1, code, b"too_many_pings")).await;
        let (evidence, reached) = story(three).await.fault();
        assert_eq!((goaway_of(&evidence), reached), ((code, 1, true), Reached::Unprocessed));
        let Evidence::GoAway { debug, pings, .. } = evidence else { unreachable!() };
        assert_eq!((debug, pings), (b"too_many_pings".to_vec(), None), "no ping of ours was sent");
        // New calls are sent elsewhere, with nothing sent.
        c.connection.closed_or_draining().await;
        assert!(!c.connection.is_usable() && c.connection.try_slot().is_none());
        let refused = c.connection.slot().await.unwrap_err();
        assert_eq!((goaway_of(&refused.evidence), refused.reached), ((code, 1, true), Reached::No));
        p.send(response(1)).await;
        assert!(story(one).await.ok());
        assert_eq!(goaway_of(&c.end().await), (code, 1, false));
    }
}

#[tokio::test]
async fn a_close_after_it_fails_the_accepted_stream_with_the_goaway() {
    for (code, reset) in [(0, false), (2, false), (0, true)] {
        let (c, mut p) = plain().await;
        let one = c.unary();
        p.request(1).await;
        p.send(goaway(1, code, b"bye")).await;
        c.connection.closed_or_draining().await;
        if reset {
            p.reset()
        } else {
            drop(p)
        }
        let (evidence, reached) = story(one).await.fault();
        assert_eq!((goaway_of(&evidence), reached), ((code, 1, false), Reached::Maybe));
        assert_eq!(goaway_of(&c.end().await), (code, 1, false));
    }
}

#[tokio::test]
async fn two_steps_let_the_calls_between_them_go_elsewhere() {
    let (c, mut p) = plain().await;
    let (one, three) = (c.unary(), c.unary());
    p.request(3).await;
    p.send(goaway((1 << 31) - 1, 0, b"graceful_stop")).await;
    p.barrier().await;
    assert!(!c.connection.is_usable());
    p.send([goaway(1, 0, b""), response(1)].concat()).await;
    assert!(story(one).await.ok());
    assert_eq!(story(three).await.fault().1, Reached::Unprocessed);
    let seen = c.connection.wire().seen();
    assert_eq!((seen.first_goaway.unwrap().last_stream, seen.last_goaway.unwrap().last_stream), ((1 << 31) - 1, 1));
}

#[tokio::test]
async fn a_growing_last_stream_breaks_the_rules() {
    let (c, mut p) = plain().await;
    let one = c.unary();
    p.request(1).await;
    p.send([goaway(1, 0, b""), goaway(5, 0, b"")].concat()).await;
    let (evidence, reached) = story(one).await.fault();
    assert!(matches!(evidence, Evidence::Violation { code: 1, opening: false, .. }), "{evidence:?}");
    assert_eq!(reached, Reached::Maybe);
}

#[tokio::test]
async fn an_idle_connection_ends_although_its_handle_lives() {
    let (c, mut p) = plain().await;
    p.send(goaway(0, 0, b"max_age")).await;
    let end = timeout(Duration::from_secs(10), c.driver).await.unwrap().unwrap();
    assert_eq!(goaway_of(&end.evidence), (0, 0, false));
    assert_eq!(c.connection.closed_or_draining().await, Life::Closed);
    assert!(p.rest().await.iter().all(|f| f.kind != HEADERS));
    let refused = c.connection.slot().await.unwrap_err();
    assert_eq!(refused.reached, Reached::No);
}

#[tokio::test]
async fn a_call_that_holds_a_slot_when_it_comes_was_not_sent() {
    let (c, mut p) = plain().await;
    let slot = c.connection.try_slot().unwrap();
    p.send(goaway(0, 0, b"")).await;
    c.connection.closed_or_draining().await;
    let refused = c.connection.open(slot, request(), true).map(|_| ()).unwrap_err();
    assert_eq!(refused.reached, Reached::No);
    goaway_of(&refused.evidence);
    assert_eq!(c.connection.stats().streams, 0);
}

#[tokio::test]
async fn pieces_and_a_huge_text() {
    let (c, mut p) = plain().await;
    for piece in goaway(0, 7, &[b'x'; 5000]).chunks(700) {
        p.send(piece).await;
        tokio::task::yield_now().await;
    }
    let Evidence::GoAway { code: 7, debug, .. } = c.end().await else { panic!() };
    assert_eq!(debug.len(), 1024);
}
