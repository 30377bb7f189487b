//! From a target to addresses.
//!
//! A [`Resolver`] looks up once per question; [`Pace`] says when to ask again.
mod bypass;
#[cfg(feature = "hickory")]
mod choice;
#[cfg(feature = "hickory")]
mod dns;
mod fixed;
mod host;
mod pace;
mod proxy;
#[cfg(any(target_vendor = "apple", test))]
mod system;
mod target;

pub use host::{Resolution, ResolveFuture, ResolveHook};
pub(crate) use pace::Pace;
pub(crate) use target::{Endpoint, Target};

use crate::{
    clock::{self, Instant},
    failure::{Evidence, ResolverProblem, ShownTarget},
    options::{ChannelOptions, DnsOptions, SERVICE_CONFIG, ServiceConfig},
    transport::Address,
};
use fixed::FixedResolver;
use proxy::Proxying;
use serde_json::Value;
use std::{
    borrow::Cow,
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

/// A lookup that takes longer has failed, whatever it still does (as in grpc-go).
pub(crate) const LOOKUP_TIMEOUT: Duration = Duration::from_secs(30);

/// The answer of a resolver: at least one address, in the order in which they are to be tried.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resolved {
    pub(crate) addresses: Vec<Address>,
    pub(crate) service_config: Brought,
    /// When the answer came.
    pub(crate) at: Instant,
}

impl Resolved {
    /// Addresses, and no service config.
    fn now(addresses: Vec<Address>) -> Resolved {
        Resolved { addresses, service_config: Brought::Nothing, at: clock::now() }
    }
}

/// What an answer says of the service config (gRFC A21).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Brought {
    /// There is none.
    Nothing,
    Config(Arc<ServiceConfig>),
    /// There is one, and it is not valid.
    Invalid(Evidence),
    /// The addresses came, and the question for the config failed.
    Unknown,
}

impl Brought {
    /// Reads a document that came with the addresses.
    fn read(document: &Value) -> Brought {
        match ServiceConfig::from_value(document) {
            Ok(config) => Brought::Config(Arc::new(config)),
            Err(Evidence::Option { field, reason, .. }) => Brought::invalid(field, reason),
            Err(other) => Brought::Invalid(other),
        }
    }

    /// The same document, found at `path` of another one.
    fn at(self, path: &str) -> Brought {
        match self {
            Brought::Invalid(Evidence::ServiceConfig { field, reason }) => {
                let inside = field.strip_prefix(SERVICE_CONFIG).unwrap_or(&field);
                Brought::invalid(format!("{path}{inside}"), reason)
            }
            other => other,
        }
    }

    fn invalid(field: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Brought {
        Brought::Invalid(Evidence::ServiceConfig { field: field.into(), reason: reason.into() })
    }
}

/// One lookup under way.
pub(crate) type Lookup = Pin<Box<dyn Future<Output = Result<Resolved, Evidence>> + Send>>;

/// Finds the addresses of one target.
pub(crate) trait Resolver: Send + Sync {
    /// Looks up now. Dropping the future ends the lookup.
    fn resolve(&self) -> Lookup;

    /// Whether every answer is the same, so that asking again is of no use.
    fn is_fixed(&self) -> bool {
        false
    }

