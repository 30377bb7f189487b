//! The three streaming kinds: messages go out as the caller gives them and come in as lists, each side at its own pace.
use super::{
    Context, Fault, Outcome, Port, Reply, Request, Trace,
    attempt::{Opened, framed, open, too_large},
    configs::configure,
    deadline::guarded,
    finish,
    port::Outgoing,
    receive::{Received, Receiver},
    task::Sink,
    unary::cardinality,
};
use crate::{
    compress::Compression,
    failure::Reached,
    metadata::Metadata,
    retry::{Decision, Ended, History, Replay, decide},
    status::{Code, Decoded},
    transport::{Message, Outbound, SendHalf},
};
use bytes::Buf;
use http::HeaderMap;
use std::{
    future::poll_fn,
    sync::Arc,
    task::{self, Poll, ready},
};

/// Messages read in one go before other tasks get their turn.
const TURN: usize = 1024;

/// Makes a call of a streaming kind. What the caller sends comes through `port`.
pub(crate) async fn streaming(
    context: &Arc<Context>,
    request: &mut Request,
    trace: &Trace,
    port: &Arc<Port>,
    sink: &impl Sink,
) -> Outcome {
    if let Err(fault) = super::begin(context, request, trace) {
        return finish(context, request, Err(trace.ended(fault, None)));
    }
    let configured = match request.unconfigured {
        true => Box::pin(configure(context, request, None, trace, port)).await,
        false => Ok(()),
    };
    let mut outcome = match configured {
        Ok(()) => {
            let work = attempts(context, request, trace, port, sink);
            guarded(trace, port, &context.alarms, request.deadline, work).await
        }
        Err(failed) => Err(failed),
    };
    let unsent = port.end();
    if let Err(failed) = &mut outcome {
        failed.unsent = unsent;
    }
    finish(context, request, outcome)
}

