//! A call of a streaming kind, as Rust users hold it.
use crate::{
    call::{Context, Outcome, Port, Request, Sent, Sink, task},
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
    sync::{Arc, Mutex, MutexGuard},
    task::{Poll, Waker},
};

/// A running call. Dropping it cancels.
pub struct Call<Req, Res> {
    inbox: Arc<Inbox>,
    sender: Sender,
    context: Arc<Context>,
    method: Arc<str>,
    types: PhantomData<fn(Req) -> Res>,
}

/// The sending half of a call, for a task of its own; dropping it changes nothing.
#[derive(Clone)]
pub struct Sender {
    inbox: Arc<Inbox>,
    port: Arc<Port>,
}

#[derive(Default)]
struct Inbox {
    state: Mutex<State>,
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
    writer: Option<Waker>,
}

impl<Req, Res> Call<Req, Res> {
    pub(crate) fn start(rt: &Handle, context: &Arc<Context>, request: Request, message: Option<Bytes>) -> Self {
        let port = Arc::new(match message {
            None => Port::new(&context.buffered),
            Some(message) => Port::with_request(&context.buffered, message),
        });
        let inbox = Arc::new(Inbox::default());
        let method = request.method.path.clone();
        rt.spawn("call", task(context, request, None, port.clone(), inbox.clone()));
        let sender = Sender { inbox: inbox.clone(), port };
        Call { inbox, sender, context: context.clone(), method, types: PhantomData }
    }

    /// Waits for the response headers. `None`: the response has none, or the call failed before.
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
    pub async fn send_bytes(&mut self, message: Bytes) -> bool {
        self.sender.send(message).await
    }

    /// The same for a message that is not to be compressed, see [`send_uncompressed`](Call::send_uncompressed).
    pub async fn send_bytes_uncompressed(&mut self, message: Bytes) -> bool {
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
        let next = {
            let mut state = self.inbox.lock();
            let next = state.next();
            if matches!(next, Next::Nothing) {
                state.reader = Some(cx.waker().clone());
            }
            next
        };
        match next {
            Next::Nothing => Poll::Pending,
            Next::End(end) => Poll::Ready(end.map(|()| None)),
            Next::Message(message) => {
                self.sender.credit(1);
                Poll::Ready(Ok(Some(message.into_bytes())))
            }
        }
    }

    /// The sending half, for another task.
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }
}

impl<Req: prost::Message, Res: prost::Message + Default> Call<Req, Res> {
    /// Sends a message; waits while the server does not keep up. `false`: the call is over, and reading tells why.
    pub async fn send(&mut self, message: Req) -> bool {
        self.send_bytes(message.encode_to_vec().into()).await
    }

    /// The same for a message that leaves as it is although the call compresses: the size of a compressed message tells
    /// of a secret that stands beside text which others choose (gRPC's doc/compression.md; CRIME, BREACH).
    pub async fn send_uncompressed(&mut self, message: Req) -> bool {
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
            undecodable(&self.context, &self.method, self.peer())
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
    pub async fn send(&self, message: Bytes) -> bool {
        self.hand_over(message.into()).await
    }

    /// The same for a message that is not to be compressed, see [`Call::send_uncompressed`].
    pub async fn send_uncompressed(&self, message: Bytes) -> bool {
        self.hand_over(Outbound::uncompressed(message)).await
    }

    pub(crate) async fn hand_over(&self, outbound: Outbound) -> bool {
        let (sent, wake) = self.port.send(outbound);
        self.wake(wake);
        if sent == Sent::Full {
            poll_fn(|cx| {
                let mut state = self.inbox.lock();
                if self.port.has_room() {
                    return Poll::Ready(());
                }
                state.writer = Some(cx.waker().clone());
                Poll::Pending
            })
            .await;
        }
        sent != Sent::Ended
    }

    /// No more request messages.
    pub fn close(&self) {
        self.wake(self.port.close_send());
    }

    /// Ends the call: RST_STREAM(CANCEL).
    pub fn cancel(&self) {
        self.wake(self.port.cancel("cancelled"));
    }

    fn credit(&self, messages: usize) {
        self.wake(self.port.credit(messages));
    }

    fn wake(&self, wake: bool) {
        if wake {
            self.port.wake();
        }
    }
}

enum Next {
    Message(Message),
    End(Result<(), RpcError>),
    Nothing,
}

impl State {
    fn next(&mut self) -> Next {
        if let Some(message) = self.messages.pop_front() {
            return Next::Message(message);
        }
        match self.outcome.take() {
            None if self.over => Next::End(Ok(())),
            None => Next::Nothing,
            Some(Ok(reply)) => {
                self.over = true;
                self.trailers = Some(reply.trailers);
                self.headers.get_or_insert(reply.headers);
                self.peer = reply.peer;
                self.attempts = reply.attempts;
                reply.message.map_or(Next::End(Ok(())), Next::Message)
            }
            Some(Err(failed)) => {
                self.over = true;
                self.peer = failed.peer.clone();
                Next::End(Err(RpcError::from(failed)))
            }
        }
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Wakes with the lock released: a waker may run anything.
    fn tell(&self, change: impl FnOnce(&mut State) -> [Option<Waker>; 2]) {
        let wakers = change(&mut self.lock());
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl Sink for Arc<Inbox> {
    fn headers(&self, headers: Metadata, peer: Option<Arc<str>>) {
        self.tell(|state| {
            (state.headers, state.peer) = (Some(headers), peer);
            [state.reader.take(), None]
        });
    }

    fn messages(&self, messages: Vec<Message>) {
        self.tell(|state| {
            state.messages.extend(messages);
            [state.reader.take(), None]
        });
    }

    fn room(&self) {
        self.tell(|state| [state.writer.take(), None]);
    }

    fn done(&self, outcome: Outcome) {
        self.tell(|state| {
            state.outcome = Some(outcome);
            [state.reader.take(), state.writer.take()]
        });
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
        f.debug_struct("Call").field("method", &self.method).finish_non_exhaustive()
    }
}
