//! Target strings (doc/naming.md): `dns:///host:port`, `host:port`, `ipv4:`, `ipv6:`, `unix:`.
use crate::{
    failure::{Evidence, ShownTarget},
    options::{Secret, is_dns_name},
    transport::Address,
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

const DEFAULT_PORT: u16 = 443;
const DNS_PORT: u16 = 53;
const EMPTY: &str = "is empty";
const NO_HOST: &str = "has no host";
const BAD_HOST: &str = "has a host that is no DNS name: only ASCII letters, digits, `-`, `_` and `.` are allowed";
const BAD_PORT: &str = "has a port that is not a number from 1 to 65535";
const BAD_V4: &str = "must be ipv4:address:port, several separated by commas";
const BAD_V6: &str = "must be ipv6:[address]:port, several separated by commas";
const BAD_PATH: &str = "must be unix:path or unix:///absolute/path";
const BAD_SERVER: &str = "has a name server that is not an IP address: dns://ip[:port]/host:port";
const URL: &str = "is a URL: leave out `https://` and the path, as in host:443; TLS is on by default";
const PLAIN_URL: &str = "is a URL: leave out `http://` and the path, as in host:80, and set the option `tls` to null";
const TOO_MUCH: &str = "has a path after the host: a target ends with the port";
const SPACE: &str = "has a space or a control character in it";
const ABSTRACT: &str = "is an abstract Unix socket, which is not supported; use unix:path";
pub(super) const UNKNOWN: &str = "has an unknown scheme; known are dns, ipv4, ipv6 and unix";

/// Where a channel is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// As it was given: what a program writes for its own resolver may hold a password.
    given: Secret<Arc<str>>,
    shown: ShownTarget,
    authority: Arc<str>,
    destination: Destination,
}

/// What has to be resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// A DNS name; `server` is the one to ask, when the target names it.
    Name { host: String, port: u16, server: Option<SocketAddr> },
    /// Nothing.
    Addresses(Vec<Address>),
    /// What a resolver of the program understands.
    Foreign,
}

impl Target {
    /// Reads a target. With `foreign`, other schemes are left to the program's own resolver.
    ///
    /// # Errors
    /// [`Evidence::Target`] with what is wrong and what is right.
    pub(crate) fn parse(text: &str, foreign: bool) -> Result<Target, Evidence> {
        let found = parse(text, foreign);
        let (destination, authority) =
            found.map_err(|reason| Evidence::Target { target: ShownTarget::of(text), reason: reason.into() })?;
        let given = Secret::new(text.into());
        Ok(Target { given, shown: ShownTarget::of(text), authority: authority.into(), destination })
    }

    /// As it was given, for the program's own resolver.
    pub(crate) fn given(&self) -> &Secret<Arc<str>> {
        &self.given
    }

    /// For everybody else.
    pub(crate) fn shown(&self) -> &ShownTarget {
        &self.shown
    }

    /// The default of `:authority`.
    pub(crate) fn authority(&self) -> &Arc<str> {
        &self.authority
    }

    pub(crate) fn destination(&self) -> &Destination {
        &self.destination
    }

    /// What a failure of the resolver names.
    pub(crate) fn host(&self) -> ShownTarget {
        match &self.destination {
            Destination::Name { host, .. } => ShownTarget::of(host),
            Destination::Addresses(_) | Destination::Foreign => ShownTarget::of(&self.authority),
        }
    }
}

type Parsed = Result<(Destination, String), &'static str>;

fn parse(text: &str, foreign: bool) -> Parsed {
    if text.is_empty() {
        return Err(EMPTY);
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(SPACE);
    }
    let Some((scheme, rest)) = split_scheme(text) else { return host_port(text, None) };
    match scheme.to_ascii_lowercase().as_str() {
        "dns" => dns(rest),
        "ipv4" => list(rest.strip_prefix("///").unwrap_or(rest), v4, BAD_V4),
        "ipv6" => list(rest.strip_prefix("///").unwrap_or(rest), v6, BAD_V6),
        "unix" => unix(rest),
        "unix-abstract" => Err(ABSTRACT),
        "https" | "grpcs" => Err(URL),
        "http" | "grpc" => Err(PLAIN_URL),
        _ if foreign => other(rest),
        _ => Err(UNKNOWN),
    }
}

