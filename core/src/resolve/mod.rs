//! From a target to addresses.
//!
//! A [`Resolver`] looks up once per question; [`Pace`] says when to ask again.
#[cfg(feature = "hickory")]
mod dns;
mod fixed;
mod host;
mod pace;
mod target;

pub use host::{ResolveFuture, ResolveHook};
pub(crate) use pace::Pace;
pub(crate) use target::{Endpoint, Target};

use crate::{
    clock::Instant,
    failure::{Evidence, ResolverProblem},
    options::DnsOptions,
    transport::Address,
};
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

/// A lookup that takes longer has failed, whatever it still does (as in grpc-go).
pub(crate) const LOOKUP_TIMEOUT: Duration = Duration::from_secs(30);

/// The answer of a resolver: at least one address, in the order in which they are to be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) addresses: Vec<Address>,
    /// When the answer came.
    pub(crate) at: Instant,
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
}

/// The resolver of a target: the program's own if there is one.
///
/// # Errors
/// The name servers of the target or of the options cannot be used.
pub(crate) fn resolver(
    target: &Target,
    hook: Option<Arc<dyn ResolveHook>>,
    dns: &DnsOptions,
) -> Result<Arc<dyn Resolver>, Evidence> {
    if let Some(hook) = hook {
        return Ok(Arc::new(host::HostResolver::new(target.text().clone(), hook)));
    }
    match target.endpoint() {
        Endpoint::Addresses(addresses) => Ok(Arc::new(fixed::FixedResolver::new(addresses.clone()))),
        Endpoint::Name { host, port, server } => by_name(target, host, *port, *server, dns),
        // Only a resolver of the program knows what this means.
        Endpoint::Foreign => {
            Err(Evidence::Target { target: target.text().to_string(), reason: target::UNKNOWN.into() })
        }
    }
}

#[cfg(feature = "hickory")]
fn by_name(
    _: &Target,
    host: &str,
    port: u16,
    server: Option<std::net::SocketAddr>,
    options: &DnsOptions,
) -> Result<Arc<dyn Resolver>, Evidence> {
    let servers = match server {
        Some(server) => vec![server],
        None => options.servers.iter().filter_map(|server| server.parse().ok()).collect(),
    };
    Ok(Arc::new(dns::DnsResolver::new(host, port, servers)))
}

#[cfg(not(feature = "hickory"))]
fn by_name(
    target: &Target,
    _: &str,
    _: u16,
    _: Option<std::net::SocketAddr>,
    _: &DnsOptions,
) -> Result<Arc<dyn Resolver>, Evidence> {
    let reason = "is a name, and this build of the library has no name resolution: use an IP address";
    Err(Evidence::Target { target: target.text().to_string(), reason: reason.into() })
}

/// Runs one lookup, bounded in time.
pub(crate) async fn look_up(resolver: Arc<dyn Resolver>, host: Arc<str>) -> Result<Resolved, Evidence> {
    match tokio::time::timeout(LOOKUP_TIMEOUT, resolver.resolve()).await {
        Ok(answer) => answer,
        Err(_) => Err(Evidence::Resolver { host: host.to_string(), problem: ResolverProblem::Timeout }),
    }
}
