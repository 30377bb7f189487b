//! When a call must be over: the one source of DEADLINE_EXCEEDED, and of the end by the caller's own wish.
use super::{
    alarms::{Alarm, Alarms},
    port::Port,
};
use crate::{clock, failure::DeadlineSource};
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

/// The moment, and who set it. It spans all attempts and everything from the call to the last trailer.
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

/// How bounded work came to its end.
pub(super) enum End<T> {
    Over(T),
    Cancelled(&'static str),
    Deadline,
}

/// Runs `work` until it ends, the caller cancels or the deadline passes. The work is dropped by then, which resets its
/// stream.
pub(super) fn bounded<'a, W>(
    port: &'a Arc<Port>,
    alarms: &'a Alarms,
    deadline: Option<Deadline>,
    work: W,
) -> Bounded<'a, W> {
    Bounded { port, alarms, deadline, alarm: None, work: Some(work) }
}

pin_project! {
    /// See [`bounded`]. Not an `async fn`, which would hold the work twice: as its argument and where it is pinned.
    pub(super) struct Bounded<'a, W> {
        port: &'a Arc<Port>,
        alarms: &'a Alarms,
        deadline: Option<Deadline>,
        alarm: Option<Alarm<'a>>,
        #[pin]
        work: Option<W>,
    }
}

impl<W: Future> Future for Bounded<'_, W> {
    type Output = End<W::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut me = self.project();
        let deadline = *me.deadline;
        if deadline.is_some_and(|d| d.budget.is_zero()) {
            return Poll::Ready(End::Deadline);
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
        Poll::Ready(end)
    }
}

/// The work first: an answer that is there counts, even when the deadline passed in the same moment.
fn poll_work<W: Future>(
    work: Pin<&mut W>,
    port: &Port,
    deadline: Option<Deadline>,
    cx: &mut Context<'_>,
) -> Poll<End<W::Output>> {
    port.register(cx);
    if let Poll::Ready(output) = work.poll(cx) {
        return Poll::Ready(End::Over(output));
    }
    if let Some(reason) = port.cancelled() {
        return Poll::Ready(End::Cancelled(reason));
    }
    if deadline.is_some_and(|d| d.has_passed()) { Poll::Ready(End::Deadline) } else { Poll::Pending }
}
