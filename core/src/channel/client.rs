//! The channel of Rust users.
use super::{
    ChannelCore, Hooks, Method, MethodName, Readiness, Stats,
    method::Methods,
    stream::{Call, undecodable},
};
use crate::{
    balance::ConnectivityState,
    call::{self, Canceller, Context, Kind, Port, in_place},
    credentials::Provider,
    error::RpcError,
    failure::{Failure, ShownTarget},
    intercept::Interceptor,
    metadata::Metadata,
    observe::{Listener, LogSink},
    options::{CallOptions, ChannelOptions},
    resolve::ResolveHook,
};
use bytes::Bytes;
use prost::Message;
use std::{fmt, sync::Arc, time::Duration};

/// A gRPC channel: connects on demand, reconnects, and reports every failure as a value.
///
/// Cloning it gives another handle of the same channel; dropping the last one closes its connections.
///
/// ```no_run
/// # #[derive(Clone, prost::Message)] struct Hello { #[prost(string, tag = "1")] name: String }
/// # async fn example() -> Result<(), causewire::RpcError> {
/// let channel = causewire::Channel::new("dns:///greeter:443")?;
/// let request = causewire::Request::new(Hello { name: "you".into() }).timeout(std::time::Duration::from_secs(1));
/// let response = channel.unary::<_, Hello>("/greet.Greeter/Hello", request).await?;
/// println!("{} from {:?}", response.message.name, response.peer);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Channel {
    inner: Arc<Inner>,
}

struct Inner {
    core: Arc<ChannelCore>,
    context: Arc<Context>,
    methods: Methods,
}

/// Builds a [`Channel`] with more than a target.
#[derive(Default)]
pub struct ChannelBuilder {
    target: String,
    options: ChannelOptions,
    hooks: Hooks,
}

/// One request message, or the wishes of a call that streams its requests.
#[derive(Clone, Debug, Default)]
pub struct Request<T> {
    /// The message.
    pub message: T,
    /// Metadata to send.
    pub metadata: Metadata,
    /// Deadline and the like.
    pub options: CallOptions,
    /// Ends the call from elsewhere, and any other that it is given to.
    pub canceller: Option<Canceller>,
}

/// One response message and what came with it.
#[derive(Clone, Debug)]
pub struct Response<T> {
    /// The message.
    pub message: T,
    /// Response headers.
    pub headers: Metadata,
    /// Trailers, without those that carry the status.
    pub trailers: Metadata,
    /// Address of the server that answered.
    pub peer: Option<Arc<str>>,
    /// Attempts made, transparent ones included.
    pub attempts: u32,
}

impl Channel {
    /// A channel with default options: TLS with the system's roots. Does no I/O.
    ///
    /// # Errors
    /// TARGET_INVALID.
    pub fn new(target: impl Into<String>) -> Result<Self, RpcError> {
        Channel::builder(target).build()
    }

    /// Starts a channel that has options.
    pub fn builder(target: impl Into<String>) -> ChannelBuilder {
        ChannelBuilder { target: target.into(), ..ChannelBuilder::default() }
    }

    /// Looks up and checks a method once. Calls may name it by what this returns in place of its path
    /// `/package.Service/Method`, which they would look up each time.
    ///
    /// # Errors
    /// REQUEST_INVALID.
    pub fn method(&self, path: &str, kind: Kind) -> Result<Method, RpcError> {
        Ok(self.inner.methods.handle(&self.inner.context, path, kind)?)
    }

