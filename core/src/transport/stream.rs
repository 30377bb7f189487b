use super::{
    fault::{self, METADATA_OPTION, StreamFault},
    framing::Framed,
    metadata_size,
    slots::Slot,
    state::State,
};
use crate::{
    clock::{self, Instant},
    failure::{
        Reached,
        evidence::{Evidence, Sized},
    },
};
use bytes::{Buf, Bytes};
use h2::{Reason, RecvStream, SendStream, client::ResponseFuture};
use http::{HeaderMap, HeaderName, response};
use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering::AcqRel, Ordering::Acquire},
    },
    task::{Context, Poll, ready},
};

/// The first message of a stream up to this length leaves together with the HEADERS: h2 grants no window to a stream
/// that it has not opened yet.
const FIRST_MESSAGE: usize = 64 << 10;

static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

const SEND_DONE: u8 = 1;
const RECV_DONE: u8 = 2;
const ANSWERED: u8 = 4;
const FAILED: u8 = 8;

/// What both halves share. When the last of them goes, a stream in flight is cancelled.
#[derive(Debug)]
struct Shared {
    state: Arc<State>,
    id: u32,
    born: Instant,
    flags: AtomicU8,
    parked: Mutex<Option<SendStream<Framed>>>,
    slot: Option<Slot>,
}

impl Shared {
    fn mark(&self, flags: u8) {
        self.flags.fetch_or(flags, AcqRel);
    }

    fn has(&self, flags: u8) -> bool {
        self.flags.load(Acquire) & flags == flags
    }

    fn failed(&self, error: &h2::Error) -> StreamFault {
        self.mark(FAILED);
        fault::of_stream(&self.state, error, self.id, self.has(ANSWERED))
    }

    fn check_metadata(&self, map: &HeaderMap) -> Result<(), StreamFault> {
        let (actual, limit) = (metadata_size(map), self.state.limits.max_metadata_bytes);
        if actual <= limit {
            return Ok(());
        }
        let evidence = Evidence::ResponseTooLarge {
            what: Sized::Metadata,
            actual: actual as u64,
            limit: limit as u64,
            option: METADATA_OPTION,
        };
        Err(StreamFault::new(evidence, Reached::Yes))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.state.wire.forget(self.id);
        let Some(mut stream) = self.parked.get_mut().unwrap_or_else(PoisonError::into_inner).take() else { return };
        if self.has(FAILED) || self.has(RECV_DONE | SEND_DONE) {
            return;
        }
        if self.has(RECV_DONE) {
            stream.send_reset(Reason::NO_ERROR); // the whole answer came first (gRPC over HTTP/2)
        } else if self.state.resets.cancel(stream, self.slot.take(), self.born, self.has(ANSWERED)) {
            self.state.wake_driver();
        }
    }
}

pub(super) fn halves(
    state: Arc<State>,
    slot: Slot,
    response: ResponseFuture,
    stream: SendStream<Framed>,
    ended: bool,
) -> (SendHalf, RecvHalf) {
    let shared = Arc::new(Shared {
        state,
        id: stream.stream_id().as_u32(),
        born: clock::now(),
        flags: AtomicU8::new(if ended { SEND_DONE } else { 0 }),
        parked: Mutex::new(None),
        slot: Some(slot),
    });
    let send = SendHalf { stream: Some(stream), shared: shared.clone(), pending: None, fresh: true, stopped: false };
    (send, RecvHalf { body: Body::Head(response), shared })
}

/// Nothing more can be sent on the stream. Why, the receiving half tells: an answer that came early, or a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped;

/// The request side of a stream. Dropping it before the end leaves the request open; dropping both halves of a stream
/// in flight cancels it.
#[derive(Debug)]
pub(crate) struct SendHalf {
    stream: Option<SendStream<Framed>>,
    shared: Arc<Shared>,
    pending: Option<(Framed, bool)>,
    fresh: bool,
    stopped: bool,
}

impl SendHalf {
    pub(crate) fn id(&self) -> u32 {
        self.shared.id
    }

    /// Hands the message to h2 at once, whatever its length: for the one message of a unary request, which is in memory
    /// anyway. HEADERS, prefix and body then leave in one `writev`.
    ///
    /// # Errors
    /// [`Stopped`].
    pub(crate) fn send_now(&mut self, message: Framed, end: bool) -> Result<(), Stopped> {
        self.fresh = false;
        let stream = self.stream.as_mut().ok_or(Stopped)?;
        stream.send_data(message, end).map_err(|_| Stopped)?;
        if end {
            self.shared.mark(SEND_DONE);
        }
        Ok(())
    }

