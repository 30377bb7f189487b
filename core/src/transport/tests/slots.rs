//! MAX_CONCURRENT_STREAMS: calls wait in our queue, never in h2's.
use super::peer::*;
use crate::failure::Reached;
use crate::failure::evidence::{Evidence, Loss};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

async fn pending<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
    let mut future = Some(future);
    poll_fn(|cx| Poll::Ready(future.take().unwrap().poll(cx).is_pending())).await
}

#[tokio::test]
async fn the_limit_holds_and_who_waits_first_goes_first() {
    let (c, mut p) = connect(&[(3, 1)]).await;
    let first = c.unary();
    assert!(c.connection.try_slot().is_none());
    let (mut a, mut b) = (pin!(c.connection.slot()), pin!(c.connection.slot()));
    assert!(pending(a.as_mut()).await && pending(b.as_mut()).await);
    p.request(1).await;
    assert!(p.barrier().await.is_empty());
    p.send(response(1)).await;
    assert!(story(first).await.ok());
    assert!(c.connection.try_slot().is_none(), "the slot belongs to who waits");
    let slot = a.await.unwrap();
    assert!(pending(b.as_mut()).await);
    drop(slot);
    b.await.unwrap();
}

#[tokio::test]
async fn a_call_cancelled_while_it_waits_leaves_nothing() {
    let (c, mut p) = connect(&[(3, 1)]).await;
    let first = c.unary();
    p.request(1).await;
    {
        let mut waiting = pin!(c.connection.slot());
        assert!(pending(waiting.as_mut()).await);
    }
    p.send(response(1)).await;
    assert!(story(first).await.ok());
    assert!(p.barrier().await.is_empty());
    assert_eq!(c.connection.stats().streams, 0);
    assert!(c.connection.try_slot().is_some());
}

#[tokio::test]
async fn the_limit_goes_to_zero_and_back() {
    let (c, mut p) = connect(&[(3, 2)]).await;
    let one = c.unary();
    p.request(1).await;
    p.send(settings(&[(3, 0)])).await;
    p.barrier().await;
    let mut waiting = pin!(c.connection.slot());
    assert!(pending(waiting.as_mut()).await);
    p.send(response(1)).await;
    assert!(story(one).await.ok(), "the open call finishes");
    assert!(pending(waiting.as_mut()).await, "and its slot is not handed on");
    p.send(settings(&[(3, 3)])).await;
    let slot = waiting.await.unwrap();
    let more: Vec<_> = std::iter::from_fn(|| c.connection.try_slot()).collect();
    assert_eq!(more.len(), 2);
    assert_eq!(c.connection.stats().streams, 3);
    drop((slot, more));
}

#[tokio::test]
async fn our_own_cap_holds_too() {
    let (c, _p) = connect_with(|spec| spec.limits.max_streams = 2, &[(3, 100)]).await;
    let all: Vec<_> = std::iter::from_fn(|| c.connection.try_slot()).collect();
    assert_eq!(all.len(), 2);
}

#[tokio::test]
async fn who_waits_when_the_connection_goes_was_not_sent() {
    for eof in [false, true] {
        let (c, mut p) = connect(&[(3, 1)]).await;
        let one = c.unary();
        p.request(1).await;
        let mut waiting = pin!(c.connection.slot());
        assert!(pending(waiting.as_mut()).await);
        if eof {
            drop(p);
            let fault = waiting.await.unwrap_err();
            assert_eq!(fault.reached, Reached::No);
            assert!(matches!(*fault.evidence, Evidence::Lost { how: Loss::Eof, .. }), "{fault:?}");
            assert_eq!(story(one).await.fault().1, Reached::Maybe);
        } else {
            p.send(goaway(1, 0, b"")).await;
            let fault = waiting.await.unwrap_err();
            assert_eq!(fault.reached, Reached::No);
            assert!(matches!(*fault.evidence, Evidence::GoAway { unprocessed: true, .. }), "{fault:?}");
            p.send(response(1)).await;
            assert!(story(one).await.ok());
        }
    }
}

/// A stream that h2 accepted in the moment in which the peer shrank its limit.
#[tokio::test]
async fn a_stream_that_never_left_is_known() {
    let (c, mut p) = connect(&[(3, 1)]).await;
    let slot = c.connection.try_slot().unwrap();
    p.send(settings(&[(3, 0)])).await;
    p.barrier().await;
    let call = c.connection.open(slot, request(), true).unwrap();
    assert!(p.barrier().await.iter().all(|f| f.kind != HEADERS));
    drop(p);
    let (evidence, reached) = story(call).await.fault();
    assert!(matches!(evidence, Evidence::Lost { .. }), "{evidence:?}");
    assert_eq!(reached, Reached::No);
}
