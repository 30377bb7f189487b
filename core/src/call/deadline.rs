//! The one source of DEADLINE_EXCEEDED, and of the end by the caller's own wish.
use super::{Failed, Port, Trace};
use crate::{
    clock,
    failure::{Cause, DeadlineSource},
};
use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// Longest budget that is worth a timer; more is no deadline.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// When a call must be over. It spans all attempts and everything from the call to the last trailer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) budget: Duration,
    pub(crate) source: DeadlineSource,
}

impl Deadline {
    /// The nearer of the caller's timeout and the service config's (service_config.md).
    pub(crate) fn of_call(call: Option<Duration>, config: Option<Duration>) -> Option<Self> {
        let call = call.map(|budget| (budget, DeadlineSource::Call));
        let config = config.map(|budget| (budget, DeadlineSource::ServiceConfig));
        let (budget, source) = [call, config].into_iter().flatten().min_by_key(|(budget, _)| *budget)?;
        (budget < FOREVER).then(|| Deadline { at: clock::now() + budget, budget, source })
    }

    pub(crate) fn remaining(&self) -> Duration {
        self.at.saturating_duration_since(clock::now())
    }

    pub(crate) fn has_passed(&self) -> bool {
        self.remaining().is_zero()
    }
}

/// Runs `work` until it ends, the caller cancels or the deadline passes. Dropping the work resets its stream.
pub(crate) async fn guarded<T>(
    trace: &Trace,
    port: &Port,
    deadline: Option<Deadline>,
    work: impl Future<Output = Result<T, Box<Failed>>>,
) -> Result<T, Box<Failed>> {
    if deadline.is_some_and(|d| d.budget.is_zero()) {
        return Err(trace.deadline_passed(true));
    }
    let end = {
        let mut work = pin!(work);
        let mut timer = pin!(deadline.map(|d| sleep_until(d.at)));
        std::future::poll_fn(|cx| poll_guarded(work.as_mut(), port, timer.as_mut(), cx)).await
    };
    match end {
        End::Over(Err(failed)) if is_servers_own_timer(&failed, deadline) => Err(trace.deadline_passed(false)),
        End::Over(result) => result,
        End::Cancelled(reason) => Err(trace.cancelled(reason)),
        End::Deadline => Err(trace.deadline_passed(false)),
    }
}

/// A server that resets with CANCEL once the deadline has passed has only been faster than our timer; the deadline is
/// still ours to report (PROTOCOL-HTTP2.md, Errors).
fn is_servers_own_timer(failed: &Failed, deadline: Option<Deadline>) -> bool {
    failed.failure.cause() == Cause::H2StreamCancelled && deadline.is_some_and(|d| d.has_passed())
}

enum End<T> {
    Over(Result<T, Box<Failed>>),
    Cancelled(&'static str),
    Deadline,
}

/// The work first: an answer that is there counts, even when the deadline passed in the same moment.
fn poll_guarded<T>(
    work: Pin<&mut impl Future<Output = Result<T, Box<Failed>>>>,
    port: &Port,
    timer: Pin<&mut Option<Sleep>>,
    cx: &mut Context<'_>,
) -> Poll<End<T>> {
    port.register(cx);
    if let Poll::Ready(result) = work.poll(cx) {
        return Poll::Ready(End::Over(result));
    }
    if let Some(reason) = port.cancelled() {
        return Poll::Ready(End::Cancelled(reason));
    }
    match timer.as_pin_mut() {
        Some(timer) => timer.poll(cx).map(|()| End::Deadline),
        None => Poll::Pending,
    }
}
