//! The one way through a call of any kind: begin, configure, attempts until the deadline, finish. However it ends, it
//! finishes exactly once.
use super::{
    context::{Context, LiveCall},
    deadline::{Deadline, End, bounded},
    fault::Fault,
    hedged::hedged,
    ledger::Ledger,
    outcome::{Failed, Outcome, Reply},
    port::Port,
    request::Request,
    retries::Retries,
    sink::{Nobody, Sink},
    streaming::streaming,
    trace::Trace,
    unary::unary,
};
use crate::{
    balance::Waiting,
    failure::{self, Cause, Evidence, Phase, Reached},
    options::MethodConfig,
    retry::Replay,
};
use bytes::Bytes;
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// One call. Dropped before its end, it was cancelled, and finishes as such.
pub(super) struct Life {
    live: LiveCall,
    request: Request,
    trace: Trace,
    ledger: Ledger,
    port: Arc<Port>,
    finished: bool,
}

/// How attempts are made, one after the other.
trait MakeAttempt: Send {
    /// The request, where it is one message and known from the start.
    fn message(&self) -> Option<&Bytes>;

    fn attempt(
        &mut self,
        context: &Context,
        request: &Request,
        port: &Port,
        trace: &Trace,
    ) -> impl Future<Output = Result<Reply, Fault>> + Send;
}

/// With the one message of a unary call.
struct Whole<'a>(&'a Bytes);

/// With what comes through the port.
struct Streamed<'a, S> {
    sink: &'a S,
    replay: Replay,
}

impl Life {
    /// `port` carries the caller's wish to stop, and what a stream sends.
    pub(super) fn new(context: &Arc<Context>, request: Request, port: Arc<Port>) -> Self {
        let trace = Trace::new(&context.target, &request, context.listener.as_ref());
        let live = LiveCall::new(context);
        Life { live, request, trace, ledger: Ledger::new(), port, finished: false }
    }

    /// A call with one message, whose one response comes with its end.
    pub(super) async fn unary(&mut self, message: &Bytes) -> Outcome {
        let outcome = self.run(&mut Whole(message), &Nobody).await;
        self.finish(outcome)
    }

    /// A call of a streaming kind.
    pub(super) async fn streaming(&mut self, sink: &impl Sink) -> Outcome {
        let replay = self.context().replay();
        let mut outcome = self.run(&mut Streamed { sink, replay }, sink).await;
        let unsent = self.port.end();
        if let Err(failed) = &mut outcome {
            failed.unsent = unsent;
        }
        self.finish(outcome)
    }

    /// Ends the call from outside of its work.
    pub(super) fn abandon(&mut self, evidence: Evidence) -> Outcome {
        let failed = self.ledger.stopped(&self.trace, evidence);
        let outcome = self.told(Err(failed));
        // In a drop, maybe that of a panic: one more, of an interceptor, would end the process.
        let _ = catch_unwind(AssertUnwindSafe(|| self.tell(&outcome)));
        outcome
    }

    fn context(&self) -> &Arc<Context> {
        self.live.context()
    }

    async fn run(&mut self, make: &mut impl MakeAttempt, sink: &impl Sink) -> Outcome {
        self.begin()?;
        if self.request.unconfigured {
            Box::pin(self.configure(make.message())).await?;
        }
        let Life { live, request, trace, ledger, port, .. } = &mut *self;
        let context = live.context();
        let end = match request.hedging() {
            Some(policy) => {
                if let Some(message) = make.message() {
                    port.send(message.clone().into());
                    port.close_send();
                }
                let race = Box::pin(hedged(context, request, policy, port, sink, trace, ledger));
                bounded(port, &context.alarms, request.deadline, race).await
            }
            None => {
                let most = context.options.retry.call_buffer_bytes;
                let keeps = make.message().is_none_or(|message| message.len() as u64 <= most);
                let mut retries = Retries::new(context, request, trace, ledger, keeps);
                bounded(port, &context.alarms, request.deadline, attempts(make, port, &mut retries)).await
            }
        };
        match self.settle(end)? {
            Err(failed) if is_servers_own_timer(&failed, self.request.deadline) => Err(self.deadline_passed()),
            outcome => outcome,
        }
    }

    /// Interceptors, and the test's planted panic.
    fn begin(&mut self) -> Result<(), Box<Failed>> {
        let Life { live, request, trace, ledger, .. } = self;
        let context = live.context();
        context.planted.fire_if(|| true);
        context.interceptors.before(&request.method.path, &mut request.metadata).map_err(|reason| {
            let evidence = Evidence::Request { field: "interceptor".into(), reason: reason.into() };
            ledger.ended(trace, trace.fault(evidence, Reached::No), None)
        })?;
        // one that was cancelled before it began sends nothing
        self.port.cancelled().map_or(Ok(()), |reason| self.settle(End::Cancelled(reason)))
    }