/// `name:rest`, unless it is `host:port`. Who writes `//` means a scheme, known or not.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let spelled = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let known = ["dns", "ipv4", "ipv6", "unix", "unix-abstract"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    // A host may be called `dns` too: with a port after it, it is one.
    let port = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
    (spelled && (rest.starts_with("//") || (known && !port))).then_some((scheme, rest))
}

/// `host:port`, `//authority/host:port`.
fn dns(rest: &str) -> Parsed {
    let Some(rest) = rest.strip_prefix("//") else { return host_port(rest.trim_start_matches('/'), None) };
    let Some((server, name)) = rest.split_once('/') else { return Err(NO_HOST) };
    let server = match server {
        "" => None,
        server => Some(name_server(server).ok_or(BAD_SERVER)?),
    };
    host_port(name, server)
}

fn name_server(text: &str) -> Option<SocketAddr> {
    let ip = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    text.parse().ok().or_else(|| Some(SocketAddr::new(ip.parse().ok()?, DNS_PORT)))
}

fn host_port(text: &str, server: Option<SocketAddr>) -> Parsed {
    if text.is_empty() {
        return Err(NO_HOST);
    }
    if text.contains('/') {
        return Err(TOO_MUCH);
    }
    let (host, port) = split_port(text)?;
    if let Ok(ip) = host.parse::<IpAddr>() {
        let authority = if port.is_none() && ip.is_ipv6() { format!("[{ip}]") } else { text.to_owned() };
        let address = SocketAddr::new(ip, port.unwrap_or(DEFAULT_PORT));
        return Ok((Destination::Addresses(vec![Address::Tcp(address)]), authority));
    }
    if host.is_empty() {
        return Err(NO_HOST);
    }
    if text.starts_with('[') || !is_dns_name(host) {
        return Err(BAD_HOST);
    }
    let authority = text.to_owned();
    Ok((Destination::Name { host: host.to_owned(), port: port.unwrap_or(DEFAULT_PORT), server }, authority))
}

/// The host without brackets, and the port if there is one.
fn split_port(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']').ok_or(BAD_HOST)?;
        return match rest.strip_prefix(':') {
            Some(digits) => Ok((host, Some(port(digits)?))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(BAD_PORT),
        };
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok((text, None));
    }
    match text.rsplit_once(':') {
        Some((host, digits)) => Ok((host, Some(port(digits)?))),
        None => Ok((text, None)),
    }
}

fn port(digits: &str) -> Result<u16, &'static str> {
    let is_number = digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|port| is_number && *port > 0).ok_or(BAD_PORT)
}

fn list(rest: &str, read: fn(&str) -> Option<SocketAddr>, reason: &'static str) -> Parsed {
    let addresses: Option<Vec<_>> = rest.split(',').map(read).collect();
    let addresses = addresses.ok_or(reason)?;
    let authority = addresses.first().map(ToString::to_string).ok_or(reason)?;
    Ok((Destination::Addresses(addresses.into_iter().map(Address::Tcp).collect()), authority))
}

fn v4(text: &str) -> Option<SocketAddr> {
    let (host, port_of) = text.split_once(':').map_or((text, None), |(host, digits)| (host, Some(digits)));
    let port = port_of.map_or(Ok(DEFAULT_PORT), port).ok()?;
    Some(SocketAddr::new(host.parse::<Ipv4Addr>().ok()?.into(), port))
}

