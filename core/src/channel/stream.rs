//! A call of a streaming kind, as Rust users hold it.
use crate::{
    call::{Canceller, Context, Method, Outcome, Port, Registration, Request, SENDING_CLOSED, Sent, Sink, task},
    error::RpcError,
    failure::Evidence,
    metadata::Metadata,
    rt::Handle,
    transport::{Message, Outbound},
};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    marker::PhantomData,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Poll, Waker},
};
use tokio::sync::Notify;

/// A running call. Dropping it cancels.
pub struct Call<Req, Res> {
    inbox: Arc<Inbox>,
    /// Taken from the inbox and not read yet.
    list: VecDeque<Message>,
    /// Messages that were read and not credited yet.
    read: usize,
    sender: Sender,
    _canceller: Option<Registration>,
    types: PhantomData<fn(Req) -> Res>,
}

/// The sending half of a call, for a task of its own; dropping it changes nothing.
#[derive(Clone)]
pub struct Sender {
    inbox: Arc<Inbox>,
    port: Arc<Port>,
    context: Arc<Context>,
    method: Arc<Method>,
}

/// What the call's task has brought. Read by the one [`Call`]; any number of senders wait for its room.
#[derive(Default)]
struct Inbox {
    state: Mutex<State>,
    room: Notify,
}

#[derive(Default)]
struct State {
    headers: Option<Metadata>,
    peer: Option<Arc<str>>,
    messages: VecDeque<Message>,
    outcome: Option<Outcome>,
    /// The outcome was handed out.
    over: bool,
    trailers: Option<Metadata>,
    attempts: u32,
    reader: Option<Waker>,
}

impl<Req, Res> Call<Req, Res> {
    pub(crate) fn start(
        rt: &Handle,
        context: &Arc<Context>,
        request: Request,
        message: Option<Bytes>,
        canceller: Option<Canceller>,
    ) -> Self {
        let port = Arc::new(match message {
            None => Port::new(&context.buffered),
            Some(message) => Port::with_request(&context.buffered, message),
        });
        let canceller = canceller.map(|canceller| canceller.register(&port));
        let inbox = Arc::new(Inbox::default());
        let method = request.method.clone();
        rt.spawn("call", task(context, request, None, port.clone(), inbox.clone()));
        let sender = Sender { inbox: inbox.clone(), port, context: context.clone(), method };
        Call { inbox, list: VecDeque::new(), read: 0, sender, _canceller: canceller, types: PhantomData }
    }