    /// Makes a unary call. Dropping the future cancels it.
    ///
    /// # Errors
    /// [`RpcError`] with the cause of whatever failed.
    pub async fn unary<'a, Req, Res>(
        &self,
        method: impl Into<MethodName<'a>>,
        request: Request<Req>,
    ) -> Result<Response<Res>, RpcError>
    where
        Req: Message,
        Res: Message + Default,
    {
        let method = self.find(method.into(), Kind::Unary)?;
        let response = self.call(&method, request.map(|m| Bytes::from(m.encode_to_vec()))).await?;
        let Response { message, headers, trailers, peer, attempts } = response;
        match Res::decode(message) {
            Ok(message) => Ok(Response { message, headers, trailers, peer, attempts }),
            Err(_) => Err(undecodable(&self.inner.context, &method.path, peer)),
        }
    }

    /// Makes a unary call with messages that are serialized already.
    ///
    /// # Errors
    /// [`RpcError`] with the cause of whatever failed.
    pub async fn unary_bytes<'a>(
        &self,
        method: impl Into<MethodName<'a>>,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, RpcError> {
        let method = self.find(method.into(), Kind::Unary)?;
        self.call(&method, request).await
    }

    async fn call(&self, method: &Arc<call::Method>, request: Request<Bytes>) -> Result<Response<Bytes>, RpcError> {
        let context = &self.inner.context;
        let Request { message, metadata, options, canceller } = request;
        let request = context.request(method, metadata, options, Some(&message))?;
        let port = Arc::new(Port::new(&context.buffered));
        let _registered = canceller.map(|canceller| canceller.register(&port));
        let reply = in_place(context, request, message, port).await?;
        let message = reply.message.map(|m| m.into_bytes()).unwrap_or_default();
        let call::Reply { headers, trailers, peer, attempts, .. } = reply;
        Ok(Response { message, headers, trailers, peer, attempts })
    }

    /// Makes a call with one request and streamed responses.
    ///
    /// # Errors
    /// [`RpcError`] for a bad argument; all else comes from the [`Call`].
    pub fn server_streaming<'a, Req, Res>(
        &self,
        method: impl Into<MethodName<'a>>,
        request: Request<Req>,
    ) -> Result<Call<Req, Res>, RpcError>
    where
        Req: Message,
        Res: Message + Default,
    {
        self.start(method, Kind::ServerStreaming, request.map(|m| Some(m.encode_to_vec().into())))
    }

    /// Makes a call with streamed requests and one response.
    ///
    /// # Errors
    /// [`RpcError`] for a bad argument; all else comes from the [`Call`].
    pub fn client_streaming<'a, Req, Res>(
        &self,
        method: impl Into<MethodName<'a>>,
        request: Request<()>,
    ) -> Result<Call<Req, Res>, RpcError>
    where
        Req: Message,
        Res: Message + Default,
    {
        self.start(method, Kind::ClientStreaming, request.map(|()| None))
    }

    /// Makes a call that streams both ways.
    ///
    /// # Errors
    /// [`RpcError`] for a bad argument; all else comes from the [`Call`].
    pub fn bidirectional<'a, Req, Res>(
        &self,
        method: impl Into<MethodName<'a>>,
        request: Request<()>,
    ) -> Result<Call<Req, Res>, RpcError>
    where
        Req: Message,
        Res: Message + Default,
    {
        self.start(method, Kind::Bidi, request.map(|()| None))
    }

    /// Starts a call of any kind. With `Call<(), ()>` messages are read and sent serialized.
    ///
    /// # Errors
    /// [`RpcError`] for a bad argument; all else comes from the [`Call`].
    pub fn start<'a, Req, Res>(
        &self,
        method: impl Into<MethodName<'a>>,
        kind: Kind,
        request: Request<Option<Bytes>>,
    ) -> Result<Call<Req, Res>, RpcError> {
        let method = self.find(method.into(), kind)?;
        let Request { message, metadata, options, canceller } = request;
        let request = self.inner.context.request(&method, metadata, options, message.as_ref())?;
        Ok(Call::start(self.inner.core.rt(), &self.inner.context, request, message, canceller))
    }

    /// The channel's state. Does not connect.
    pub fn state(&self) -> ConnectivityState {
        self.inner.core.state()
    }

    /// Waits until the state differs from `last`, and returns it.
    pub async fn wait_for_state_change(&self, last: ConnectivityState) -> ConnectivityState {
        self.inner.core.wait_for_state_change(last).await
    }

    /// Connects, and waits until the channel is READY.
    ///
    /// # Errors
    /// What stands in the way when the time is up; CHANNEL_UNUSABLE of a channel that is closed.
    pub async fn wait_ready(&self, timeout: Duration) -> Result<(), RpcError> {
        let Context { picker, target, .. } = &*self.inner.context;
        Ok(Readiness::new(picker, target).wait(true, Some(timeout)).await?)
    }

    /// Connects although no call needs it yet.
    pub fn connect(&self) {
        self.inner.core.connect();
    }

    /// Ends the current wait between connection attempts.
    pub fn reset_backoff(&self) {
        self.inner.core.reset_backoff();
    }

    /// The network is another one: tries again at once.
    pub fn network_changed(&self) {
        self.inner.core.network_changed();
    }

    /// Ends every call with CHANNEL_UNUSABLE and closes the connections.
    pub fn close(&self) {
        self.inner.core.close();
    }

    /// Runs a task beside the calls.
    #[cfg(feature = "tonic")]
    pub(crate) fn spawn(&self, site: &'static str, task: impl std::future::Future<Output = ()> + Send + 'static) {
        self.inner.core.rt().spawn(site, task);
    }

    /// Connections, streams, tasks and buffered bytes of this moment.
    pub fn stats(&self) -> Stats {
        super::stats(&self.inner.core, &self.inner.context)
    }

    fn find(&self, method: MethodName<'_>, kind: Kind) -> Result<Arc<call::Method>, Failure> {
        self.inner.methods.find(&self.inner.context, method, kind)
    }
}

