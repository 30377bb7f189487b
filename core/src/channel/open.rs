//! Puts a channel together: what connects, and what every call shares.
use super::{ChannelCore, Parts, Stats};
use crate::{
    call::{Alarms, Buffered, Context, Template},
    credentials::Provider,
    failure::{Evidence, Failure},
    intercept::{Chain, Interceptor},
    observe::{Listener, LogSink},
    options::{ChannelOptions, PlantedPanic},
    resolve::ResolveHook,
    retry::Budget,
    rt::Handle,
};
use http::HeaderValue;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// What a program adds to a channel beside options.
pub(crate) struct Hooks {
    /// For the user-agent.
    pub(crate) language: &'static str,
    pub(crate) credentials: Option<Arc<dyn Provider>>,
    pub(crate) resolver: Option<Arc<dyn ResolveHook>>,
    pub(crate) interceptors: Vec<Arc<dyn Interceptor>>,
    pub(crate) listener: Option<Arc<dyn Listener>>,
    pub(crate) log: LogSink,
}

impl Default for Hooks {
    fn default() -> Self {
        Hooks {
            language: "rust",
            credentials: None,
            resolver: None,
            interceptors: Vec::new(),
            listener: None,
            log: LogSink::default(),
        }
    }
}

/// Opens a channel. Does no I/O.
pub(crate) fn open(
    target: &str,
    options: ChannelOptions,
    hooks: Hooks,
) -> Result<(Arc<ChannelCore>, Arc<Context>), Failure> {
    options.validate()?;
    let rt = Handle::current_or_own()
        .map_err(|error| Evidence::LocalResources { what: "threads", errno: error.raw_os_error() })?;
    let options = Arc::new(options);
    let user_agent = user_agent(options.user_agent.as_deref(), hooks.language)?;
    let parts = Parts {
        resolver: hooks.resolver,
        language: hooks.language,
        credentials: hooks.credentials.clone(),
        user_agent: user_agent.clone(),
        log: hooks.log,
    };
    let core = ChannelCore::new(target, options.clone(), parts, rt)?;
    let context = Context {
        picker: core.picker(),
        target: core.target().clone(),
        scheme: if core.secure() { "https" } else { "http" },
        authority: core.authority(),
        template: Template::new(&user_agent),
        credentials: hooks.credentials,
        interceptors: Chain::new(hooks.interceptors),
        listener: hooks.listener,
        budget: Budget::new(options.retry.channel_buffer_bytes),
        alarms: Alarms::start(core.rt()),
        live: AtomicU64::new(0),
        buffered: Buffered::default(),
        planted: PlantedPanic::in_call(&options),
        configs: core.configs(),
        options,
    };
    Ok((core, Arc::new(context)))
}

/// Counts what `core` and its calls hold.
pub(crate) fn stats(core: &ChannelCore, context: &Context) -> Stats {
    let mut stats = core.stats();
    stats.tasks += context.live.load(Relaxed);
    stats.buffered_bytes += context.buffered.load(Relaxed);
    stats
}

/// `grpc-<language>-causewire/<version>`, with the program's own in front (PROTOCOL-HTTP2.md, User Agents).
fn user_agent(own: Option<&str>, language: &str) -> Result<HeaderValue, Failure> {
    let ours = format!("grpc-{language}-causewire/{}", env!("CARGO_PKG_VERSION"));
    let text = own.map_or(ours.clone(), |own| format!("{own} {ours}"));
    HeaderValue::try_from(text).map_err(|_| {
        let reason = "must be printable ASCII".into();
        Evidence::Option { field: "user_agent".into(), value: None, reason }.into()
    })
}