    /// Whether an answer may have a service config, which calls then wait for.
    fn brings_config(&self) -> bool {
        false
    }
}

/// The resolver of a target: the program's own if there is one, and the proxy's where one stands before the server.
///
/// # Errors
/// The name servers of the target or of the options, or the proxy of the environment, cannot be used.
pub(crate) fn resolver(
    target: &Target,
    hook: Option<Arc<dyn ResolveHook>>,
    options: &ChannelOptions,
    language: &'static str,
) -> Result<Arc<dyn Resolver>, Evidence> {
    let proxying = Proxying::find(options, |name| std::env::var(name).ok())?.map(Arc::new);
    let proxies = |proxying: &Proxying| by_host(target, &proxying.url.host, proxying.url.port, options);
    let servers: Arc<dyn Resolver> = match (hook, target.endpoint()) {
        (Some(hook), _) => Arc::new(host::HostResolver::new(target, hook)),
        (None, Endpoint::Addresses(addresses)) => Arc::new(FixedResolver::new(addresses.clone())),
        (None, Endpoint::Name { host, port, server }) => match proxying {
            Some(proxying) if proxying.covers(host, *port) => {
                let (proxies, to) = (proxies(&proxying)?, format!("{host}:{port}").into());
                return Ok(Arc::new(proxy::ByName { proxying, proxies, to }));
            }
            _ => return by_name(target, host, *port, *server, &options.dns, Some(language)),
        },
        // Only a resolver of the program knows what this means.
        (None, Endpoint::Foreign) => {
            return Err(Evidence::Target { target: target.shown().clone(), reason: target::UNKNOWN.into() });
        }
    };
    let Some(proxying) = proxying else { return Ok(servers) };
    let proxies = proxies(&proxying)?;
    Ok(Arc::new(proxy::ByAddress { proxying, proxies, servers }))
}

/// The addresses of a proxy. Nothing but addresses: its service config would not be ours.
fn by_host(target: &Target, host: &str, port: u16, options: &ChannelOptions) -> Result<Arc<dyn Resolver>, Evidence> {
    match host.parse::<IpAddr>() {
        Ok(ip) => Ok(Arc::new(FixedResolver::new(vec![Address::Tcp(SocketAddr::new(ip, port))]))),
        Err(_) => by_name(target, host, port, None, &options.dns, None),
    }
}

/// `language` is that of a client which looks for a service config too.
#[cfg(feature = "hickory")]
fn by_name(
    _: &Target,
    host: &str,
    port: u16,
    server: Option<SocketAddr>,
    options: &DnsOptions,
    language: Option<&'static str>,
) -> Result<Arc<dyn Resolver>, Evidence> {
    let servers = match server {
        Some(server) => vec![server],
        None => options.servers.iter().filter_map(|server| server.parse().ok()).collect(),
    };
    #[cfg(target_vendor = "apple")]
    if servers.is_empty() && options.search_domains.is_empty() && !options.txt_service_config {
        return Ok(Arc::new(system::SystemResolver::new(host, port)));
    }
    let client = language.filter(|_| options.txt_service_config).map(choice::Client::here);
    let resolver = dns::DnsResolver::new(host, port, servers);
    Ok(Arc::new(resolver.searching(&options.search_domains).configuring(client)))
}

#[cfg(all(not(feature = "hickory"), target_vendor = "apple"))]
fn by_name(
    target: &Target,
    host: &str,
    port: u16,
    server: Option<SocketAddr>,
    options: &DnsOptions,
    _: Option<&'static str>,
) -> Result<Arc<dyn Resolver>, Evidence> {
    if server.is_none() && options.servers.is_empty() {
        return Ok(Arc::new(system::SystemResolver::new(host, port)));
    }
    let reason = "names a server to ask, and this build of the library has only the system's resolver";
    Err(Evidence::Target { target: target.shown().clone(), reason: reason.into() })
}

#[cfg(all(not(feature = "hickory"), not(target_vendor = "apple")))]
fn by_name(
    target: &Target,
    _: &str,
    _: u16,
    _: Option<SocketAddr>,
    _: &DnsOptions,
    _: Option<&'static str>,
) -> Result<Arc<dyn Resolver>, Evidence> {
    let reason = "needs a name lookup, and this build of the library has none: use IP addresses";
    Err(Evidence::Target { target: target.shown().clone(), reason: reason.into() })
}

/// Runs one lookup, bounded in time.
pub(crate) async fn look_up(resolver: Arc<dyn Resolver>, host: ShownTarget) -> Result<Resolved, Evidence> {
    match tokio::time::timeout(LOOKUP_TIMEOUT, resolver.resolve()).await {
        Ok(answer) => answer,
        Err(_) => Err(Evidence::Resolver { host, problem: ResolverProblem::Timeout }),
    }
}