#[cfg(test)]
impl Channel {
    pub(super) fn context(&self) -> &Arc<Context> {
        &self.inner.context
    }
}

impl ChannelBuilder {
    /// How to connect, limits, backoff.
    pub fn options(mut self, options: ChannelOptions) -> Self {
        self.options = options;
        self
    }

    /// Asked for a bearer token once per attempt, on secure connections only.
    pub fn credentials(mut self, provider: Arc<dyn Provider>) -> Self {
        self.hooks.credentials = Some(provider);
        self
    }

    /// Resolves the target instead of DNS.
    pub fn resolver(mut self, resolver: Arc<dyn ResolveHook>) -> Self {
        self.hooks.resolver = Some(resolver);
        self
    }

    /// Adds an interceptor; the first one added sees a call first.
    pub fn interceptor(mut self, interceptor: Arc<dyn Interceptor>) -> Self {
        self.hooks.interceptors.push(interceptor);
        self
    }

    /// Hears every event of every call.
    pub fn listener(mut self, listener: Arc<dyn Listener>) -> Self {
        self.hooks.listener = Some(listener);
        self
    }

    /// Takes the channel's log lines.
    pub fn log(mut self, sink: LogSink) -> Self {
        self.hooks.log = sink;
        self
    }

    /// Builds the channel. Does no I/O.
    ///
    /// # Errors
    /// TARGET_INVALID, OPTION_INVALID, TLS_CONFIG_INVALID: every mistake that can be seen without connecting.
    pub fn build(self) -> Result<Channel, RpcError> {
        let (core, context) = super::open(&self.target, self.options, self.hooks)?;
        Ok(Channel { inner: Arc::new(Inner { core, context, methods: Methods::default() }) })
    }
}

impl<T> Request<T> {
    /// A request without metadata or deadline.
    pub fn new(message: T) -> Self {
        Request { message, metadata: Metadata::default(), options: CallOptions::default(), canceller: None }
    }

    /// The same request with another message.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Request<U> {
        let Request { message, metadata, options, canceller } = self;
        Request { message: change(message), metadata, options, canceller }
    }

    /// Time for the whole call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Lets `canceller` end the call.
    pub fn canceller(mut self, canceller: &Canceller) -> Self {
        self.canceller = Some(canceller.clone());
        self
    }

    /// Metadata to send.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("target", &self.inner.context.target).finish_non_exhaustive()
    }
}

impl fmt::Debug for ChannelBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelBuilder").field("target", &ShownTarget::of(&self.target)).finish_non_exhaustive()
    }
}
