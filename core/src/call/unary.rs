//! The straight way: one message out, one in. No queue, no task of its own, no crossing per message.
use super::{
    Context, Fault, Outcome, Port, Reply, Request, Trace,
    attempt::{Opened, framed, open},
    configs::configure,
    deadline::guarded,
    finish,
    hedged::hedged,
    retries::Retries,
    task::Sink,
};
use crate::{
    failure::{Evidence, Reached},
    metadata::Metadata,
    response::{Broken, Reader, Received},
    status::Code,
    transport::{Message, SendHalf},
};
use bytes::{Buf, Bytes};
use http::HeaderMap;
use std::{
    future::poll_fn,
    sync::Arc,
    task::{self, Poll},
};

/// Makes a unary call. `port` carries the caller's wish to stop.
pub(crate) async fn unary(
    context: &Arc<Context>,
    request: &mut Request,
    message: &Bytes,
    trace: &Trace,
    port: &Arc<Port>,
) -> Outcome {
    if let Err(fault) = super::begin(context, request, trace) {
        return finish(context, request, Err(trace.ended(fault, None)));
    }
    if request.unconfigured
        && let Err(failed) = Box::pin(configure(context, request, Some(message), trace, port)).await
    {
        return finish(context, request, Err(failed));
    }
    if let Some(policy) = request.hedging() {
        port.send(message.clone().into());
        port.close_send();
        let work = Box::pin(hedged(context, request, policy, trace, port, &Nobody));
        let outcome = guarded(trace, port, &context.alarms, request.deadline, work).await;
        port.end();
        return finish(context, request, outcome);
    }
    let work = attempts(context, request, message, trace);
    let outcome = guarded(trace, port, &context.alarms, request.deadline, work).await;
    finish(context, request, outcome)
}

/// Nothing of a unary call is streamed: its one response comes with its end.
struct Nobody;

impl Sink for Nobody {
    fn headers(&self, _: Metadata, _: Option<Arc<str>>) {}
    fn messages(&self, _: Vec<Message>) {}
    fn room(&self) {}
    fn done(&self, _: Outcome) {}
}

async fn attempts(context: &Context, request: &Request, message: &Bytes, trace: &Trace) -> Outcome {
    let keeps = message.len() as u64 <= context.options.retry.call_buffer_bytes;
    let mut retries = Retries::new(context, request, trace, keeps);
    loop {
        let end = match retries.time_of_an_attempt() {
            None => attempt(context, request, message, trace).await,
            Some(limit) => Box::pin(retries.within(limit, attempt(context, request, message, trace))).await,
        };
        match end {
            Ok(reply) => {
                retries.succeeded();
                return Ok(reply);
            }
            Err(fault) => Box::pin(retries.after(fault)).await?,
        }
    }
}

async fn attempt(context: &Context, request: &Request, message: &Bytes, trace: &Trace) -> Result<Reply, Fault> {
    let Opened { mut send, reader, at } = open(context, request, trace).await?;
    let frame = framed(request.compression, message);
    let bytes = frame.remaining();
    let sending = !send.start_send(frame, true);
    trace.sent(bytes, (!sending).then_some(at));
    let mut exchange = Exchange { reader, sending, message: None, trace };
    let (message, trailers) = poll_fn(|cx| exchange.poll(&mut send, cx)).await?;
    Ok(trace.succeeded(Some(message), trailers))
}

struct Exchange<'a> {
    reader: Reader,
    sending: bool,
    message: Option<Message>,
    trace: &'a Trace,
}

impl Exchange<'_> {
    fn poll(&mut self, send: &mut SendHalf, cx: &mut task::Context<'_>) -> Poll<Result<(Message, HeaderMap), Fault>> {
        self.poll_send(send, cx);
        loop {
            let received = match self.reader.poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(received)) => received,
                Poll::Ready(Err(broken)) => return Poll::Ready(Err(broken.into_fault(self.trace))),
            };
            match received {
                Received::Headers(headers) => self.trace.headers(headers),
                Received::Message(message) => {
                    self.trace.received(1, message.len() as u64);
                    if self.message.replace(message).is_some() {
                        return Poll::Ready(Err(cardinality(self.trace, 2)));
                    }
                }
                Received::End(answer, trailers) if answer.code == Code::Ok => {
                    let message = self.message.take().ok_or_else(|| cardinality(self.trace, 0));
                    return Poll::Ready(message.map(|message| (message, trailers)));
                }
                Received::End(answer, trailers) => return Poll::Ready(Err(self.trace.refused(answer, trailers))),
            }
        }
    }

    /// A large message waits for the peer's window, and an early answer does not wait for it. A stream that is broken
    /// tells why on its receiving side.
    fn poll_send(&mut self, send: &mut SendHalf, cx: &mut task::Context<'_>) {
        if self.sending && send.poll_sent(cx).is_ready() {
            self.sending = false;
            self.trace.all_sent();
        }
    }
}

pub(crate) fn cardinality(trace: &Trace, received: u64) -> Fault {
    trace.fault(Evidence::Cardinality { received }, Reached::Yes)
}

impl Broken {
    pub(crate) fn into_fault(self, trace: &Trace) -> Fault {
        match self {
            Broken::Transport(fault) => trace.broken(fault),
            Broken::Response(evidence, reached) => trace.fault(evidence, reached),
        }
    }
}
