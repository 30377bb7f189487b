//! Finds out that a silent peer is gone (gRFC A8).
//!
//! `watch` decides, the [`Pinger`] does; beside them the kernel has its own means, which `kernel` sets.
pub(super) mod kernel;
mod rule;
mod watch;

pub(crate) use rule::Keepalive;

use super::tap::Wire;
use crate::clock;
use h2::{Ping, PingPong};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Sleep, sleep_until};
use watch::{Sample, Step, Watch};

/// Sends PINGs, and finds the connection dead when nothing is read after one. Any byte counts as an answer.
#[derive(Debug)]
pub(super) struct Pinger {
    watch: Watch,
    pings: PingPong,
    unanswered: bool,
    /// Absent: there is nothing to look at until a call begins.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pinger {
    pub(super) fn new(rule: Keepalive, pings: PingPong) -> Pinger {
        Pinger { watch: Watch::new(rule, clock::now()), pings, unanswered: false, timer: None }
    }

    /// Before h2 writes: the PING for a call that finds the connection silent for too long leaves ahead of its HEADERS.
    pub(super) fn before_write(&mut self, wire: &Wire, calls: usize, cx: &mut Context<'_>) {
        if self.timer.is_none() && self.watch.is_wanted(calls) {
            // The first look never finds a connection dead: only one that follows a PING does.
            let _ = self.look(wire, calls, cx);
        }
    }

    /// Ready: the peer was silent for this long after a ping.
    pub(super) fn poll(&mut self, wire: &Wire, calls: usize, cx: &mut Context<'_>) -> Poll<Duration> {
        // h2 has one ping at a time: the pong must be collected before the next.
        if self.unanswered && self.pings.poll_pong(cx).is_ready() {
            self.unanswered = false;
        }
        loop {
            let Some(timer) = &mut self.timer else { return Poll::Pending };
            ready!(timer.as_mut().poll(cx));
            if let Some(silent) = self.look(wire, calls, cx) {
                return Poll::Ready(silent);
            }
        }
    }

    /// How long the peer was silent after a ping, if that is too long.
    fn look(&mut self, wire: &Wire, calls: usize, cx: &mut Context<'_>) -> Option<Duration> {
        let sample = Sample { bytes: wire.bytes_in(), answers: wire.answers_in(), calls };
        let next = match self.watch.look(clock::now(), sample) {
            Step::Rest => {
                self.timer = None;
                return None;
            }
            Step::Dead(silent) => return Some(silent),
            Step::Ping(next) => {
                self.ping(cx);
                next
            }
            Step::Look(next) => next,
        };
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(next),
            None => self.timer = Some(Box::pin(sleep_until(next))),
        }
        None
    }

    fn ping(&mut self, cx: &mut Context<'_>) {
        if !self.unanswered && self.pings.send_ping(Ping::opaque()).is_ok() {
            self.unanswered = self.pings.poll_pong(cx).is_pending();
        }
    }
}