async fn attempts(context: &Context, request: &Request, trace: &Trace, port: &Port, sink: &impl Sink) -> Outcome {
    let mut replay = Replay::new(&context.budget, context.options.retry.call_buffer_bytes);
    let mut history = History { enabled: context.options.retry.enabled, unprocessed: 0 };
    if !history.enabled {
        replay.commit();
    }
    loop {
        let fault = match attempt(context, request, trace, port, sink, &mut replay).await {
            Ok(reply) => return Ok(reply),
            Err(fault) => fault,
        };
        let ended = Ended {
            by_transport: fault.by_transport,
            reached: fault.reached,
            committed: replay.is_committed() || trace.saw_headers(),
        };
        match decide(ended, history) {
            Decision::Stop(why) => return Err(trace.ended(fault, why)),
            Decision::Transparent => {
                history.unprocessed += u32::from(fault.reached == Reached::Unprocessed);
                trace.again(&fault);
                // whoever replaces the connection gets a turn before it is picked again
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn attempt(
    context: &Context,
    request: &Request,
    trace: &Trace,
    port: &Port,
    sink: &impl Sink,
    replay: &mut Replay,
) -> Result<Reply, Fault> {
    let Opened { send, receiver, .. } = open(context, request, trace).await?;
    let mut exchange = Exchange {
        context,
        request,
        trace,
        port,
        sink,
        replay,
        sender: Sender { half: send, sending: None, replayed: 0, over: false },
        receiver,
        batch: Vec::new(),
        single: None,
    };
    poll_fn(|cx| exchange.poll(cx)).await
}

struct Exchange<'a, S> {
    context: &'a Context,
    request: &'a Request,
    trace: &'a Trace,
    port: &'a Port,
    sink: &'a S,
    replay: &'a mut Replay,
    sender: Sender,
    receiver: Receiver,
    batch: Vec<Message>,
    single: Option<Message>,
}

struct Sender {
    half: SendHalf,
    /// A message is on its way; `true`: the last one.
    sending: Option<bool>,
    replayed: usize,
    over: bool,
}

impl<S: Sink> Exchange<'_, S> {
    fn poll(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<Reply, Fault>> {
        if let Poll::Ready(Err(fault)) = self.poll_send(cx) {
            return Poll::Ready(Err(fault));
        }
        let end = self.poll_receive(cx);
        self.flush();
        end
    }

    // --- sending

    fn poll_send(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Fault>> {
        while !self.sender.over {
            if self.sender.sending.is_none() && !self.start_next()? {
                self.trace.all_sent();
                return Poll::Pending;
            }
            // broken: the receiving side tells why
            let Poll::Ready(sent) = self.sender.half.poll_sent(cx) else {
                self.trace.blocked();
                return Poll::Pending;
            };
            let last = self.sender.sending.take().unwrap_or(false);
            self.sender.over |= sent.is_err() || last;
            if self.port.take_room() {
                self.sink.room();
            }
        }
        self.trace.all_sent();
        Poll::Ready(Ok(()))
    }

    /// Starts to send the next message. False: there is nothing to send now.
    fn start_next(&mut self) -> Result<bool, Fault> {
        if let Some(outbound) = self.replay.get(self.sender.replayed).cloned() {
            self.sender.replayed += 1;
            self.start(&outbound, false);
            return Ok(true);
        }
        match self.port.next() {
            Outgoing::Nothing => Ok(false),
            Outgoing::Close => {
                self.sender.over = true;
                let _ = self.sender.half.finish(); // broken: the receiving side tells why
                Ok(true)
            }
            Outgoing::Message { outbound, last } => {
                if let Some(evidence) = too_large(self.context, self.request, &outbound.message) {
                    return Err(self.trace.fault(evidence, self.trace.reached()));
                }
                self.replay.keep(&outbound);
                self.sender.replayed = self.replay.len();
                self.start(&outbound, last);
                Ok(true)
            }
        }
    }

    fn start(&mut self, outbound: &Outbound, last: bool) {
        let compression = if outbound.compress { self.request.compression } else { Compression::Identity };
        let frame = framed(compression, &outbound.message);
        self.trace.sent(frame.remaining(), None);
        self.sender.half.start_send(frame, last);
        self.sender.sending = Some(last);
    }

    // --- receiving

    fn poll_receive(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<Reply, Fault>> {
        let (mut bytes, mut messages) = self.port.allowance();
        for _ in 0..TURN {
            if (bytes == 0 || messages == 0) && !self.request.method.kind.one_response() {
                // Credit that came while this list was read found nothing paused and woke nobody: look again.
                self.flush();
                (bytes, messages) = self.port.allowance();
                if bytes == 0 || messages == 0 {
                    return Poll::Pending; // the reader's credit wakes us
                }
            }
            let received = match ready!(self.receiver.poll_next(cx)) {
                Ok(received) => received,
                Err(broken) => return Poll::Ready(Err(broken.into_fault(self.trace))),
            };
            match received {
                Received::Headers(headers) => self.headers(headers),
                Received::Message(message) => {
                    bytes = bytes.saturating_sub(message.len());
                    messages = messages.saturating_sub(1);
                    if let Err(fault) = self.message(message) {
                        return Poll::Ready(Err(fault));
                    }
                }
                Received::End(answer, trailers) => return Poll::Ready(self.end(answer, trailers)),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn headers(&mut self, headers: HeaderMap) {
        self.replay.commit();
        if !self.request.method.kind.one_response() {
            self.sink.headers(Metadata::from_headers(headers.clone()), self.trace.peer());
        }
        self.trace.headers(headers);
    }

    fn message(&mut self, message: Message) -> Result<(), Fault> {
        if !self.request.method.kind.one_response() {
            self.batch.push(message);
            return Ok(());
        }
        self.trace.received(1, message.len() as u64);
        match self.single.replace(message) {
            None => Ok(()),
            Some(_) => Err(cardinality(self.trace, 2)),
        }
    }

    fn end(&mut self, answer: Decoded, trailers: HeaderMap) -> Result<Reply, Fault> {
        self.flush();
        if answer.code != Code::Ok {
            return Err(self.trace.refused(answer, trailers));
        }
        if self.request.method.kind.one_response() && self.single.is_none() {
            return Err(cardinality(self.trace, 0));
        }
        Ok(self.trace.succeeded(self.single.take(), trailers))
    }

    /// Hands on what was read as one list.
    fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        let bytes = batch.iter().map(|m| m.len() as u64).sum();
        self.trace.received(batch.len() as u64, bytes);
        self.port.deliver(batch.iter().map(Message::len));
        self.sink.messages(batch);
    }
}