    /// Starts to send a message of a stream; [`poll_sent`](SendHalf::poll_sent) until it is accepted. True: it was.
    pub(crate) fn start_send(&mut self, message: Framed, end: bool) -> bool {
        if self.fresh && message.remaining() <= FIRST_MESSAGE {
            self.stopped = self.send_now(message, end).is_err();
            return !self.stopped;
        }
        self.pending = Some((message, end));
        false
    }

    /// Ready when the message is accepted: all of it has window, and what is buffered stays bounded.
    ///
    /// # Errors
    /// [`Stopped`].
    pub(crate) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Stopped>> {
        while let Some((mut message, end)) = self.pending.take() {
            let len = message.remaining();
            let room = match self.poll_room(len, cx) {
                Poll::Ready(room) => room?,
                Poll::Pending => {
                    self.pending = Some((message, end));
                    return Poll::Pending;
                }
            };
            if room >= len {
                self.send_now(message, end)?;
            } else {
                let part = message.split_to(room);
                self.pending = Some((message, end));
                self.send_now(part, false)?;
            }
        }
        Poll::Ready(if self.stopped { Err(Stopped) } else { Ok(()) })
    }

    #[cfg(test)]
    /// [`start_send`](SendHalf::start_send) and wait. A dropped future leaves the rest of the message to the next
    /// `poll_sent`.
    ///
    /// # Errors
    /// [`Stopped`].
    pub(crate) async fn send(&mut self, message: Framed, end: bool) -> Result<(), Stopped> {
        self.start_send(message, end);
        std::future::poll_fn(|cx| self.poll_sent(cx)).await
    }

    /// Ends the request.
    ///
    /// # Errors
    /// [`Stopped`].
    pub(crate) fn finish(&mut self) -> Result<(), Stopped> {
        if self.shared.has(SEND_DONE) { Ok(()) } else { self.send_now(Framed::empty(), true) }
    }

    /// Ready when the peer takes no more of the request.
    pub(crate) fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Stopped> {
        match &mut self.stream {
            Some(stream) => stream.poll_reset(cx).map(|_| Stopped),
            None => Poll::Ready(Stopped),
        }
    }

    // A reservation is used up or given back with the stream: one that is parked would starve the other streams.
    fn poll_room(&mut self, len: usize, cx: &mut Context<'_>) -> Poll<Result<usize, Stopped>> {
        let stream = self.stream.as_mut().ok_or(Stopped)?;
        stream.reserve_capacity(len);
        loop {
            // poll_capacity tells only of increases.
            let room = stream.capacity();
            if room > 0 {
                return Poll::Ready(Ok(room));
            }
            match ready!(stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(Err(Stopped)),
            }
        }
    }
}

impl Drop for SendHalf {
    fn drop(&mut self) {
        if self.pending.take().is_some()
            && let Some(stream) = &mut self.stream
        {
            stream.reserve_capacity(0);
        }
        *self.shared.parked.lock().unwrap_or_else(PoisonError::into_inner) = self.stream.take();
    }
}

#[derive(Debug)]
enum Body {
    Head(ResponseFuture),
    Stream(RecvStream),
    Trailers(Option<Box<HeaderMap>>),
    Done,
}

/// The response side of a stream: head, data until `None`, trailers.
///
/// What was received whole is told, whatever became of the stream or the connection before it was read: a later reset, a
/// GOAWAY, an end. A fault is told only after all that came before it, and never in place of trailers or of a head that
/// was the end.
#[derive(Debug)]
pub(crate) struct RecvHalf {
    body: Body,
    shared: Arc<Shared>,
}

impl RecvHalf {
    /// The response head; informational ones (1xx) are skipped. Polled until ready, once.
    ///
    /// # Errors
    /// The stream failed, or the metadata is larger than the limit.
    pub(crate) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<response::Parts, StreamFault>> {
        let Body::Head(response) = &mut self.body else { return Poll::Ready(Err(misused())) };
        let response = match ready!(Pin::new(response).poll(cx)) {
            Ok(response) => response,
            Err(error) => return Poll::Ready(Err(self.fail(&error))),
        };
        let (head, body) = response.into_parts();
        self.shared.mark(ANSWERED);
        self.body = self.after_head(body, &head.headers, cx);
        Poll::Ready(self.shared.check_metadata(&head.headers).map(|()| head))
    }

