//! Names through our own DNS client, which keeps apart what the system's resolver mixes: no such name, no address, a
//! server that failed, a server that does not answer.
#[cfg(test)]
mod tests;

use super::{
    Brought, Lookup, Resolved, Resolver,
    choice::{Client, choose},
};
use crate::{
    failure::{Evidence, NameAnswer, ResolverProblem, ShownTarget},
    transport::Address,
};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, NoRecords, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RData, Record},
    },
    system_conf::read_system_conf,
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// Of the name whose TXT records have the service config (gRFC A2).
const CONFIG_PREFIX: &str = "_grpc_config.";

/// Looks one name up.
#[derive(Clone, Debug)]
pub(super) struct DnsResolver {
    host: Arc<str>,
    port: u16,
    servers: Arc<[SocketAddr]>,
    search: Arc<[Name]>,
    /// For whom a service config is looked up, if one is.
    client: Option<Arc<Client>>,
}

impl DnsResolver {
    /// Without `servers`, the system's are asked.
    pub(super) fn new(host: &str, port: u16, servers: Vec<SocketAddr>) -> DnsResolver {
        DnsResolver { host: host.into(), port, servers: servers.into(), search: Arc::default(), client: None }
    }

    pub(super) fn searching(self, domains: &[String]) -> DnsResolver {
        // Each was checked when the options were.
        let search = domains.iter().filter_map(|domain| Name::from_str_relaxed(domain).ok());
        DnsResolver { search: search.collect(), ..self }
    }

    pub(super) fn configuring(self, client: Option<Client>) -> DnsResolver {
        DnsResolver { client: client.map(Arc::new), ..self }
    }

    // The system's configuration is read each time: it changes when a machine changes networks.
    async fn look_up(self) -> Result<Resolved, Evidence> {
        let failed = |problem| Evidence::Resolver { host: ShownTarget::of(&self.host), problem };
        let (config, options) = self.config().map_err(|_| failed(ResolverProblem::Io))?;
        let resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(tuned(options))
            .build()
            .map_err(|_| failed(ResolverProblem::Io))?;
        let (answer, service_config) = tokio::join!(resolver.lookup_ip(&*self.host), self.service_config(&resolver));
        let answer = answer.map_err(|error| self.evidence(&error))?;
        let mut addresses: Vec<Address> = Vec::new();
        for ip in answer.iter() {
            let address = Address::Tcp(SocketAddr::new(ip, self.port));
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if addresses.is_empty() {
            return Err(Evidence::Name { host: ShownTarget::of(&self.host), answer: NameAnswer::NoData });
        }
        Ok(Resolved { service_config, ..Resolved::now(addresses) })
    }

    /// A name without such a record has none, and neither has one whose record is not for this client; where the question
    /// itself fails, nothing is known.
    async fn service_config(&self, resolver: &TokioResolver) -> Brought {
        let Some(client) = &self.client else { return Brought::Nothing };
        match resolver.txt_lookup(format!("{CONFIG_PREFIX}{}", self.host)).await {
            Ok(lookup) => choose(&texts(lookup.answers()), client),
            Err(NetError::Dns(DnsError::NoRecordsFound(NoRecords {
                response_code: ResponseCode::NXDomain | ResponseCode::NoError,
                ..
            }))) => Brought::Nothing,
            Err(_) => Brought::Unknown,
        }
    }

    fn config(&self) -> Result<(ResolverConfig, ResolverOpts), NetError> {
        let (config, options) = match self.servers.is_empty() {
            true => read_system_conf()?,
            false => {
                let servers = self.servers.iter().map(|server| name_server(*server)).collect();
                (ResolverConfig::from_parts(None, Vec::new(), servers), ResolverOpts::default())
            }
        };
        if self.search.is_empty() {
            return Ok((config, options));
        }
        let config = ResolverConfig::from_parts(None, self.search.to_vec(), config.name_servers().to_vec());
        Ok((config, options))
    }

    fn evidence(&self, error: &NetError) -> Evidence {
        let host = ShownTarget::of(&self.host);
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

    fn brings_config(&self) -> bool {
        self.client.is_some()
    }
}

/// The strings of each TXT record, put together (RFC 7208 section 3.3).
fn texts(records: &[Record]) -> Vec<Vec<u8>> {
    let text = |record: &Record| match &record.data {
        RData::TXT(txt) => Some(txt.txt_data.concat()),
        _ => None,
    };
    records.iter().filter_map(text).collect()
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
    // Both at once. `pick_first` lets the families take turns, so a broken path of one costs a fraction of a second.
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    // `Pace` limits the lookups; a cache on top would hide that servers have moved.
    options.cache_size = 0;
    options
}
