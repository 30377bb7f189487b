//! The straight way: one message out, one in. No queue, no task of its own, no crossing per message.
use super::{
    attempt::{Opened, framed, open},
    context::Context,
    fault::Fault,
    outcome::Reply,
    request::Request,
    trace::Trace,
};
use crate::{
    response::{Reader, Received},
    status::Code,
    transport::{Message, SendHalf},
};
use bytes::{Buf, Bytes};
use http::HeaderMap;
use std::{
    future::poll_fn,
    task::{self, Poll},
};

/// One attempt with the one message.
pub(super) async fn unary(
    context: &Context,
    request: &Request,
    message: &Bytes,
    trace: &Trace,
) -> Result<Reply, Fault> {
    let Opened { mut send, reader, at } = open(context, request, trace).await?;
    let frame = framed(request.compression, message);
    let bytes = frame.remaining();
    let sending = !send.start_send(frame, true);
    trace.sent(bytes, (!sending).then_some(at));
    let mut answer = Answer { reader, sending, message: None, trace };
    let (message, trailers) = poll_fn(|cx| answer.poll(&mut send, cx)).await?;
    Ok(trace.succeeded(Some(message), trailers))
}

struct Answer<'a> {
    reader: Reader,
    sending: bool,
    message: Option<Message>,
    trace: &'a Trace,
}

impl Answer<'_> {
    fn poll(&mut self, send: &mut SendHalf, cx: &mut task::Context<'_>) -> Poll<Result<(Message, HeaderMap), Fault>> {
        self.poll_send(send, cx);
        loop {
            let received = match self.reader.poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(received)) => received,
                Poll::Ready(Err(broken)) => return Poll::Ready(Err(self.trace.unread(broken))),
            };
            match received {
                Received::Headers(headers) => self.trace.headers(headers),
                Received::Message(message) => {
                    self.trace.received(1, message.len() as u64);
                    if self.message.replace(message).is_some() {
                        return Poll::Ready(Err(self.trace.cardinality(2)));
                    }
                }
                Received::End(answer, trailers) if answer.code == Code::Ok => {
                    let message = self.message.take().ok_or_else(|| self.trace.cardinality(0));
                    return Poll::Ready(message.map(|message| (message, trailers)));
                }
                Received::End(answer, trailers) => return Poll::Ready(Err(self.trace.refused(answer, trailers))),
            }
        }
    }

    /// A large message waits for the peer's window, and an early answer does not wait for it. A stream that is broken
    /// tells why on its receiving side.
    fn poll_send(&mut self, send: &mut SendHalf, cx: &mut task::Context<'_>) {
        if self.sending
            && let Poll::Ready(sent) = send.poll_sent(cx)
        {
            self.sending = false;
            if sent.is_ok() {
                self.trace.all_sent();
            }
        }
    }
}
