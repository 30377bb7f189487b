//! The handle of a channel: what the bridge and the Rust face hold.
use super::{
    checks::{AsChannel, Checks},
    controller::{Controller, Shared},
    lookups::Lookups,
    orders::{CONNECT, NETWORK_CHANGED, Orders, QUIT, RESET_BACKOFF},
    selection::{Selection, most_connections},
    unusable::closed,
};
use crate::{
    balance::{ConnectivityState, Failing, PickerCell},
    call::ServiceConfigs,
    credentials::Provider,
    failure::{Evidence, Failure, Reached, ShownTarget, Situation, diagnose},
    observe::LogSink,
    options::{ChannelOptions, KEEPALIVE_FLOOR, PlantedPanic, TlsOptions},
    resolve::{self, ResolveHook, Target},
    rt,
    subchannel::{Fleet, FleetStats, Setup},
    transport::{Keepalive, Limits, TlsMaterial, TlsPem, TlsSource},
};
use http::HeaderValue;
use std::{
    fmt,
    sync::{Arc, Mutex, atomic::AtomicU32},
    time::Duration,
};
use tokio::sync::mpsc;

/// What a channel holds right now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections, those that drain included.
    pub connections: u64,
    /// Streams of calls on them.
    pub streams: u64,
    /// Tasks of calls, and those of the channel beyond its controller, one per connection and one per health check.
    pub tasks: u64,
    /// Bytes of messages held for a reader or a sender that is slower than the wire.
    pub buffered_bytes: u64,
}

/// A channel. When the last handle is dropped it closes by itself: running calls may finish.
pub(crate) struct ChannelCore {
    target: ShownTarget,
    authority: Arc<str>,
    secure: bool,
    cell: PickerCell,
    configs: Arc<ServiceConfigs>,
    orders: Arc<Orders>,
    fleet: Arc<Fleet>,
    rt: rt::Handle,
}

/// What a channel is made of beside its target and options.
pub(crate) struct Parts {
    pub(crate) resolver: Option<Arc<dyn ResolveHook>>,
    /// For the choice among service configs.
    pub(crate) language: &'static str,
    pub(crate) credentials: Option<Arc<dyn Provider>>,
    pub(crate) user_agent: HeaderValue,
    pub(crate) log: LogSink,
}

impl ChannelCore {
    /// Checks everything that can be checked without I/O, and does none.
    ///
    /// # Errors
    /// TARGET_INVALID, OPTION_INVALID, TLS_CONFIG_INVALID.
    pub(crate) fn new(
        target: &str,
        options: Arc<ChannelOptions>,
        parts: Parts,
        rt: rt::Handle,
    ) -> Result<Arc<ChannelCore>, Failure> {
        let built = ChannelCore::build(target, options, parts, rt);
        built.map(Arc::new).map_err(|evidence| refused(evidence, target))
    }

    fn build(text: &str, options: Arc<ChannelOptions>, parts: Parts, rt: rt::Handle) -> Result<ChannelCore, Evidence> {
        let Parts { resolver, language, credentials, user_agent, log } = parts;
        let target = Target::parse(text, resolver.is_some())?;
        options.validate()?;
        let tls = options.tls.as_ref().map(tls_source).transpose()?;
        let resolver = resolve::resolver(&target, resolver, &options, language)?;
        let authority = options.authority.as_deref().map_or_else(|| target.authority().clone(), Arc::from);
        let (cell, orders, fleet) = (PickerCell::new(), Arc::<Orders>::default(), Arc::<Fleet>::default());
        let (signals, heard) = mpsc::unbounded_channel();
        let secure = tls.is_some();
        let selection = Selection::new(options.service_config.clone().map(Arc::new));
        let setup = Arc::new(Setup {
            rt: rt.clone(),
            target: target.shown().clone(),
            authority: authority.clone(),
            tls,
            connect_timeout: Duration::from_millis(options.connect_timeout_ms),
            limits: Limits { max_metadata_bytes: options.max_metadata_bytes as usize, ..Limits::default() },
            keepalive: Mutex::new(Some(keepalive(&options))),
            backoff: options.backoff.clone(),
            reconnect_window: Duration::from_millis(options.reconnect_window_ms),
            most_connections: Arc::new(AtomicU32::new(most_connections(&options, &selection.now()))),
            signals,
            fleet: fleet.clone(),
            planted: PlantedPanic::in_connection(&options),
        });
        let configs =
            Arc::new(ServiceConfigs::new(authority.clone(), (!resolver.brings_config()).then(|| selection.now())));
        let lookups = Lookups::new(resolver, target.shown().clone(), target.host(), &options);
        let asker = AsChannel::new(&authority, secure, user_agent, credentials);
        let checks = Checks::new(options.health_checking, &selection.now(), setup.clone(), Arc::new(asker));
        let shared = Shared { cell: cell.clone(), configs: configs.clone(), orders: orders.clone() };
        let controller = Controller::new(setup, options, shared, heard, lookups, checks, selection, log);
        rt.spawn("channel.controller", controller.run());
        Ok(ChannelCore { target: target.shown().clone(), authority, secure, cell, configs, orders, fleet, rt })
    }

