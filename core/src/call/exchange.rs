//! One attempt over its open stream: the caller's messages out, the server's in.
use super::{
    attempt::{framed, too_large},
    context::Context,
    fault::Fault,
    outcome::Reply,
    port::{Account, Port},
    request::Request,
    sink::Sink,
    trace::Trace,
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
    collections::VecDeque,
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
    /// Taken from the port, within one poll: between two, another attempt may need it.
    list: VecDeque<Outbound>,
    /// Bytes of it that were handed to the wire.
    handed: usize,
    /// A message is on its way; `true`: the last one.
    sending: Option<bool>,
    /// Of the next message, counted from the call's first.
    place: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// The request has been sent whole.
    Finished,
    /// The stream takes no more of it. Why, the receiving side tells, in its turn.
    Stopped,
    /// The caller knows.
    Told,
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
            sender: Sender {
                half: send,
                list: VecDeque::new(),
                handed: 0,
                sending: None,
                place: 0,
                stage: Stage::Open,
            },
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
        self.tell_stopped();
        end
    }

    // --- sending

    fn poll_send(&mut self, replay: &mut Replay, cx: &mut task::Context<'_>) -> Poll<Result<(), Fault>> {
        if self.sender.stage != Stage::Open {
            return Poll::Ready(Ok(()));
        }
        let closed = self.port.take(&mut self.sender.list);
        let sent = self.poll_list(closed, replay, cx);
        if self.port.put_back(&mut self.sender.list, std::mem::take(&mut self.sender.handed)) {
            self.sink.room();
        }
        sent
    }

    fn poll_list(&mut self, closed: bool, replay: &mut Replay, cx: &mut task::Context<'_>) -> Poll<Result<(), Fault>> {
        while self.sender.stage == Stage::Open {
            if self.sender.sending.is_none() && !self.start_next(closed, replay)? {
                self.trace.all_sent();
                return Poll::Pending;
            }
            let Poll::Ready(sent) = self.sender.half.poll_sent(cx) else {
                self.trace.blocked();
                return Poll::Pending;
            };
            let last = self.sender.sending.take().unwrap_or(false);
            match sent {
                Err(_) => self.sender.stage = Stage::Stopped,
                Ok(()) if last => self.sender.stage = Stage::Finished,
                Ok(()) => {}
            }
        }
        if self.sender.stage == Stage::Finished {
            self.trace.all_sent();
        }
        Poll::Ready(Ok(()))
    }

    /// Starts to send the next message, or ends the request. False: there is nothing to send now.
    fn start_next(&mut self, closed: bool, replay: &mut Replay) -> Result<bool, Fault> {
        if let Some(outbound) = replay.next(self.sender.place) {
            self.sender.place += 1;
            self.start(&outbound, false);
            return Ok(true);
        }
        let Some(outbound) = self.sender.list.pop_front() else {
            if closed {
                self.sender.sending = Some(true);
                let _ = self.sender.half.finish(); // stopped: what is polled next tells
            }
            return Ok(closed);
        };
        self.sender.handed += outbound.message.len();
        if let Some(evidence) = too_large(self.context, self.request, &outbound.message) {
            return Err(self.trace.fault(evidence, self.trace.reached()));
        }
        if replay.keep(&outbound) {
            self.trace.commit();
        }
        self.sender.place += 1;
        self.start(&outbound, closed && self.sender.list.is_empty());
        Ok(true)
    }

    /// The caller hears at once that its messages go nowhere, however late it reads why. Before the commit, another
    /// attempt may still send them.
    fn tell_stopped(&mut self) {
        if self.sender.stage == Stage::Stopped && self.trace.is_committed() {
            self.sender.stage = Stage::Told;
            if self.port.end_sending() {
                self.sink.room();
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
        let mut allowed = self.allowance();
        for _ in 0..TURN {
            if allowed.is_used_up() {
                // What was read so far counts, too, and credit for it may be here already.
                self.flush();
                self.watch_sending(cx);
                allowed = self.allowance();
                if allowed.is_used_up() {
                    return Poll::Pending; // the reader's credit wakes us
                }
            }
            let received = match ready!(self.reader.poll_next(cx)) {
                Ok(received) => received,
                Err(broken) => return Poll::Ready(Err(self.trace.unread(broken))),
            };
            match received {
                Received::Headers(headers) => {
                    replay.commit(self.sender.place);
                    self.headers(headers);
                }
                Received::Message(message) => {
                    allowed.draw(message.len());
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

    fn allowance(&self) -> Account {
        if self.request.method.kind.one_response() {
            return Account { messages: usize::MAX, bytes: usize::MAX };
        }
        self.port.allowance(matches!(self.sender.stage, Stage::Stopped | Stage::Told))
    }

    /// While nobody reads, a reset or a lost connection is seen by what can be sent.
    fn watch_sending(&mut self, cx: &mut task::Context<'_>) {
        if self.sender.stage == Stage::Open && self.sender.half.poll_reset(cx).is_ready() {
            self.sender.stage = Stage::Stopped;
        }
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
            Some(_) => Err(self.trace.cardinality(2)),
        }
    }

    fn end(&mut self, answer: Decoded, trailers: HeaderMap) -> Result<Reply, Fault> {
        self.flush();
        if answer.code != Code::Ok {
            return Err(self.trace.refused(answer, trailers));
        }
        if self.request.method.kind.one_response() && self.single.is_none() {
            return Err(self.trace.cardinality(0));
        }
        Ok(self.trace.succeeded(self.single.take(), trailers))
    }

    /// Hands on what was read as one list.
    fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        let list = Account { messages: batch.len(), bytes: batch.iter().map(Message::len).sum() };
        self.trace.received(list.messages as u64, list.bytes as u64);
        self.port.deliver(list);
        self.sink.messages(batch);
    }
}