    /// Waits for the response headers; those of a kind with one response come with it. `None`: the response has none, or
    /// the call failed before.
    pub async fn headers(&mut self) -> Option<Metadata> {
        poll_fn(|cx| {
            let mut state = self.inbox.lock();
            if state.headers.is_some() || state.outcome.is_some() || state.over {
                return Poll::Ready(state.headers.clone());
            }
            state.reader = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Address of the server, once it answered.
    pub fn peer(&self) -> Option<Arc<str>> {
        self.inbox.lock().peer.clone()
    }

    /// Trailers of a response that ended well.
    pub fn trailers(&self) -> Option<Metadata> {
        self.inbox.lock().trailers.clone()
    }

    /// Attempts made, once the call ended well.
    pub fn attempts(&self) -> u32 {
        self.inbox.lock().attempts
    }

    /// No more request messages.
    pub fn close_send(&mut self) {
        self.sender.close();
    }

    /// Ends the call: RST_STREAM(CANCEL). What is read next is CANCELLED_BY_CALLER.
    pub fn cancel(&self) {
        self.sender.cancel();
    }

    /// Sends a serialized message; waits while the server does not keep up. `false`: the call is over, and reading tells
    /// why.
    ///
    /// # Errors
    /// REQUEST_INVALID after the sending side was closed.
    pub async fn send_bytes(&mut self, message: Bytes) -> Result<bool, RpcError> {
        self.sender.send(message).await
    }

    /// The same for a message that is not to be compressed, see [`send_uncompressed`](Call::send_uncompressed).
    ///
    /// # Errors
    /// As [`Call::send_bytes`].
    pub async fn send_bytes_uncompressed(&mut self, message: Bytes) -> Result<bool, RpcError> {
        self.sender.send_uncompressed(message).await
    }

    /// The next serialized message; `None` after the last one of a call that ended with OK.
    ///
    /// # Errors
    /// What ended the call, once; after that `None`.
    pub async fn message_bytes(&mut self) -> Result<Option<Bytes>, RpcError> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    pub(crate) fn poll_message(&mut self, cx: &mut std::task::Context<'_>) -> Poll<Result<Option<Bytes>, RpcError>> {
        if self.list.is_empty() {
            let mut state = self.inbox.lock();
            std::mem::swap(&mut state.messages, &mut self.list);
            if self.list.is_empty() {
                return match state.end() {
                    End::Running => {
                        state.reader = Some(cx.waker().clone());
                        Poll::Pending
                    }
                    End::Over(end) => Poll::Ready(end.map(|message| message.map(Message::into_bytes))),
                };
            }
        }
        let message = self.list.pop_front().map(Message::into_bytes);
        self.read += 1;
        // for a whole list at once: who reads its first message reads the last one soon
        if self.list.is_empty() {
            self.sender.wake(self.sender.port.credit(std::mem::take(&mut self.read)));
        }
        Poll::Ready(Ok(message))
    }

    /// The sending half, for another task.
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }
}

impl<Req: prost::Message, Res: prost::Message + Default> Call<Req, Res> {
    /// Sends a message; waits while the server does not keep up. `false`: the call is over, and reading tells why.
    ///
    /// # Errors
    /// REQUEST_INVALID after the sending side was closed.
    pub async fn send(&mut self, message: Req) -> Result<bool, RpcError> {
        self.send_bytes(message.encode_to_vec().into()).await
    }

    /// The same for a message that leaves as it is although the call compresses: the size of a compressed message tells
    /// of a secret that stands beside text which others choose (gRPC's doc/compression.md; CRIME, BREACH).
    ///
    /// # Errors
    /// As [`Call::send`].
    pub async fn send_uncompressed(&mut self, message: Req) -> Result<bool, RpcError> {
        self.send_bytes_uncompressed(message.encode_to_vec().into()).await
    }

    /// The next message; `None` after the last one of a call that ended with OK.
    ///
    /// # Errors
    /// What ended the call, once; after that `None`. RESPONSE_DECODE_FAILED cancels the call.
    pub async fn message(&mut self) -> Result<Option<Res>, RpcError> {
        let Some(bytes) = self.message_bytes().await? else { return Ok(None) };
        Res::decode(bytes).map(Some).map_err(|_| {
            self.cancel();
            undecodable(&self.sender.context, &self.sender.method.path, self.peer())
        })
    }
}

/// RESPONSE_DECODE_FAILED.
pub(super) fn undecodable(context: &Context, method: &Arc<str>, peer: Option<Arc<str>>) -> RpcError {
    Box::new(context.answered_badly(Evidence::Decode { type_name: None }, method, peer)).into()
}

impl Sender {
    /// Sends a serialized message; waits while the server does not keep up. `false`: the call is over, and reading tells
    /// why.
    ///
    /// # Errors
    /// REQUEST_INVALID after the sending side was closed.
    pub async fn send(&self, message: Bytes) -> Result<bool, RpcError> {
        self.told(self.hand_over(message.into()).await)
    }

    /// The same for a message that is not to be compressed, see [`Call::send_uncompressed`].
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub async fn send_uncompressed(&self, message: Bytes) -> Result<bool, RpcError> {
        self.told(self.hand_over(Outbound::uncompressed(message)).await)
    }

    pub(crate) async fn hand_over(&self, outbound: Outbound) -> Sent {
        let (sent, wake) = self.port.send(outbound);
        self.wake(wake);
        if sent == Sent::Full {
            let mut room = pin!(self.inbox.room.notified());
            // from here on it hears of room, which may have come before
            room.as_mut().enable();
            if !self.port.has_room() {
                room.await;
            }
        }
        sent
    }

    fn told(&self, sent: Sent) -> Result<bool, RpcError> {
        let evidence = match sent {
            Sent::Accepted | Sent::Full => return Ok(true),
            Sent::Ended => return Ok(false),
            Sent::Closed => Evidence::Request { field: "message".into(), reason: SENDING_CLOSED.into() },
        };
        Err(self.context.refuse(evidence, Some(&self.method)).into())
    }

    /// Returns when nothing that is sent is taken any more.
    #[cfg(feature = "tonic")]
    pub(crate) async fn ended(&self) {
        loop {
            let mut news = pin!(self.inbox.room.notified());
            news.as_mut().enable();
            if self.port.is_ended() {
                return;
            }
            news.await;
        }
    }

    /// No more request messages.
    pub fn close(&self) {
        self.wake(self.port.close_send());
    }

    /// Ends the call: RST_STREAM(CANCEL).
    pub fn cancel(&self) {
        self.wake(self.port.cancel("cancelled"));
    }

    fn wake(&self, wake: bool) {
        if wake {
            self.port.wake();
        }
    }
}

enum End {
    Running,
    /// With the one response of a kind that has one.
    Over(Result<Option<Message>, RpcError>),
}

impl State {
    /// What follows the last message of a stream.
    fn end(&mut self) -> End {
        match self.outcome.take() {
            None if self.over => End::Over(Ok(None)),
            None => End::Running,
            Some(Ok(reply)) => {
                self.over = true;
                self.trailers = Some(reply.trailers);
                self.attempts = reply.attempts;
                self.headers.get_or_insert(reply.headers);
                End::Over(Ok(reply.message))
            }
            Some(Err(failed)) => {
                self.over = true;
                End::Over(Err(RpcError::from(failed)))
            }
        }
    }

    fn done(&mut self, mut outcome: Outcome) {
        match &mut outcome {
            Ok(reply) => {
                self.peer = reply.peer.take();
                // of one response; those of a stream came before it
                if reply.message.is_some() {
                    self.headers = Some(std::mem::take(&mut reply.headers));
                }
            }
            Err(failed) => {
                self.peer = failed.peer.clone();
                self.headers = self.headers.take().or_else(|| failed.headers.clone());
            }
        }
        self.outcome = Some(outcome);
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Wakes with the lock released: a waker may run anything.
    fn tell(&self, change: impl FnOnce(&mut State)) {
        let reader = {
            let mut state = self.lock();
            change(&mut state);
            state.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Sink for Arc<Inbox> {
    fn headers(&self, headers: Metadata, peer: Option<Arc<str>>) {
        self.tell(|state| (state.headers, state.peer) = (Some(headers), peer));
    }

    fn messages(&self, messages: Vec<Message>) {
        self.tell(|state| match state.messages.is_empty() {
            true => state.messages = messages.into(),
            false => state.messages.extend(messages),
        });
    }

    fn room(&self) {
        self.room.notify_waiters();
    }

    fn done(&self, outcome: Outcome) {
        self.tell(|state| state.done(outcome));
        self.room.notify_waiters();
    }
}

impl<Req, Res> Drop for Call<Req, Res> {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("port", &self.port).finish_non_exhaustive()
    }
}

impl<Req, Res> fmt::Debug for Call<Req, Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("method", &self.sender.method.path).finish_non_exhaustive()
    }
}
