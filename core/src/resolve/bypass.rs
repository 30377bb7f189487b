//! Which servers are reached without the proxy: the rules of `no_proxy`. Pure.
use ipnet::IpNet;
use std::{net::IpAddr, str::FromStr};

/// A list of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bypass(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    hosts: Hosts,
    /// Absent: every port.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    All,
    /// The name, unless `below_only`, and all names below it.
    Domain {
        name: String,
        below_only: bool,
    },
    Network(IpNet),
}

impl Bypass {
    /// The entries of `no_proxy`: `name`, `.name`, `*.name`, an IP address or a CIDR block, each perhaps with `:port`; or
    /// `*`. What is none of these is ignored, as everywhere.
    pub(super) fn of<'a>(entries: impl IntoIterator<Item = &'a str>) -> Bypass {
        Bypass(entries.into_iter().filter_map(|entry| Rule::read(entry.trim())).collect())
    }

    pub(super) fn covers(&self, host: &str, port: u16) -> bool {
        self.0.iter().any(|rule| rule.covers(host, port))
    }
}

impl Rule {
    fn read(entry: &str) -> Option<Rule> {
        if let Some(network) = network(entry) {
            return Some(Rule { hosts: Hosts::Network(network), port: None });
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, digits)) if !digits.ends_with(']') => (host, Some(digits.parse().ok()?)),
            _ => (entry, None),
        };
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let hosts = match host {
            "*" => Hosts::All,
            host => match network(host) {
                Some(network) => Hosts::Network(network),
                None => Hosts::domain(host)?,
            },
        };
        Some(Rule { hosts, port })
    }

    fn covers(&self, host: &str, port: u16) -> bool {
        self.port.is_none_or(|own| own == port) && self.hosts.cover(host)
    }
}

impl Hosts {
    fn domain(text: &str) -> Option<Hosts> {
        let below = text.strip_prefix("*.").or_else(|| text.strip_prefix('.'));
        let name = normal(below.unwrap_or(text));
        (!name.is_empty()).then(|| Hosts::Domain { name, below_only: below.is_some() })
    }

    fn cover(&self, host: &str) -> bool {
        match self {
            Hosts::All => true,
            Hosts::Network(network) => host.parse::<IpAddr>().is_ok_and(|ip| network.contains(&ip.to_canonical())),
            Hosts::Domain { name, below_only } => {
                let host = normal(host);
                let below = host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'));
                below || (!below_only && host == *name)
            }
        }
    }
}

/// An address, or a block of them.
fn network(text: &str) -> Option<IpNet> {
    IpNet::from_str(text).ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_covers_what_it_says() {
        for (rule, covered, not) in [
            (
                "example.com",
                &["example.com", "a.example.com", "EXAMPLE.com", "example.com."][..],
                &["badexample.com", "com"][..],
            ),
            (".example.com", &["a.example.com", "a.b.example.com"], &["example.com"]),
            ("*.example.com", &["a.example.com"], &["example.com"]),
            ("*", &["x", "10.0.0.1", "::1"], &[]),
            ("10.0.0.0/8", &["10.1.2.3", "::ffff:10.1.2.3"], &["11.0.0.1", "10.example.com", "::1"]),
            ("10.0.0.1", &["10.0.0.1"], &["10.0.0.2", "x.10.0.0.1"]),
            ("fd00::/8", &["fd00::1"], &["fe80::1", "10.0.0.1"]),
            ("[fd00::1]", &["fd00::1"], &["fd00::2"]),
        ] {
            let bypass = Bypass::of([rule]);
            assert!(covered.iter().all(|host| bypass.covers(host, 443)), "{rule}");
            assert!(not.iter().all(|host| !bypass.covers(host, 443)), "{rule}");
        }
    }

    #[test]
    fn a_rule_may_be_for_one_port() {
        for rule in ["example.com:443", "10.0.0.1:443", "[fd00::1]:443", "*:443"] {
            let bypass = Bypass::of([rule]);
            let covers = |port| ["example.com", "10.0.0.1", "fd00::1"].iter().any(|host| bypass.covers(host, port));
            assert_eq!((covers(443), covers(80)), (true, false), "{rule}");
        }
    }

    #[test]
    fn a_list_is_the_union_and_nonsense_is_nothing() {
        let bypass = Bypass::of("a.test, b.test ,,:80,10.0.0.0/99,c.test:x".split(','));
        assert!(bypass.covers("a.test", 1) && bypass.covers("b.test", 1));
        assert!(!bypass.covers("c.test", 1) && !bypass.covers("10.0.0.1", 80));
        assert_eq!(Bypass::of([]), Bypass::default());
    }
}