    // h2 forgets that the head was the end when the stream fails before it was read. What else it has received of the
    // stream it still gives, so where nothing comes but the fault, the END_STREAM that the tap saw was the head's.
    fn after_head(&self, mut body: RecvStream, headers: &HeaderMap, cx: &mut Context<'_>) -> Body {
        if body.is_end_stream() {
            self.shared.mark(RECV_DONE);
            return Body::Done;
        }
        if !self.shared.state.wire.may_end_with_head(self.shared.id) || !headers.contains_key(&GRPC_STATUS) {
            return Body::Stream(body);
        }
        match body.poll_trailers(cx) {
            Poll::Pending => Body::Stream(body),
            Poll::Ready(Ok(trailers)) => Body::Trailers(trailers.map(Box::new)),
            Poll::Ready(Err(_)) => {
                self.shared.mark(RECV_DONE | FAILED);
                Body::Done
            }
        }
    }

    /// After the head: nothing follows it.
    pub(crate) fn is_end_stream(&self) -> bool {
        match &self.body {
            Body::Stream(body) => body.is_end_stream(),
            Body::Head(_) | Body::Trailers(_) => false,
            Body::Done => true,
        }
    }

    /// The next bytes of the body; `None` when the trailers can be read. Each slice holds its part of the stream's
    /// window until it is given back by [`release`](RecvHalf::release).
    ///
    /// # Errors
    /// The stream failed.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamFault>>> {
        let body = match &mut self.body {
            Body::Stream(body) => body,
            Body::Trailers(_) | Body::Done => return Poll::Ready(None),
            Body::Head(_) => return Poll::Ready(Some(Err(misused()))),
        };
        match ready!(body.poll_data(cx)) {
            Some(Ok(data)) => Poll::Ready(Some(Ok(data))),
            Some(Err(error)) => Poll::Ready(Some(Err(self.fail(&error)))),
            None => Poll::Ready(None),
        }
    }

    /// The trailers; `None` when the response ended without.
    ///
    /// # Errors
    /// The stream failed, or the metadata is larger than the limit.
    pub(crate) fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, StreamFault>> {
        let trailers = match &mut self.body {
            Body::Stream(body) => match ready!(body.poll_trailers(cx)) {
                Ok(trailers) => trailers,
                Err(error) => return Poll::Ready(Err(self.fail(&error))),
            },
            Body::Trailers(trailers) => trailers.take().map(|trailers| *trailers),
            Body::Done => None,
            Body::Head(_) => return Poll::Ready(Err(misused())),
        };
        self.shared.mark(RECV_DONE);
        self.body = Body::Done;
        let checked = trailers.as_ref().map_or(Ok(()), |trailers| self.shared.check_metadata(trailers));
        Poll::Ready(checked.map(|()| trailers))
    }

    /// Gives back window for `n` bytes that the caller has consumed.
    pub(crate) fn release(&mut self, n: usize) {
        if let Body::Stream(body) = &mut self.body {
            // More than was received is refused, and then nothing has to be given back.
            let _ = body.flow_control().release_capacity(n);
        }
    }

    #[cfg(test)]
    pub(crate) async fn head(&mut self) -> Result<response::Parts, StreamFault> {
        std::future::poll_fn(|cx| self.poll_head(cx)).await
    }

    #[cfg(test)]
    pub(crate) async fn data(&mut self) -> Option<Result<Bytes, StreamFault>> {
        std::future::poll_fn(|cx| self.poll_data(cx)).await
    }

    #[cfg(test)]
    pub(crate) async fn trailers(&mut self) -> Result<Option<HeaderMap>, StreamFault> {
        std::future::poll_fn(|cx| self.poll_trailers(cx)).await
    }

    fn fail(&mut self, error: &h2::Error) -> StreamFault {
        self.body = Body::Done;
        self.shared.failed(error)
    }
}

impl Drop for RecvHalf {
    fn drop(&mut self) {
        if let Body::Stream(body) = &self.body
            && body.is_end_stream()
        {
            self.shared.mark(RECV_DONE);
        }
    }
}

fn misused() -> StreamFault {
    StreamFault::new(Evidence::Core { site: "transport.stream" }, Reached::Maybe)
}
