//! One call as a task of its own: whatever ends the task, exactly one end is reported.
use super::{Context, Failed, LiveCall, Outcome, Port, Request, Trace, streaming, unary};
use crate::{metadata::Metadata, rt, transport::Message};
use bytes::Bytes;
use std::{future::Future, pin::Pin, sync::Arc};

/// Where a call's news goes, in the order `Headers? Messages* Done`. Called on the call's task; must not block.
pub(crate) trait Sink: Send + Sync {
    /// Headers of a streamed response.
    fn headers(&self, headers: Metadata, peer: Option<Arc<str>>);
    /// A list of messages of a streamed response.
    fn messages(&self, messages: Vec<Message>);
    /// A sender that was told to wait may go on.
    fn room(&self);
    /// The end, exactly once.
    fn done(&self, outcome: Outcome);
}

/// What a call's task runs.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The task of a call. `message` is the request of a unary one.
pub(crate) fn task(
    context: &Arc<Context>,
    mut request: Request,
    message: Option<Bytes>,
    port: Arc<Port>,
    sink: impl Sink + 'static,
) -> Task {
    let trace = Trace::new(context, &request);
    let ticket = Ticket { sink, port, trace, open: true, live: LiveCall::new(context) };
    match message {
        Some(message) => Box::pin(async move {
            let (context, trace, port) = (ticket.live.context(), &ticket.trace, &ticket.port);
            let outcome = unary(context, &mut request, &message, trace, port).await;
            ticket.done(outcome);
        }),
        None => Box::pin(async move {
            let (context, trace, port) = (ticket.live.context(), &ticket.trace, &ticket.port);
            let outcome = streaming(context, &mut request, trace, port, &ticket.sink).await;
            ticket.done(outcome);
        }),
    }
}

/// A unary call on the caller's own task: no task, no queue. Dropping it cancels, and a panic stays inside.
pub(crate) fn in_place(
    context: &Arc<Context>,
    mut request: Request,
    message: Bytes,
    port: Arc<Port>,
) -> impl Future<Output = Outcome> + Send {
    let live = LiveCall::new(context);
    let trace = Trace::new(context, &request);
    // not an `async fn`, which would keep the room of its arguments beside what it moves them to
    async move {
        match rt::guarded("call", unary(live.context(), &mut request, &message, &trace, &port)).await {
            Ok(outcome) => outcome,
            Err(rt::TaskEnd::Panicked { site }) => Err(trace.core_fault(site)),
            Err(rt::TaskEnd::Aborted) => Err(trace.cancelled("runtime ended")),
        }
    }
}

/// Travels inside the call's task. Dropped before the call's end, it reports why the task ended.
struct Ticket<S: Sink> {
    sink: S,
    port: Arc<Port>,
    trace: Trace,
    open: bool,
    live: LiveCall,
}

impl<S: Sink> Ticket<S> {
    fn done(mut self, outcome: Outcome) {
        self.close(outcome);
    }

    fn close(&mut self, outcome: Outcome) {
        if std::mem::take(&mut self.open) {
            self.port.end();
            self.sink.done(outcome);
        }
    }

    fn lost(&self) -> Box<Failed> {
        match rt::panicked() {
            Some(site) => self.trace.core_fault(site),
            None => self.trace.cancelled("runtime ended"),
        }
    }
}

impl<S: Sink> Drop for Ticket<S> {
    fn drop(&mut self) {
        if self.open {
            let lost = self.lost();
            self.close(Err(lost));
        }
    }
}
