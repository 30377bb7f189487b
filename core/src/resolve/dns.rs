//! Names through our own DNS client, which keeps apart what the system's resolver mixes: no such name, no address, a
//! server that failed, a server that does not answer.
#[cfg(test)]
mod tests;

use super::{Lookup, Resolved, Resolver};
use crate::{
    clock,
    failure::{Evidence, NameAnswer, ResolverProblem},
    transport::Address,
};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, NoRecords, runtime::TokioRuntimeProvider},
    proto::op::ResponseCode,
    system_conf::read_system_conf,
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// Looks one name up.
#[derive(Clone, Debug)]
pub(super) struct DnsResolver {
    host: Arc<str>,
    port: u16,
    servers: Arc<[SocketAddr]>,
}

impl DnsResolver {
    /// Without `servers`, the system's are asked.
    pub(super) fn new(host: &str, port: u16, servers: Vec<SocketAddr>) -> DnsResolver {
        DnsResolver { host: host.into(), port, servers: servers.into() }
    }

    // The system's configuration is read each time: it changes when a machine changes networks.
    async fn look_up(self) -> Result<Resolved, Evidence> {
        let failed = |problem| Evidence::Resolver { host: self.host.to_string(), problem };
        let (config, options) = self.config().map_err(|_| failed(ResolverProblem::Io))?;
        let resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(tuned(options))
            .build()
            .map_err(|_| failed(ResolverProblem::Io))?;
        let answer = resolver.lookup_ip(&*self.host).await.map_err(|error| self.evidence(&error))?;
        let mut addresses: Vec<Address> = Vec::new();
        for ip in answer.iter() {
            let address = Address::Tcp(SocketAddr::new(ip, self.port));
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if addresses.is_empty() {
            return Err(Evidence::Name { host: self.host.to_string(), answer: NameAnswer::NoData });
        }
        Ok(Resolved { addresses, at: clock::now() })
    }

    fn config(&self) -> Result<(ResolverConfig, ResolverOpts), NetError> {
        if self.servers.is_empty() {
            return read_system_conf();
        }
        let servers = self.servers.iter().map(|server| name_server(*server)).collect();
        Ok((ResolverConfig::from_parts(None, Vec::new(), servers), ResolverOpts::default()))
    }

    fn evidence(&self, error: &NetError) -> Evidence {
        let host = self.host.to_string();
        let problem = match error {
            NetError::Dns(DnsError::NoRecordsFound(NoRecords { response_code, .. })) => match response_code {
                ResponseCode::NXDomain => return Evidence::Name { host, answer: NameAnswer::NxDomain },
                ResponseCode::NoError => return Evidence::Name { host, answer: NameAnswer::NoData },
                ResponseCode::Refused => ResolverProblem::Refused,
                _ => ResolverProblem::ServFail,
            },
            NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => ResolverProblem::Refused,
            NetError::Dns(_) => ResolverProblem::ServFail,
            NetError::Timeout => ResolverProblem::Timeout,
            _ => ResolverProblem::Io,
        };
        Evidence::Resolver { host, problem }
    }
}

impl Resolver for DnsResolver {
    fn resolve(&self) -> Lookup {
        Box::pin(self.clone().look_up())
    }
}

fn name_server(server: SocketAddr) -> NameServerConfig {
    let ip: IpAddr = server.ip();
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    NameServerConfig::new(ip, true, connections.into())
}

fn tuned(mut options: ResolverOpts) -> ResolverOpts {
    // Until addresses are tried side by side, a broken IPv6 path must not come before a working IPv4 one.
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    // `Pace` limits the lookups; a cache on top would hide that servers have moved.
    options.cache_size = 0;
    options
}
