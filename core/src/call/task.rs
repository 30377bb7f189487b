//! One call as a task of its own, or in place: whatever ends it, exactly one end is reported.
use super::{context::Context, life::Life, outcome::Outcome, port::Port, request::Request, sink::Sink};
use crate::{failure::Evidence, rt};
use bytes::Bytes;
use std::{future::Future, pin::Pin, sync::Arc};

/// What a call's task runs.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The task of a call. `message` is the request of a unary one.
pub(crate) fn task(
    context: &Arc<Context>,
    request: Request,
    message: Option<Bytes>,
    port: Arc<Port>,
    sink: impl Sink + 'static,
) -> Task {
    let life = Life::new(context, request, port.clone());
    let mut ticket = Ticket { sink, port, life, open: true };
    match message {
        Some(message) => Box::pin(async move {
            let outcome = ticket.life.unary(&message).await;
            ticket.close(outcome);
        }),
        None => Box::pin(async move {
            let Ticket { life, sink, .. } = &mut ticket;
            let outcome = life.streaming(sink).await;
            ticket.close(outcome);
        }),
    }
}

/// A unary call on the caller's own task: no task, no queue. Dropping it cancels, and a panic stays inside.
pub(crate) fn in_place(
    context: &Arc<Context>,
    request: Request,
    message: Bytes,
    port: Arc<Port>,
) -> impl Future<Output = Outcome> + Send {
    let mut life = Life::new(context, request, port);
    // not an `async fn`, which would keep the room of its arguments beside what it moves them to
    async move {
        let end = rt::guarded("call", life.unary(&message)).await;
        end.unwrap_or_else(|end| {
            life.abandon(match end {
                rt::TaskEnd::Panicked { site } => Evidence::Core { site },
                rt::TaskEnd::Aborted => Evidence::Cancelled { reason: Some("runtime ended") },
            })
        })
    }
}

/// Travels inside the call's task. Dropped before the call's end, it reports why the task ended.
struct Ticket<S: Sink> {
    sink: S,
    port: Arc<Port>,
    life: Life,
    open: bool,
}

impl<S: Sink> Ticket<S> {
    fn close(&mut self, outcome: Outcome) {
        if std::mem::take(&mut self.open) {
            self.port.end();
            self.sink.done(outcome);
        }
    }
}

impl<S: Sink> Drop for Ticket<S> {
    fn drop(&mut self) {
        if self.open {
            let outcome = self.life.abandon(match rt::panicked() {
                Some(site) => Evidence::Core { site },
                None => Evidence::Cancelled { reason: Some("runtime ended") },
            });
            self.close(outcome);
        }
    }
}