    /// What calls pick their connections from.
    pub(crate) fn picker(&self) -> PickerCell {
        self.cell.clone()
    }

    /// The service config that calls follow.
    pub(crate) fn configs(&self) -> Arc<ServiceConfigs> {
        self.configs.clone()
    }

    /// `:authority` of calls that do not set their own.
    pub(crate) fn authority(&self) -> Arc<str> {
        self.authority.clone()
    }

    /// Whether its connections are protected by TLS.
    pub(crate) fn secure(&self) -> bool {
        self.secure
    }

    /// The target as it may be shown.
    pub(crate) fn target(&self) -> &ShownTarget {
        &self.target
    }

    /// Where the channel's tasks run.
    pub(crate) fn rt(&self) -> &rt::Handle {
        &self.rt
    }

    /// The state at this moment. Does not connect.
    pub(crate) fn state(&self) -> ConnectivityState {
        self.cell.state()
    }

    /// Returns the state as soon as it is not `last`.
    pub(crate) async fn wait_for_state_change(&self, last: ConnectivityState) -> ConnectivityState {
        self.cell.wait_for_state_change(last).await
    }

    /// Connects although no call needs it yet.
    pub(crate) fn connect(&self) {
        self.orders.give(CONNECT);
    }

    /// Ends the waits between attempts.
    pub(crate) fn reset_backoff(&self) {
        self.orders.give(RESET_BACKOFF);
    }

    /// The machine is on another network: looks up, connects anew and at once, unless the channel is idle.
    pub(crate) fn network_changed(&self) {
        self.orders.give(NETWORK_CHANGED);
    }

    /// Ends everything: calls in flight and calls to come fail with CHANNEL_UNUSABLE.
    pub(crate) fn close(&self) {
        self.shut();
        self.fleet.close();
    }

    /// What is open, counted by guards. While the channel is open, what it always has does not count: the tasks of its
    /// controller, of each connection and of each health check, and the streams of the latter.
    pub(crate) fn stats(&self) -> Stats {
        let FleetStats { connections, streams, tasks, checks, asking } = self.fleet.stats();
        let resident = if self.state() == ConnectivityState::Shutdown { 0 } else { connections + checks + 1 };
        Stats {
            connections: connections as u64,
            streams: streams.saturating_sub(asking) as u64,
            tasks: tasks.saturating_sub(resident) as u64,
            buffered_bytes: 0, // the calls' part, which `stats` adds
        }
    }

    // Shown here and not by the controller: a call made after this returns must not find a connection.
    fn shut(&self) {
        self.cell.publish(ConnectivityState::Shutdown, Arc::new(Failing(closed(&self.target))));
        self.orders.give(QUIT);
    }
}

#[cfg(test)]
impl ChannelCore {
    pub(super) fn fleet(&self) -> Arc<Fleet> {
        self.fleet.clone()
    }
}

impl Drop for ChannelCore {
    fn drop(&mut self) {
        self.shut();
    }
}

impl fmt::Debug for ChannelCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelCore").field("target", &self.target).field("cell", &self.cell).finish_non_exhaustive()
    }
}

fn refused(evidence: Evidence, target: &str) -> Failure {
    let situation = Situation { reached: Some(Reached::No), target: Some(target.into()), ..Situation::default() };
    diagnose(evidence, situation)
}

fn tls_source(options: &TlsOptions) -> Result<Arc<dyn TlsSource>, Evidence> {
    let pem = TlsPem {
        ca_pem: options.ca_pem.as_deref().map(str::as_bytes),
        cert_pem: options.cert_pem.as_deref().map(str::as_bytes),
        key_pem: options.key_pem.as_ref().map(|key| key.expose().as_bytes()),
        server_name: options.server_name.as_deref(),
    };
    let material = TlsMaterial::parse(&pem).map_err(|evidence| *evidence)?;
    Ok(Arc::new(Arc::new(material)))
}

fn keepalive(options: &ChannelOptions) -> Keepalive {
    let Some(rule) = &options.keepalive else { return Keepalive::UNASKED };
    Keepalive {
        time: Duration::from_millis(rule.time_ms).max(KEEPALIVE_FLOOR),
        timeout: Duration::from_millis(rule.timeout_ms),
        without_calls: rule.without_calls,
        spacing: None,
    }
}
