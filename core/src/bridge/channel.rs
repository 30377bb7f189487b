//! A channel as hosts hold it.
use super::{
    ask::{Answer, Asks},
    blocking::{BlockingCall, Inbox},
    event::CallId,
    guard::{guarded, guarded_or},
    intake::{Intake, Job},
    methods::Methods,
    queue::{Post, Queue},
    spec::{CallSpec, ChannelSpec},
    watches::Watches,
};
use crate::{
    balance::ConnectivityState,
    call::{Context, Kind, Method, Port, Request, Sink, task},
    channel::{ChannelCore, Hooks, Stats, open},
    credentials::Provider,
    failure::{Evidence, Failure, Unusable},
    observe::LogSink,
    options::ChannelOptions,
    resolve::ResolveHook,
};
use bytes::Bytes;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// A handle; cloning it gives another handle of the same channel, and dropping the last closes it.
#[derive(Clone)]
pub struct Channel {
    inner: Arc<Inner>,
}

struct Inner {
    core: Arc<ChannelCore>,
    context: Arc<Context>,
    intake: Arc<Intake>,
    asks: Option<Arc<Asks>>,
    home: Option<Post>,
    methods: Methods,
    watches: Arc<Watches>,
}

impl Channel {
    /// Opens a channel; no I/O.
    ///
    /// # Errors
    /// TARGET_INVALID, OPTION_INVALID, TLS_CONFIG_INVALID.
    pub fn open(spec: ChannelSpec<'_>) -> Result<Channel, Failure> {
        guarded("bridge.open", || {
            let document = if spec.options.is_empty() { "{}" } else { spec.options };
            let options = ChannelOptions::parse(document)?.with_secrets(spec.secrets);
            let home = spec.home.as_ref().map(Queue::post);
            let asks = home.clone().filter(|_| spec.ask_token || spec.ask_resolve).map(Asks::new);
            let hooks = Hooks {
                language: spec.language.name(),
                credentials: asks.clone().filter(|_| spec.ask_token).map(|asks| asks as Arc<dyn Provider>),
                resolver: asks.clone().filter(|_| spec.ask_resolve).map(|asks| asks as Arc<dyn ResolveHook>),
                log: home.clone().filter(|_| spec.logs).map(log_to).unwrap_or_default(),
                ..Hooks::default()
            };
            let (core, context) = open(spec.target, options, hooks)?;
            let intake = Intake::start(core.rt());
            let (methods, watches) = (Methods::default(), Arc::default());
            Ok(Channel { inner: Arc::new(Inner { core, context, intake, asks, home, methods, watches }) })
        })
    }

    /// Registers a method, once; it crosses as an integer from then on.
    ///
    /// # Errors
    /// REQUEST_INVALID `method`.
    pub fn method(&self, path: &str, kind: Kind) -> Result<u32, Failure> {
        guarded("bridge.method", || self.inner.methods.register(&self.inner.context, path, kind))
    }

    /// Starts a call whose events go to `queue`.
    ///
    /// # Errors
    /// A bad argument, named. Nothing was sent and no event follows.
    pub fn submit(&self, queue: &Queue, call: CallSpec) -> Result<CallId, Failure> {
        guarded("bridge.submit", || {
            let start = self.prepare(call)?;
            let id = next_id();
            if !queue.adopt(id, &start.port, &self.inner.intake) {
                return Err(self.unusable(Unusable::Closed));
            }
            self.launch(start, queue.sink(id));
            Ok(id)
        })
    }

    /// Starts a call for a thread that will wait for it.
    ///
    /// # Errors
    /// A bad argument, named. Nothing was sent.
    pub fn start(&self, call: CallSpec) -> Result<BlockingCall, Failure> {
        guarded("bridge.start", || {
            let start = self.prepare(call)?;
            let inbox = Arc::new(Inbox::default());
            let handle =
                BlockingCall { inbox: inbox.clone(), port: start.port.clone(), intake: self.inner.intake.clone() };
            self.launch(start, inbox);
            Ok(handle)
        })
    }

    /// The target as it may be shown: without a user, a password and a query.
    pub fn target(&self) -> &str {
        &self.inner.context.target
    }

    /// The state of the channel; does not connect.
    pub fn state(&self) -> ConnectivityState {
        guarded_or(ConnectivityState::Shutdown, || self.inner.core.state())
    }

    /// Connects although no call needs it yet.
    pub fn connect(&self) {
        guarded_or((), || {
            self.inner.core.connect();
        })
    }

    /// Ends the current wait between connection attempts.
    pub fn reset_backoff(&self) {
        guarded_or((), || {
            self.inner.core.reset_backoff();
        })
    }

    /// The network is another one: tries again at once.
    pub fn network_changed(&self) {
        guarded_or((), || {
            self.inner.core.network_changed();
        })
    }

    /// Calls in flight end, new ones fail with CHANNEL_UNUSABLE, connections close.
    pub fn close(&self) {
        guarded_or((), || {
            self.inner.core.close();
        })
    }

    /// Connections, streams, tasks and buffered bytes of this moment.
    pub fn stats(&self) -> Stats {
        guarded_or(Stats::default(), || crate::channel::stats(&self.inner.core, &self.inner.context))
    }

    /// Answers an [`Event::Ask`].
    pub fn answer(&self, ask: u64, answer: Answer) {
        guarded_or((), || {
            if let Some(asks) = &self.inner.asks {
                asks.answer(ask, answer);
            }
        })
    }

    // --- for the rest of the bridge

    pub(super) fn core(&self) -> &ChannelCore {
        &self.inner.core
    }

    pub(super) fn context(&self) -> &Context {
        &self.inner.context
    }

    pub(super) fn home(&self) -> Option<&Post> {
        self.inner.home.as_ref()
    }

    pub(super) fn watches(&self) -> &Arc<Watches> {
        &self.inner.watches
    }

    pub(super) fn registered(&self, method: u32) -> Result<Arc<Method>, Failure> {
        self.inner.methods.get(&self.inner.context, method)
    }

    pub(super) fn unusable(&self, why: Unusable) -> Failure {
        self.inner.context.refuse(Evidence::Unusable { why }, None)
    }

    fn prepare(&self, call: CallSpec) -> Result<Start, Failure> {
        let CallSpec { method, metadata, options, message } = call;
        let method = self.registered(method)?;
        let context = &self.inner.context;
        if method.kind.one_request() != message.is_some() {
            let reason = "is for exactly the kinds that have one request";
            let evidence = Evidence::Request { field: "message".into(), reason: reason.into() };
            return Err(context.refuse(evidence, Some(&method)));
        }
        let request = context.request(&method, metadata, options, message.as_ref())?;
        let (message, port) = match message {
            Some(message) if method.kind == Kind::ServerStreaming => {
                (None, Port::with_request(&context.buffered, message))
            }
            message => (message, Port::new(&context.buffered)),
        };
        Ok(Start { request, message, port: Arc::new(port) })
    }

    fn launch(&self, start: Start, sink: impl Sink + 'static) {
        let task = task(&self.inner.context, start.request, start.message, start.port, sink);
        self.inner.intake.push(Job::Start(task));
    }
}

/// A call that was checked and can begin.
struct Start {
    request: Request,
    message: Option<Bytes>,
    port: Arc<Port>,
}

fn next_id() -> CallId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Relaxed)
}

fn log_to(home: Post) -> LogSink {
    LogSink::new(move |level, text| home.log(level, text))
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("target", &self.inner.context.target).finish_non_exhaustive()
    }
}
