//! A channel as hosts hold it.
use super::{
    Event,
    ask::{Answer, Asks},
    blocking::{BlockingCall, Inbox},
    event::CallId,
    guard::{guarded, guarded_or},
    intake::{Intake, Job},
    queue::Queue,
};
use crate::{
    balance::ConnectivityState,
    call::{Context, Failed, Kind, Method, Port, SENDING_CLOSED, task},
    channel::{ChannelCore, Hooks, Stats, open},
    credentials::Provider,
    failure::{Evidence, Failure, ShownTarget, Unusable},
    metadata::Metadata,
    observe::LogSink,
    options::{CallOptions, ChannelOptions, Secrets},
    resolve::ResolveHook,
};
use bytes::Bytes;
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    time::Duration,
};

/// The language of a binding, for the user-agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Node.
    Node,
    /// Python.
    Python,
    /// Swift.
    Swift,
    /// Rust.
    Rust,
}

impl Language {
    /// As the user-agent has it.
    pub fn name(self) -> &'static str {
        match self {
            Language::Node => "node",
            Language::Python => "python",
            Language::Swift => "swift",
            Language::Rust => "rust",
        }
    }
}

/// What a host opens a channel with.
pub struct ChannelSpec<'a> {
    /// What to connect to.
    pub target: &'a str,
    /// The JSON document of `ChannelOptions`; empty means `{}`.
    pub options: &'a str,
    /// What must be in no document that somebody logs.
    pub secrets: Secrets,
    /// For the user-agent.
    pub language: Language,
    /// Where the channel's questions, log lines and state changes go. Needed for any of them.
    pub home: Option<Queue>,
    /// The host answers [`AskKind::Token`](super::AskKind).
    pub ask_token: bool,
    /// The host answers [`AskKind::Resolve`](super::AskKind).
    pub ask_resolve: bool,
    /// The host has a logger.
    pub logs: bool,
}