fn v6(text: &str) -> Option<SocketAddr> {
    let (host, given) = split_port(text).ok()?;
    Some(SocketAddr::new(host.parse::<Ipv6Addr>().ok()?.into(), given.unwrap_or(DEFAULT_PORT)))
}

fn unix(rest: &str) -> Parsed {
    let path = match rest.strip_prefix("//") {
        Some(path) if path.starts_with('/') => path,
        Some(_) => return Err(BAD_PATH),
        None => rest,
    };
    if path.is_empty() || path.contains('\0') {
        return Err(BAD_PATH);
    }
    Ok((Destination::Addresses(vec![Address::Unix(PathBuf::from(path))]), "localhost".to_owned()))
}

/// The last part of the path, which is no part of a query and has no user in it (RFC 9113 section 8.3.1).
fn other(rest: &str) -> Parsed {
    let path = rest.split(['?', '#']).next().unwrap_or(rest);
    let name = path.rsplit(['/', '@']).next().unwrap_or(path);
    let is_authority = !name.is_empty() && name.parse::<http::uri::Authority>().is_ok();
    if is_authority { Ok((Destination::Foreign, name.to_owned())) } else { Err(NO_HOST) }
}

/// One address as a resolver of the program writes it.
pub(super) fn address(text: &str) -> Option<Address> {
    if let Some(rest) = text.strip_prefix("unix:") {
        let (destination, _) = unix(rest).ok()?;
        return match destination {
            Destination::Addresses(mut addresses) => addresses.pop(),
            Destination::Name { .. } | Destination::Foreign => None,
        };
    }
    text.parse::<SocketAddr>().ok().filter(|address| address.port() > 0).map(Address::Tcp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match Target::parse(text, false) {
            Ok(target) => match target.destination() {
                Destination::Name { host, port, server: None } => format!("{host} {port} for {}", target.authority()),
                Destination::Name { host, port, server: Some(server) } => {
                    format!("{host} {port} at {server} for {}", target.authority())
                }
                Destination::Addresses(all) => {
                    let all: Vec<_> = all.iter().map(ToString::to_string).collect();
                    format!("{} for {}", all.join(" "), target.authority())
                }
                Destination::Foreign => "foreign".to_owned(),
            },
            Err(Evidence::Target { reason, .. }) => format!("it {reason}"),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn good_targets() {
        for (text, expected) in [
            ("dns:///users:8080", "users 8080 for users:8080"),
            ("dns:///users", "users 443 for users"),
            ("dns:users:1", "users 1 for users:1"),
            ("DNS:///users:1", "users 1 for users:1"),
            ("dns://8.8.8.8/users:1", "users 1 at 8.8.8.8:53 for users:1"),
            ("dns://127.0.0.1:5353/users:1", "users 1 at 127.0.0.1:5353 for users:1"),
            ("dns://[::1]/users:1", "users 1 at [::1]:53 for users:1"),
            ("dns://[::1]:5353/users:1", "users 1 at [::1]:5353 for users:1"),
            (
                "users.prod.svc.cluster.local.:50051",
                "users.prod.svc.cluster.local. 50051 for users.prod.svc.cluster.local.:50051",
            ),
            ("_grpc._tcp.x", "_grpc._tcp.x 443 for _grpc._tcp.x"),
            ("localhost:50051", "localhost 50051 for localhost:50051"),
            ("dns:50051", "dns 50051 for dns:50051"),
            ("users", "users 443 for users"),
            ("127.0.0.1:80", "127.0.0.1:80 for 127.0.0.1:80"),
            ("dns:///127.0.0.1", "127.0.0.1:443 for 127.0.0.1"),
            ("[::1]:80", "[::1]:80 for [::1]:80"),
            ("[::1]", "[::1]:443 for [::1]"),
            ("::1", "[::1]:443 for [::1]"),
            ("ipv4:127.0.0.1:80", "127.0.0.1:80 for 127.0.0.1:80"),
            ("ipv4:10.0.0.1:80,10.0.0.2:81", "10.0.0.1:80 10.0.0.2:81 for 10.0.0.1:80"),
            ("ipv4:///10.0.0.1", "10.0.0.1:443 for 10.0.0.1:443"),
            ("ipv6:[::1]:80,[::2]:81", "[::1]:80 [::2]:81 for [::1]:80"),
            ("ipv6:::1", "[::1]:443 for [::1]:443"),
            ("unix:run/s.sock", "unix:run/s.sock for localhost"),
            ("unix:/run/s.sock", "unix:/run/s.sock for localhost"),
            ("unix:///run/s.sock", "unix:/run/s.sock for localhost"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn bad_targets_are_told_what_is_right() {
        for (text, reason) in [
            ("", EMPTY),
            ("dns:///", NO_HOST),
            ("dns:", NO_HOST),
            ("dns://", NO_HOST),
            ("dns://users:80", NO_HOST),
            ("dns://nameserver/users", BAD_SERVER),
            (":80", NO_HOST),
            ("[]:80", NO_HOST),
            ("https://users", URL),
            ("HTTPS://users:443/path", URL),
            ("http://users", PLAIN_URL),
            ("foo:///x", UNKNOWN),
            ("xds:///x", UNKNOWN),
            ("users:", BAD_PORT),
            ("users:0", BAD_PORT),
            ("users:65536", BAD_PORT),
            ("users:+80", BAD_PORT),
            ("users:http", BAD_PORT),
            ("foo:bar:80", BAD_HOST),
            ("[::1]80", BAD_PORT),
            ("[::1", BAD_HOST),
            ("[users]:80", BAD_HOST),
            ("users/path", TOO_MUCH),
            ("dns:///users:80/path", TOO_MUCH),
            ("us ers:80", SPACE),
            ("users:80\n", SPACE),
            ("-users:80", BAD_HOST),
            ("us..ers:80", BAD_HOST),
            ("übung.example:80", BAD_HOST),
            ("user@host:80", BAD_HOST),
            ("ipv4:users:80", BAD_V4),
            ("ipv4:", BAD_V4),
            ("ipv4:10.0.0.1:80,", BAD_V4),
            ("ipv4:10.0.0.1:x", BAD_V4),
            ("ipv6:[::1]:x", BAD_V6),
            ("ipv6:127.0.0.1:80", BAD_V6),
            ("unix:", BAD_PATH),
            ("unix://relative", BAD_PATH),
            ("unix-abstract:x", ABSTRACT),
        ] {
            assert_eq!(read(text), format!("it {reason}"), "{text}");
        }
    }

    #[test]
    fn another_scheme_is_for_the_programs_own_resolver() {
        for (text, authority) in [
            ("consul://me:CANARY@reg/users", "users"),
            ("consul://me:CANARY@users", "users"),
            ("consul:///me:CANARY@users:80", "users:80"),
            ("consul://reg/users?token=CANARY/CANARY", "users"),
            ("consul://reg/users#CANARY", "users"),
        ] {
            let target = Target::parse(text, true).unwrap();
            assert_eq!((&**target.authority(), &**target.given().expose()), (authority, text));
            assert!(!format!("{target:?} {} {}", target.shown(), target.host()).contains("CANARY"), "{text}");
        }
        let target = Target::parse("consul:///users", true).unwrap();
        assert_eq!((target.destination(), &**target.authority()), (&Destination::Foreign, "users"));
        assert!(Target::parse("consul:///", true).is_err());
        assert!(Target::parse("https://users", true).is_err());
    }

    #[test]
    fn no_text_panics() {
        let parts = ["", ":", "/", "//", "[", "]", ",", "a", "1", "::1", "dns", "unix", "ipv6", "\u{e9}", "\0", "@"];
        for a in parts {
            for b in parts {
                for c in parts {
                    for d in parts {
                        let _ = Target::parse(&format!("{a}{b}{c}{d}"), false);
                    }
                }
            }
        }
    }
}
