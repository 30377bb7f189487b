use super::{Keepalive, tap::Wire};
use crate::clock::{self, Instant};
use h2::{Ping, PingPong};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Sleep, sleep};

/// Looks per interval: the silence before a PING is longer than the interval by one look at most, and reading needs no
/// clock.
const LOOKS: u32 = 8;

/// Sends a PING when nothing was read for a while, and finds the connection dead when nothing is read after it (gRFC
/// A8). Any byte counts as an answer.
#[derive(Debug)]
pub(super) struct Pinger {
    rule: Keepalive,
    pings: PingPong,
    unanswered: bool,
    asked: Option<Instant>,
    bytes: u64,
    /// Looks in a row that found nothing read.
    silent: u32,
    timer: Pin<Box<Sleep>>,
}

impl Pinger {
    pub(super) fn new(rule: Keepalive, pings: PingPong) -> Pinger {
        Pinger {
            rule,
            pings,
            unanswered: false,
            asked: None,
            bytes: 0,
            silent: 0,
            timer: Box::pin(sleep(rule.time / LOOKS)),
        }
    }

    /// Ready: the peer was silent for this long after a ping.
    pub(super) fn poll(&mut self, wire: &Wire, calls: usize, cx: &mut Context<'_>) -> Poll<Duration> {
        // h2 has one ping at a time: the pong must be collected before the next.
        if self.unanswered && self.pings.poll_pong(cx).is_ready() {
            self.unanswered = false;
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = clock::now();
            let bytes = wire.bytes_in();
            let alive = bytes != self.bytes;
            self.bytes = bytes;
            self.silent = if alive { 0 } else { self.silent + 1 };
            let wait = match self.asked.take() {
                Some(asked) if !alive => return Poll::Ready(now.saturating_duration_since(asked)),
                None if self.silent >= LOOKS && (calls > 0 || self.rule.without_calls) => {
                    self.ask(now, cx);
                    self.rule.timeout
                }
                _ => self.rule.time / LOOKS,
            };
            self.timer.as_mut().reset(now + wait);
        }
    }

    fn ask(&mut self, now: Instant, cx: &mut Context<'_>) {
        if !self.unanswered && self.pings.send_ping(Ping::opaque()).is_ok() {
            self.unanswered = self.pings.poll_pong(cx).is_pending();
        }
        self.asked = Some(now);
    }
}