/// One call.
#[derive(Debug, Default)]
pub struct CallSpec {
    /// From [`Channel::method`].
    pub method: u32,
    /// Sent with the call.
    pub metadata: Metadata,
    /// Deadline and the like.
    pub options: CallOptions,
    /// The one request of a unary or server-streaming call.
    pub message: Option<Bytes>,
}

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
    home: Option<Queue>,
    methods: RwLock<Vec<Arc<Method>>>,
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
            let asks = spec.home.clone().filter(|_| spec.ask_token || spec.ask_resolve).map(Asks::new);
            let hooks = Hooks {
                language: spec.language.name(),
                credentials: asks.clone().filter(|_| spec.ask_token).map(|asks| asks as Arc<dyn Provider>),
                resolver: asks.clone().filter(|_| spec.ask_resolve).map(|asks| asks as Arc<dyn ResolveHook>),
                log: spec.home.clone().filter(|_| spec.logs).map(log_to).unwrap_or_default(),
                ..Hooks::default()
            };
            let (core, context) = open(spec.target, options, hooks)?;
            let intake = Intake::start(core.rt());
            let methods = RwLock::default();
            Ok(Channel { inner: Arc::new(Inner { core, context, intake, asks, home: spec.home, methods }) })
        })
    }

    /// Registers a method, once; it crosses as an integer from then on.
    ///
    /// # Errors
    /// REQUEST_INVALID `method`.
    pub fn method(&self, path: &str, kind: Kind) -> Result<u32, Failure> {
        guarded("bridge.method", || {
            let mut methods = self.inner.methods.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = methods.iter().position(|m| m.kind == kind && *m.path == *path) {
                return Ok(known as u32);
            }
            methods.push(Arc::new(self.inner.context.method(path, kind)?));
            Ok(methods.len() as u32 - 1)
        })
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

    /// Sends one [`Event::State`] to the home queue once the state differs from `last`.
    pub fn watch_state(&self, last: ConnectivityState) -> u64 {
        guarded_or(0, || {
            static NEXT: AtomicU64 = AtomicU64::new(1);
            let watch = NEXT.fetch_add(1, Relaxed);
            let (core, home) = (self.inner.core.clone(), self.inner.home.clone());
            self.inner.core.rt().spawn("bridge.watch", async move {
                let state = core.wait_for_state_change(last).await;
                if let Some(home) = home {
                    home.push(Event::State { watch, state });
                }
            });
            watch
        })
    }

    /// Blocks until the state differs from `last`. False: the time is up.
    pub fn wait_for_state_change(&self, last: ConnectivityState, timeout: Option<Duration>) -> bool {
        guarded_or(false, || {
            let (tell, told) = mpsc::channel();
            let tell = Mutex::new(tell);
            let core = self.inner.core.clone();
            let watch = self.inner.core.rt().spawn("bridge.watch", async move {
                core.wait_for_state_change(last).await;
                let _ = tell.lock().map(|tell| tell.send(()));
            });
            let changed = match timeout {
                Some(timeout) => told.recv_timeout(timeout).is_ok(),
                None => told.recv().is_ok(),
            };
            watch.abort();
            changed
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

    /// RESPONSE_DECODE_FAILED: the host's deserializer threw.
    pub fn decode_failed(&self, method: u32, peer: Option<&str>, type_name: Option<&str>) -> Failed {
        let evidence = Evidence::Decode { type_name: type_name.map(str::to_owned) };
        let peer: Option<Arc<str>> = peer.map(Into::into);
        match self.registered(method) {
            Ok(method) => self.inner.context.answered_badly(evidence, &method.path, peer),
            Err(failure) => Failed::local(failure),
        }
    }

    /// REQUEST_INVALID: the host's serializer threw.
    pub fn encode_failed(&self, method: u32) -> Failed {
        self.misused(method, "could not be serialized")
    }

    /// REQUEST_INVALID: a message was sent after the sending side was closed.
    pub fn sending_closed(&self, method: u32) -> Failed {
        self.misused(method, SENDING_CLOSED)
    }

    /// REQUEST_INVALID `message`: the call was used in a way that its kind or its state forbids.
    pub fn misused(&self, method: u32, reason: &'static str) -> Failed {
        let evidence = Evidence::Request { field: "message".into(), reason: reason.into() };
        Failed::local(match self.registered(method) {
            Ok(method) => self.inner.context.refuse(evidence, Some(&method)),
            Err(failure) => failure,
        })
    }

    /// CANCELLED_BY_CALLER for a reader that stopped in the middle of a response that had arrived whole.
    pub fn stopped_reading(&self, method: u32, peer: Option<&str>) -> Failed {
        let peer: Option<Arc<str>> = peer.map(Into::into);
        match self.registered(method) {
            Ok(method) => {
                let evidence = Evidence::Cancelled { reason: Some("cancelled") };
                self.inner.context.answered_badly(evidence, &method.path, peer)
            }
            Err(failure) => Failed::local(failure),
        }
    }

    fn registered(&self, method: u32) -> Result<Arc<Method>, Failure> {
        let methods = self.inner.methods.read().unwrap_or_else(PoisonError::into_inner);
        methods.get(method as usize).cloned().ok_or_else(|| {
            let evidence = Evidence::Request { field: "method".into(), reason: "is not registered".into() };
            self.inner.context.refuse(evidence, None)
        })
    }

    fn unusable(&self, why: Unusable) -> Failure {
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

    fn launch(&self, start: Start, sink: impl crate::call::Sink + 'static) {
        let task = task(&self.inner.context, start.request, start.message, start.port, sink);
        self.inner.intake.push(Job::Start(task));
    }
}

/// A call that was checked and can begin.
struct Start {
    request: crate::call::Request,
    message: Option<Bytes>,
    port: Arc<Port>,
}

fn next_id() -> CallId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Relaxed)
}

fn log_to(home: Queue) -> LogSink {
    LogSink::new(move |level, text| home.log(level, text))
}

/// Without the options: a proxy's URL may have a password in it.
impl fmt::Debug for ChannelSpec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelSpec").field("target", &ShownTarget::of(self.target)).finish_non_exhaustive()
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("target", &self.inner.context.target).finish_non_exhaustive()
    }
}