    /// Waits for the first service config, and takes over what that says of the method. Its timeout counts from here:
    /// before, nobody knew of it.
    async fn configure(&mut self, message: Option<&Bytes>) -> Result<(), Box<Failed>> {
        let Life { live, request, trace, port, .. } = &*self;
        let context = live.context();
        let selected = bounded(port, &context.alarms, request.deadline, selected(context, request, trace)).await;
        self.settle(selected)?.map_err(|fault| self.ledger.ended(&self.trace, fault, None))?;
        self.trace.enter(Phase::Pick);
        let Life { live, request, trace, ledger, .. } = self;
        let context = live.context();
        if let Ok(config) = context.configs.of(&request.method) {
            let timeout = config.as_deref().and_then(MethodConfig::timeout);
            request.deadline = Deadline::nearer(request.deadline, timeout);
            request.config = config;
            request.unconfigured = false;
        }
        let checked = message.map_or(Ok(()), |message| context.check_size(request.config.as_deref(), message.len()));
        checked.map_err(|evidence| ledger.ended(trace, trace.fault(evidence, Reached::No), None))
    }

    fn settle<T>(&mut self, end: End<T>) -> Result<T, Box<Failed>> {
        match end {
            End::Over(output) => Ok(output),
            End::Cancelled(reason) => {
                Err(self.ledger.stopped(&self.trace, Evidence::Cancelled { reason: Some(reason) }))
            }
            End::Deadline => Err(self.deadline_passed()),
        }
    }

    /// Which of the three causes it is follows from how far the call came.
    fn deadline_passed(&mut self) -> Box<Failed> {
        let budget = self.request.deadline.map(|deadline| deadline.budget).unwrap_or_default();
        self.ledger.stopped(&self.trace, Evidence::Deadline { budget, already_past: budget.is_zero() })
    }

    fn finish(&mut self, outcome: Outcome) -> Outcome {
        let outcome = self.told(outcome);
        self.tell(&outcome);
        outcome
    }

    /// With what only the whole call knows.
    fn told(&self, mut outcome: Outcome) -> Outcome {
        match &mut outcome {
            Ok(reply) => reply.attempts += self.ledger.count(),
            Err(failed) => {
                let record = failed.failure.record_mut();
                let deadline = self.request.deadline;
                record.deadline = deadline.map(|d| failure::Deadline { budget: d.budget, source: d.source });
                if self.context().options.suppress_peer_text {
                    record.suppress_peer_text();
                }
            }
        }
        outcome
    }

    fn tell(&mut self, outcome: &Outcome) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        let seen = outcome.as_ref().map(|_| ()).map_err(|failed| &failed.failure);
        self.trace.over(seen.map_or_else(|failure| failure.code().as_u8(), |()| 0));
        self.context().interceptors.after(&self.request.method.path, seen);
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if !self.finished {
            let _ = self.abandon(Evidence::Cancelled { reason: Some("dropped") });
        }
    }
}

impl MakeAttempt for Whole<'_> {
    fn message(&self) -> Option<&Bytes> {
        Some(self.0)
    }

    fn attempt(
        &mut self,
        context: &Context,
        request: &Request,
        _: &Port,
        trace: &Trace,
    ) -> impl Future<Output = Result<Reply, Fault>> + Send {
        unary(context, request, self.0, trace)
    }
}

impl<S: Sink> MakeAttempt for Streamed<'_, S> {
    fn message(&self) -> Option<&Bytes> {
        None
    }

    fn attempt(
        &mut self,
        context: &Context,
        request: &Request,
        port: &Port,
        trace: &Trace,
    ) -> impl Future<Output = Result<Reply, Fault>> + Send {
        streaming(context, request, port, self.sink, trace, &mut self.replay)
    }
}

/// Attempts that follow each other, until one succeeds or none may follow.
async fn attempts(make: &mut impl MakeAttempt, port: &Port, retries: &mut Retries<'_>) -> Outcome {
    loop {
        let (context, request, trace) = retries.parts();
        let end = match retries.time_of_an_attempt() {
            None => make.attempt(context, request, port, trace).await.map_err(|fault| retries.decide(fault)),
            Some(limit) => Box::pin(retries.within(limit, make.attempt(context, request, port, trace))).await,
        };
        match end {
            Ok(reply) => {
                retries.succeeded();
                return Ok(reply);
            }
            Err(decided) => Box::pin(retries.after(decided)).await?,
        }
    }
}

/// The pick makes the channel look up, and tells what fails; what it gives is of no use yet.
async fn selected(context: &Context, request: &Request, trace: &Trace) -> Result<(), Fault> {
    let mut on_wait = |waiting: &Waiting| trace.waiting(waiting.phase, waiting.problem.clone());
    tokio::select! {
        biased;
        () = context.configs.selected() => Ok(()),
        picked = context.picker.pick(request.wait_for_ready(), &mut on_wait) => match picked {
            Err(failure) if context.configs.current().is_none() => Err(trace.unpicked(failure)),
            _ => Ok(()),
        },
    }
}

/// A server that resets with CANCEL once the deadline has passed has only been faster than our timer; the deadline is
/// still ours to report (PROTOCOL-HTTP2.md, Errors).
fn is_servers_own_timer(failed: &Failed, deadline: Option<Deadline>) -> bool {
    failed.failure.cause() == Cause::H2StreamCancelled && deadline.is_some_and(|d| d.has_passed())
}
