//! The one source of DEADLINE_EXCEEDED, and of the end by the caller's own wish.
use super::{
    Failed, Port, Trace,
    alarms::{Alarm, Alarms},
};
use crate::{
    clock,
    failure::{Cause, DeadlineSource},
};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;

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
    pub(crate) fn of_call(started: Instant, call: Option<Duration>, config: Option<Duration>) -> Option<Self> {
        let call = call.map(|budget| (budget, DeadlineSource::Call));
        let config = config.map(|budget| (budget, DeadlineSource::ServiceConfig));
        let (budget, source) = [call, config].into_iter().flatten().min_by_key(|(budget, _)| *budget)?;
        (budget < FOREVER).then(|| Deadline { at: started + budget, budget, source })
    }

    /// The same for a config that came when the call had already begun.
    pub(crate) fn nearer(call: Option<Self>, config: Option<Duration>) -> Option<Self> {
        let config = Self::of_call(clock::now(), None, config);
        [call, config].into_iter().flatten().min_by_key(|deadline| deadline.at)
    }

    pub(crate) fn remaining(&self, now: Instant) -> Duration {
        self.at.saturating_duration_since(now)
    }

    pub(crate) fn has_passed(&self) -> bool {
        self.at <= clock::now()
    }
}

/// Runs `work` until it ends, the caller cancels or the deadline passes. Dropping the work resets its stream.
pub(crate) fn guarded<'a, W>(
    trace: &'a Trace,
    port: &'a Arc<Port>,
    alarms: &'a Alarms,
    deadline: Option<Deadline>,
    work: W,
) -> Guarded<'a, W> {
    Guarded { trace, port, alarms, deadline, alarm: None, work: Some(work) }
}

pin_project! {
    /// See [`guarded`]. Not an `async fn`, which would hold the work twice: as its argument and where it is pinned.
    pub(crate) struct Guarded<'a, W> {
        trace: &'a Trace,
        port: &'a Arc<Port>,
        alarms: &'a Alarms,
        deadline: Option<Deadline>,
        alarm: Option<Alarm<'a>>,
        #[pin]
        work: Option<W>,
    }
}

impl<T, W: Future<Output = Result<T, Box<Failed>>>> Future for Guarded<'_, W> {
    type Output = W::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut me = self.project();
        let deadline = *me.deadline;
        if deadline.is_some_and(|d| d.budget.is_zero()) {
            return Poll::Ready(Err(me.trace.deadline_passed(true)));
        }
        let Some(work) = me.work.as_mut().as_pin_mut() else { return Poll::Pending };
        let end = match poll_work(work, me.port, deadline.filter(|_| me.alarm.is_some()), cx) {
            Poll::Ready(end) => end,
            Poll::Pending => {
                if let (Some(deadline), None) = (deadline, &me.alarm) {
                    *me.alarm = Some(me.alarms.set(deadline.at, me.port));
                }
                return Poll::Pending;
            }
        };
        *me.alarm = None;
        me.work.set(None);
        Poll::Ready(match end {
            End::Over(Err(failed)) if is_servers_own_timer(&failed, deadline) => Err(me.trace.deadline_passed(false)),
            End::Over(result) => result,
            End::Cancelled(reason) => Err(me.trace.cancelled(reason)),
            End::Deadline => Err(me.trace.deadline_passed(false)),
        })
    }
}

enum End<T> {
    Over(Result<T, Box<Failed>>),
    Cancelled(&'static str),
    Deadline,
}

/// The work first: an answer that is there counts, even when the deadline passed in the same moment.
fn poll_work<T>(
    work: Pin<&mut impl Future<Output = Result<T, Box<Failed>>>>,
    port: &Port,
    deadline: Option<Deadline>,
    cx: &mut Context<'_>,
) -> Poll<End<T>> {
    port.register(cx);
    if let Poll::Ready(result) = work.poll(cx) {
        return Poll::Ready(End::Over(result));
    }
    if let Some(reason) = port.cancelled() {
        return Poll::Ready(End::Cancelled(reason));
    }
    if deadline.is_some_and(|d| d.has_passed()) { Poll::Ready(End::Deadline) } else { Poll::Pending }
}

/// A server that resets with CANCEL once the deadline has passed has only been faster than our timer; the deadline is
/// still ours to report (PROTOCOL-HTTP2.md, Errors).
fn is_servers_own_timer(failed: &Failed, deadline: Option<Deadline>) -> bool {
    failed.failure.cause() == Cause::H2StreamCancelled && deadline.is_some_and(|d| d.has_passed())
}
