//! The order in which addresses are tried.
use super::Endpoint;
use crate::transport::Address;
use std::{
    collections::{HashSet, VecDeque},
    net::SocketAddr,
};

/// Each address once, where it came first.
pub(super) fn unique(endpoints: Vec<Endpoint>) -> Vec<Endpoint> {
    let mut seen = HashSet::new();
    endpoints.into_iter().filter(|endpoint| seen.insert(endpoint.address.clone())).collect()
}

/// Takes the families in turn, in the order in which they appear (RFC 8305 section 4): where one family leads nowhere,
/// the second attempt already uses another.
pub(super) fn interleaved(endpoints: Vec<Endpoint>) -> Vec<Endpoint> {
    let mut families: Vec<(Family, VecDeque<Endpoint>)> = Vec::new();
    let count = endpoints.len();
    for endpoint in endpoints {
        let family = Family::of(&endpoint.address);
        match families.iter_mut().find(|(known, _)| *known == family) {
            Some((_, members)) => members.push_back(endpoint),
            None => families.push((family, VecDeque::from([endpoint]))),
        }
    }
    let mut mixed = Vec::with_capacity(count);
    while mixed.len() < count {
        mixed.extend(families.iter_mut().filter_map(|(_, members)| members.pop_front()));
    }
    mixed
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Ip4,
    Ip6,
    Unix,
}

impl Family {
    fn of(address: &Address) -> Family {
        match address {
            Address::Tcp(SocketAddr::V4(_)) => Family::Ip4,
            Address::Tcp(SocketAddr::V6(_)) => Family::Ip6,
            Address::Unix(_) => Family::Unix,
            Address::Tunnel(tunnel) => Family::of(&Address::Tcp(tunnel.at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(texts: &[&str]) -> Vec<Endpoint> {
        let address = |text: &&str| match text.strip_prefix("unix:") {
            Some(path) => Address::Unix(path.into()),
            None => Address::Tcp(text.parse().unwrap()),
        };
        texts.iter().map(address).map(Endpoint::from).collect()
    }

    fn texts(endpoints: Vec<Endpoint>) -> Vec<String> {
        endpoints.iter().map(|endpoint| endpoint.address.to_string()).collect()
    }

    #[test]
    fn families_take_turns() {
        for (given, expected) in [
            (&["1.1.1.1:1", "1.1.1.1:2", "[::1]:1"][..], &["1.1.1.1:1", "[::1]:1", "1.1.1.1:2"][..]),
            (
                &["[::1]:1", "[::1]:2", "[::1]:3", "1.1.1.1:1", "1.1.1.1:2"],
                &["[::1]:1", "1.1.1.1:1", "[::1]:2", "1.1.1.1:2", "[::1]:3"],
            ),
            (&["unix:a", "unix:b", "1.1.1.1:1", "[::1]:1"], &["unix:a", "1.1.1.1:1", "[::1]:1", "unix:b"]),
            (&[], &[]),
        ] {
            assert_eq!(texts(interleaved(list(given))), expected);
        }
    }

    #[test]
    fn an_address_counts_once() {
        assert_eq!(texts(unique(list(&["1.1.1.1:1", "[::1]:1", "1.1.1.1:1"]))), ["1.1.1.1:1", "[::1]:1"]);
    }
}
