//! One attempt over its open stream: the caller's messages out, the server's in.
use super::{
    Context, Fault, Port, Reply, Request, Trace,
    attempt::{framed, too_large},
    port::Outgoing,
    task::Sink,
    unary::cardinality,
};
use crate::{
    compress::Compression,
    metadata::Metadata,
    response::{Reader, Received},
    retry::Replay,
    status::{Code, Decoded},
    transport::{Message, Outbound, SendHalf},
};
use bytes::Buf;
use http::HeaderMap;
use std::{
    ops::Deref,
    task::{self, Poll, ready},
};

/// Messages read in one go before other tasks get their turn.
const TURN: usize = 1024;

/// `T` points to the attempt's trace.
pub(super) struct Exchange<'a, S, T> {
    context: &'a Context,
    request: &'a Request,
    trace: T,
    port: &'a Port,
    sink: &'a S,
    sender: Sender,
    reader: Reader,
    batch: Vec<Message>,
    single: Option<Message>,
}

struct Sender {
    half: SendHalf,
    /// A message is on its way; `true`: the last one.
    sending: Option<bool>,
    /// Of the next message, counted from the call's first.
    place: usize,
    over: bool,
}

impl<'a, S: Sink, T: Deref<Target = Trace>> Exchange<'a, S, T> {
    pub(super) fn new(
        context: &'a Context,
        request: &'a Request,
        trace: T,
        port: &'a Port,
        sink: &'a S,
        send: SendHalf,
        reader: Reader,
    ) -> Self {
        Exchange {
            context,
            request,
            trace,
            port,
            sink,
            sender: Sender { half: send, sending: None, place: 0, over: false },
            reader,
            batch: Vec::new(),
            single: None,
        }
    }

    pub(super) fn poll(&mut self, replay: &mut Replay, cx: &mut task::Context<'_>) -> Poll<Result<Reply, Fault>> {
        if let Poll::Ready(Err(fault)) = self.poll_send(replay, cx) {
            return Poll::Ready(Err(fault));
        }
        let end = self.poll_receive(replay, cx);
        self.flush();
        end
    }

    // --- sending

    fn poll_send(&mut self, replay: &mut Replay, cx: &mut task::Context<'_>) -> Poll<Result<(), Fault>> {
        while !self.sender.over {
            if self.sender.sending.is_none() && !self.start_next(replay)? {
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
    fn start_next(&mut self, replay: &mut Replay) -> Result<bool, Fault> {
        if let Some(outbound) = replay.next(self.sender.place) {
            self.sender.place += 1;
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
                if replay.keep(&outbound) {
                    self.trace.commit();
                }
                self.sender.place += 1;
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

    fn poll_receive(&mut self, replay: &mut Replay, cx: &mut task::Context<'_>) -> Poll<Result<Reply, Fault>> {
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
            let received = match ready!(self.reader.poll_next(cx)) {
                Ok(received) => received,
                Err(broken) => return Poll::Ready(Err(broken.into_fault(&self.trace))),
            };
            match received {
                Received::Headers(headers) => {
                    replay.commit(self.sender.place);
                    self.headers(headers);
                }
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
            Some(_) => Err(cardinality(&self.trace, 2)),
        }
    }

    fn end(&mut self, answer: Decoded, trailers: HeaderMap) -> Result<Reply, Fault> {
        self.flush();
        if answer.code != Code::Ok {
            return Err(self.trace.refused(answer, trailers));
        }
        if self.request.method.kind.one_response() && self.single.is_none() {
            return Err(cardinality(&self.trace, 0));
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
