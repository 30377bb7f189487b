//! Which resolver finds the addresses of a target.
#[cfg(target_vendor = "apple")]
use super::system;
use super::{Destination, ResolveHook, Resolver, Target, fixed::FixedResolver, host, proxy, proxy::Proxying, target};
#[cfg(feature = "hickory")]
use super::{choice, dns};
use crate::{
    failure::Evidence,
    options::{ChannelOptions, DnsOptions},
    transport::Address,
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

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
    let servers: Arc<dyn Resolver> = match (hook, target.destination()) {
        (Some(hook), _) => Arc::new(host::HostResolver::new(target, hook)),
        (None, Destination::Addresses(addresses)) => Arc::new(FixedResolver::new(addresses.clone())),
        (None, Destination::Name { host, port, server }) => match proxying {
            Some(proxying) if proxying.covers(host, *port) => {
                let (proxies, to) = (proxies(&proxying)?, format!("{host}:{port}").into());
                return Ok(Arc::new(proxy::ByName { proxying, proxies, to }));
            }
            _ => return by_name(target, host, *port, *server, &options.dns, Some(language)),
        },
        // Only a resolver of the program knows what this means.
        (None, Destination::Foreign) => {
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
