//! Names through the system's resolver, where a program is not to ask name servers itself: on Apple's systems only that knows
//! of VPNs, split DNS and mDNS. Through a crate that keeps the code of `getaddrinfo`, which std throws away.
use super::{Lookup, Resolved, Resolver};
use crate::{
    failure::{Evidence, NameAnswer, ResolverProblem, ShownTarget},
    rt,
    transport::Address,
};
use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};
use std::{net::SocketAddr, sync::Arc};

/// Looks one name up.
#[derive(Debug)]
pub(super) struct SystemResolver {
    host: Arc<str>,
    port: u16,
}

impl SystemResolver {
    pub(super) fn new(host: &str, port: u16) -> SystemResolver {
        SystemResolver { host: host.into(), port }
    }
}

impl Resolver for SystemResolver {
    fn resolve(&self) -> Lookup {
        let (host, port) = (self.host.clone(), self.port);
        Box::pin(async move {
            let name = host.clone();
            match rt::blocking(move || look_up(&name, port)).await {
                Some(Ok(addresses)) => Ok(Resolved::now(addresses)),
                Some(Err(kind)) => Err(evidence(&host, kind)),
                None => Err(evidence(&host, LookupErrorKind::System)),
            }
        })
    }
}

fn look_up(host: &str, port: u16) -> Result<Vec<Address>, LookupErrorKind> {
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = getaddrinfo(Some(host), None, Some(hints)).map_err(|error: LookupError| error.kind())?;
    let mut addresses = Vec::new();
    for entry in found.flatten() {
        let address = Address::Tcp(SocketAddr::new(entry.sockaddr.ip(), port));
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(LookupErrorKind::NoData) } else { Ok(addresses) }
}

fn evidence(host: &str, kind: LookupErrorKind) -> Evidence {
    let host = ShownTarget::of(host);
    let problem = match kind {
        // Some systems say so too when the name exists and has no address.
        LookupErrorKind::NoName => return Evidence::Name { host, answer: NameAnswer::NxDomain },
        LookupErrorKind::NoData => return Evidence::Name { host, answer: NameAnswer::NoData },
        LookupErrorKind::Again | LookupErrorKind::Fail => ResolverProblem::ServFail,
        _ => ResolverProblem::Io,
    };
    Evidence::Resolver { host, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_machine_has_a_name() {
        let found = SystemResolver::new("localhost", 80).resolve().await.unwrap();
        assert!(found.addresses.contains(&Address::Tcp("127.0.0.1:80".parse().unwrap())), "{:?}", found.addresses);
        let unique: std::collections::HashSet<_> = found.addresses.iter().collect();
        assert_eq!(unique.len(), found.addresses.len());
    }

    #[test]
    fn the_codes_of_getaddrinfo_are_kept_apart() {
        let resolver = |problem| Evidence::Resolver { host: "x".into(), problem };
        let name = |answer| Evidence::Name { host: "x".into(), answer };
        for (kind, expected) in [
            (LookupErrorKind::NoName, name(NameAnswer::NxDomain)),
            (LookupErrorKind::NoData, name(NameAnswer::NoData)),
            (LookupErrorKind::Again, resolver(ResolverProblem::ServFail)),
            (LookupErrorKind::Fail, resolver(ResolverProblem::ServFail)),
            (LookupErrorKind::System, resolver(ResolverProblem::Io)),
            (LookupErrorKind::Memory, resolver(ResolverProblem::Io)),
        ] {
            assert_eq!(evidence("x", kind), expected);
        }
    }
}
