//! Channels behind an HTTP CONNECT proxy (gRFC A1): which proxy, for which servers, and what is looked up then.
use super::{Lookup, Resolved, Resolver, bypass::Bypass};
use crate::{
    failure::{Evidence, ProxyProblem},
    options::{ChannelOptions, PROXY_OFF, ProxyUrl},
    transport::{Address, Proxy, Tunnel},
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// In the order in which they are asked. There is no `HTTP_PROXY`: a CGI server sets it from a header of its client.
const PROXY: [&str; 4] = ["grpc_proxy", "https_proxy", "HTTPS_PROXY", "http_proxy"];
const NO_PROXY: [&str; 3] = ["no_grpc_proxy", "no_proxy", "NO_PROXY"];
const OPTION: &str = "option";

/// The proxy of a channel, and what is reached without it.
#[derive(Debug)]
pub(super) struct Proxying {
    pub(super) url: ProxyUrl,
    proxy: Arc<Proxy>,
    bypass: Bypass,
    /// What the environment says is not meant for servers on this machine.
    spares_loopback: bool,
}

impl Proxying {
    /// The proxy that the options or, by their leave, the environment names.
    ///
    /// # Errors
    /// A URL that cannot be used; its text is not in the error.
    pub(super) fn find(
        options: &ChannelOptions,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Proxying>, Evidence> {
        let first = |names: &[&'static str]| {
            let found =
                |name: &&'static str| environment(name).filter(|value| !value.is_empty()).map(|value| (*name, value));
            names.iter().find_map(found)
        };
        let (source, url) = match &options.proxy {
            Some(url) if url.expose() == PROXY_OFF => return Ok(None),
            Some(url) => (OPTION, url.expose().clone()),
            None => match first(&PROXY) {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        let url = ProxyUrl::parse(&url).ok_or_else(|| unusable(source))?;
        let bypass = match &options.no_proxy {
            Some(entries) => Bypass::of(entries.iter().map(String::as_str)),
            None => Bypass::of(first(&NO_PROXY).iter().flat_map(|(_, list)| list.split([',', ' ']))),
        };
        let proxy = Proxy { place: url.place().into(), authorization: url.authorization.clone(), source };
        Ok(Some(Proxying { url, proxy: Arc::new(proxy), bypass, spares_loopback: source != OPTION }))
    }

    pub(super) fn covers(&self, host: &str, port: u16) -> bool {
        let loopback = || match host.parse::<IpAddr>() {
            Ok(ip) => ip.to_canonical().is_loopback(),
            Err(_) => host.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
        };
        let spared = self.spares_loopback && loopback();
        !spared && !self.bypass.covers(host, port)
    }

    fn tunnels(&self, to: &str, proxies: &[SocketAddr]) -> impl Iterator<Item = Address> {
        let to: Arc<str> = to.into();
        let tunnel = move |at: &SocketAddr| Tunnel { proxy: self.proxy.clone(), at: *at, to: to.clone() };
        proxies.iter().map(tunnel).map(Arc::new).map(Address::Tunnel).collect::<Vec<_>>().into_iter()
    }
}

/// The option was checked when the channel's options were.
fn unusable(source: &'static str) -> Evidence {
    let reason = format!("comes from {source}, and must be http://[user:password@]host:port").into();
    Evidence::Option { field: "proxy".into(), value: None, reason }
}

/// Looks the proxy up instead of the server, whose name it gets as it is.
pub(super) struct ByName {
    pub(super) proxying: Arc<Proxying>,
    /// Of the proxy.
    pub(super) proxies: Arc<dyn Resolver>,
    /// `host:port` of the server.
    pub(super) to: Arc<str>,
}

impl Resolver for ByName {
    fn resolve(&self) -> Lookup {
        let (proxying, proxies, to) = (self.proxying.clone(), self.proxies.resolve(), self.to.clone());
        Box::pin(async move {
            let found = sockets(proxies.await, &proxying)?;
            Ok(Resolved::now(proxying.tunnels(&to, &found).collect()))
        })
    }

    fn is_fixed(&self) -> bool {
        self.proxies.is_fixed()
    }
}

/// Puts the proxy before those addresses of another resolver that are not exempt.
pub(super) struct ByAddress {
    pub(super) proxying: Arc<Proxying>,
    pub(super) proxies: Arc<dyn Resolver>,
    /// Of the servers.
    pub(super) servers: Arc<dyn Resolver>,
}

impl Resolver for ByAddress {
    fn resolve(&self) -> Lookup {
        let (proxying, proxies, servers) = (self.proxying.clone(), self.proxies.clone(), self.servers.resolve());
        Box::pin(async move {
            let resolved = servers.await?;
            let proxied = |address: &Address| match address {
                Address::Tcp(server) => proxying.covers(&server.ip().to_string(), server.port()),
                Address::Unix(_) | Address::Tunnel(_) => false,
            };
            if !resolved.addresses.iter().any(proxied) {
                return Ok(resolved);
            }
            let found = sockets(proxies.resolve().await, &proxying)?;
            let lead = |address: Address| match proxied(&address) {
                true => proxying.tunnels(&address.to_string(), &found).collect(),
                false => vec![address],
            };
            Ok(Resolved { addresses: resolved.addresses.into_iter().flat_map(lead).collect(), ..resolved })
        })
    }

    fn is_fixed(&self) -> bool {
        self.servers.is_fixed() && self.proxies.is_fixed()
    }

    fn brings_config(&self) -> bool {
        self.servers.brings_config()
    }
}

/// The addresses of the proxy. That it has none is the proxy's failure and not the server's.
fn sockets(found: Result<Resolved, Evidence>, proxying: &Proxying) -> Result<Vec<SocketAddr>, Evidence> {
    let found = found.map_err(|_| proxying.proxy.evidence(ProxyProblem::Unresolved, None))?;
    let socket = |address: Address| match address {
        Address::Tcp(socket) => Some(socket),
        Address::Unix(_) | Address::Tunnel(_) => None,
    };
    Ok(found.addresses.into_iter().filter_map(socket).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{failure::NameAnswer, options::Secret, resolve::fixed::FixedResolver};
    use std::future::ready;

    fn option(text: &str) -> ChannelOptions {
        ChannelOptions { proxy: Some(Secret::new(text.to_owned())), ..ChannelOptions::default() }
    }

    fn find(options: &ChannelOptions, environment: &[(&str, &str)]) -> Option<(String, &'static str)> {
        let found = proxying(options, environment);
        found.map(|found| (found.proxy.place.to_string(), found.proxy.source))
    }

    fn proxying(options: &ChannelOptions, environment: &[(&str, &str)]) -> Option<Proxying> {
        let value = |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Proxying::find(options, value).unwrap()
    }

    #[test]
    fn the_option_comes_before_the_environment_and_off_is_off() {
        let none = ChannelOptions::default();
        let all = [("http_proxy", "d:4"), ("HTTPS_PROXY", "c:3"), ("https_proxy", "b:2"), ("grpc_proxy", "a:1")];
        assert_eq!(find(&none, &all), Some(("a:1".into(), "grpc_proxy")));
        assert_eq!(find(&none, &all[..3]), Some(("b:2".into(), "https_proxy")));
        assert_eq!(find(&none, &all[..2]), Some(("c:3".into(), "HTTPS_PROXY")));
        assert_eq!(find(&none, &all[..1]), Some(("d:4".into(), "http_proxy")));
        assert_eq!(find(&none, &[("grpc_proxy", ""), ("https_proxy", "b:2")]), Some(("b:2".into(), "https_proxy")));
        assert_eq!(find(&none, &[("HTTP_PROXY", "x:1")]), None);
        assert_eq!(find(&option("http://me:secret@o:5"), &all), Some(("o:5".into(), "option")));
        assert_eq!(find(&option("off"), &all), None);
    }

    #[test]
    fn a_url_that_cannot_be_used_is_an_error_without_its_text() {
        let environment = |name: &str| (name == "https_proxy").then(|| "socks5://user:canary@p".to_owned());
        let error = Proxying::find(&ChannelOptions::default(), environment).unwrap_err();
        let text = format!("{error:?}");
        assert!(text.contains("https_proxy") && !text.contains("canary"), "{text}");
        assert!(Proxying::find(&option("https://p"), |_| None).is_err());
    }

    #[test]
    fn the_environment_spares_this_machine_and_both_keep_to_no_proxy() {
        let environment = [("https_proxy", "p:1"), ("no_proxy", "a.test, 10.0.0.0/8")];
        let by_environment = proxying(&ChannelOptions::default(), &environment).unwrap();
        let by_option = proxying(&option("http://p:1"), &environment).unwrap();
        for host in ["localhost", "LOCALHOST.", "127.0.0.2", "::1"] {
            assert!(!by_environment.covers(host, 443) && by_option.covers(host, 443), "{host}");
        }
        for both in [&by_environment, &by_option] {
            assert!(both.covers("b.test", 443) && !both.covers("a.test", 443) && !both.covers("10.1.1.1", 443));
        }
        let own = ChannelOptions { no_proxy: Some(vec!["b.test".into()]), ..option("http://p:1") };
        let own = proxying(&own, &environment).unwrap();
        assert!(own.covers("a.test", 443) && !own.covers("b.test", 443));
    }

    fn texts(resolved: Resolved) -> Vec<String> {
        let way = |address: Address| match address {
            Address::Tunnel(tunnel) => format!("{} by {}", tunnel.to, tunnel.at),
            address => address.to_string(),
        };
        resolved.addresses.into_iter().map(way).collect()
    }

    fn fixed(addresses: &[&str]) -> Arc<dyn Resolver> {
        let address = |text: &&str| match text.strip_prefix("unix:") {
            Some(path) => Address::Unix(path.into()),
            None => Address::Tcp(text.parse().unwrap()),
        };
        Arc::new(FixedResolver::new(addresses.iter().map(address).collect()))
    }

    #[tokio::test]
    async fn names_and_addresses_lead_through_every_address_of_the_proxy() {
        let options = ChannelOptions { no_proxy: Some(vec!["10.0.0.9".into()]), ..option("http://p:1") };
        let proxying = Arc::new(proxying(&options, &[]).unwrap());
        let proxies = fixed(&["9.9.9.1:1", "9.9.9.2:1"]);
        let by_name = ByName { proxying: proxying.clone(), proxies: proxies.clone(), to: "a.test:443".into() };
        let expected = ["a.test:443 by 9.9.9.1:1", "a.test:443 by 9.9.9.2:1"];
        assert_eq!(texts(by_name.resolve().await.unwrap()), expected);
        let servers = fixed(&["10.0.0.8:80", "10.0.0.9:80", "[fd00::1]:80", "unix:/s"]);
        let by_address = ByAddress { proxying, proxies, servers };
        let expected = [
            "10.0.0.8:80 by 9.9.9.1:1",
            "10.0.0.8:80 by 9.9.9.2:1",
            "10.0.0.9:80",
            "[fd00::1]:80 by 9.9.9.1:1",
            "[fd00::1]:80 by 9.9.9.2:1",
            "unix:/s",
        ];
        assert_eq!(texts(by_address.resolve().await.unwrap()), expected);
    }

    struct Nameless;

    impl Resolver for Nameless {
        fn resolve(&self) -> Lookup {
            Box::pin(ready(Err(Evidence::Name { host: "p".into(), answer: NameAnswer::NxDomain })))
        }
    }

    #[tokio::test]
    async fn a_proxy_without_an_address_is_the_proxys_failure() {
        let proxying = Arc::new(proxying(&option("http://p:1"), &[]).unwrap());
        let by_name = ByName { proxying: proxying.clone(), proxies: Arc::new(Nameless), to: "a:1".into() };
        let unresolved = Err(proxying.proxy.evidence(ProxyProblem::Unresolved, None));
        assert_eq!(by_name.resolve().await, unresolved);
        let servers = fixed(&["10.0.0.1:1"]);
        let by_address = ByAddress { proxying, proxies: Arc::new(Nameless), servers };
        assert_eq!(by_address.resolve().await, unresolved);
    }
}
