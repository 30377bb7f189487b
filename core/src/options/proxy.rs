//! The URL of an HTTP CONNECT proxy.
use super::{Secret, is_dns_name};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use std::net::{IpAddr, Ipv6Addr};

/// The value that stands for none.
pub(crate) const PROXY_OFF: &str = "off";
pub(super) const PROXY_FORM: &str = "must be `off` or http://[user:password@]host:port";
/// The default of `http` (RFC 9110 section 4.2.1).
const DEFAULT_PORT: u16 = 80;

/// Where the proxy is, and who we are to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProxyUrl {
    /// A name or an IP address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of `Proxy-Authorization`.
    pub(crate) authorization: Option<Secret<String>>,
}

impl ProxyUrl {
    /// Reads `[http://][user[:password]@]host[:port][/]`. User and password are percent-decoded.
    pub(crate) fn parse(text: &str) -> Option<ProxyUrl> {
        let rest = match text.split_once("://") {
            None => text,
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some(_) => return None,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, place) = rest.rsplit_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
        let (host, port) = split_port(place)?;
        let ip = host.parse::<IpAddr>().is_ok();
        if !ip && !is_dns_name(host) {
            return None;
        }
        Some(ProxyUrl { host: host.to_owned(), port, authorization: user.map(basic) })
    }

    /// `host:port`, fit to be shown.
    pub(crate) fn place(&self) -> String {
        match self.host.parse::<Ipv6Addr>() {
            Ok(ip) => format!("[{ip}]:{}", self.port),
            Err(_) => format!("{}:{}", self.host, self.port),
        }
    }
}

fn split_port(place: &str) -> Option<(&str, u16)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    match port {
        None => Some((host, DEFAULT_PORT)),
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port > 0).map(|port| (host, port))
        }
        Some(_) => None,
    }
}

/// RFC 7617.
fn basic(user: &str) -> Secret<String> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let decoded = |text| percent_decode_str(text).collect::<Vec<u8>>();
    let pair = [&decoded(name)[..], b":", &decoded(password)].concat();
    Secret::new(format!("Basic {}", STANDARD.encode(pair)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, Option<String>)> {
        ProxyUrl::parse(text).map(|url| (url.place(), url.authorization.map(|value| value.expose().clone())))
    }

    #[test]
    fn urls_and_bare_places() {
        for (text, place) in [
            ("http://proxy:3128", "proxy:3128"),
            ("HTTP://proxy:3128/", "proxy:3128"),
            ("proxy.example.com:3128", "proxy.example.com:3128"),
            ("http://proxy", "proxy:80"),
            ("http://10.0.0.1:3128", "10.0.0.1:3128"),
            ("http://[::1]:3128", "[::1]:3128"),
            ("http://[::1]", "[::1]:80"),
        ] {
            assert_eq!(read(text), Some((place.to_owned(), None)), "{text}");
        }
        for bad in [
            "",
            "http://",
            "https://proxy:443",
            "socks5://proxy:1080",
            "http://proxy:0",
            "http://proxy:99999",
            "http://proxy:x",
            "http://proxy:",
            "http://pr oxy:1",
            "http://proxy:1/path",
            "http://::1:80",
            "http://[::1",
            "http://[proxy]:1",
            "http://a@",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn credentials_are_decoded_and_never_shown() {
        for (text, pair) in [
            ("http://user:pass@proxy", "user:pass"),
            ("http://user@proxy", "user:"),
            ("http://us%65r:p%40ss%3Aword@proxy", "user:p@ss:word"),
            ("http://user:a:b@proxy", "user:a:b"),
            ("http://user:p@ss@proxy", "user:p@ss"),
        ] {
            let value = format!("Basic {}", STANDARD.encode(pair));
            assert_eq!(read(text), Some(("proxy:80".to_owned(), Some(value))), "{text}");
        }
        let shown = format!("{:?}", ProxyUrl::parse("http://user:canary@proxy"));
        assert!(!shown.contains("canary") && !shown.contains(&STANDARD.encode("user:canary")), "{shown}");
    }
}
