//! What may be shown of things that can hold a secret or come from a peer.
use std::borrow::Cow;

/// The longest peer text in a record, in characters.
const MAX_PEER_TEXT: usize = 256;

/// Metadata whose values may appear in logs and traces; all others show their length only.
const SHOWN: &[&str] = &[
    "accept-encoding",
    "content-type",
    "date",
    "grpc-accept-encoding",
    "grpc-encoding",
    "grpc-previous-rpc-attempts",
    "grpc-retry-pushback-ms",
    "grpc-status",
    "grpc-timeout",
    "server",
    "te",
    "user-agent",
];

/// Never shown, not even when an application lists them.
const NEVER: &[&str] = &["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"];
const NEVER_ENDINGS: &[&str] = &["token", "secret", "password", "-key", "-bin"];

/// Makes a peer's bytes harmless for a log: printable ASCII, everything else escaped, at most 256 characters.
pub fn peer_text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        let start = text.len();
        match byte {
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
        if text.len() > MAX_PEER_TEXT {
            text.truncate(start);
            break;
        }
    }
    text
}

/// Whether the value of a metadata key may be shown. `listed` are keys that the application allows beside our own.
pub fn may_show_value(key: &str, listed: &[String]) -> bool {
    let key = key.to_ascii_lowercase();
    let never = NEVER.contains(&key.as_str()) || NEVER_ENDINGS.iter().any(|ending| key.ends_with(ending));
    !never && (SHOWN.contains(&key.as_str()) || listed.iter().any(|name| name.eq_ignore_ascii_case(&key)))
}

/// `host:port` of a URL: no scheme, no user, no password, no path, no query.
pub fn url_host_port(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host_port = authority.rsplit_once('@').map_or(authority, |(_, host_port)| host_port);
    peer_text(host_port.as_bytes())
}

/// A target without `user:password@` and without a query, which people paste into it by mistake.
pub fn without_userinfo(target: &str) -> Cow<'_, str> {
    // A path may hold any of these and no password.
    if !target.contains(['@', '?', '#']) || target.starts_with("unix") {
        return Cow::Borrowed(target);
    }
    let target = target.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = target.split_once("://").map_or(("", target), |(scheme, rest)| (scheme, rest));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    Cow::Owned(if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") })
}

/// The label of the first PEM block (`EC PRIVATE KEY`), which is all of it that may be shown.
pub fn pem_label(pem: &[u8]) -> Option<String> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let start = pem.windows(BEGIN.len()).position(|window| window == BEGIN)? + BEGIN.len();
    let label: Vec<u8> = pem.get(start..)?.iter().copied().take(40).take_while(|&byte| byte != b'-').collect();
    label
        .iter()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b' ')
        .then(|| peer_text(&label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_text_is_printable_and_short() {
        assert_eq!(peer_text(b"plain text"), "plain text");
        assert_eq!(peer_text("é\n\u{1b}[31m\\".as_bytes()), "\\xc3\\xa9\\n\\x1b[31m\\\\");
        assert_eq!(peer_text(&[b'a'; 300]).len(), 256);
        let escaped = peer_text(&[0xff; 300]);
        assert!(escaped.len() <= 256 && escaped.ends_with("\\xff"), "no escape is cut in half");
    }

    #[test]
    fn values_are_shown_by_permission_only() {
        assert!(may_show_value("Content-Type", &[]));
        assert!(!may_show_value("x-tenant", &[]));
        assert!(may_show_value("x-tenant", &["X-Tenant".into()]));
        for key in ["authorization", "x-auth-token", "x-client-secret", "trace-bin", "cookie", "X-Api-Key"] {
            assert!(!may_show_value(key, &[key.to_owned()]), "{key}");
        }
    }

    #[test]
    fn urls_show_host_and_port() {
        for (url, shown) in [
            ("http://user:CANARY@proxy.local:3128/CANARY?token=CANARY", "proxy.local:3128"),
            ("user:CANARY@proxy.local:3128", "proxy.local:3128"),
            ("https://a@CANARY@host", "host"),
            ("http://[::1]:3128#CANARY", "[::1]:3128"),
            ("http://host\\@CANARY", "host"),
        ] {
            assert_eq!(url_host_port(url), shown);
        }
    }

    #[test]
    fn targets_lose_credentials() {
        for (target, shown) in [
            ("dns:///users:443", "dns:///users:443"),
            ("https://me:CANARY@users:443/p?token=CANARY", "https://users:443/p"),
            ("me:CANARY@users:443", "users:443"),
            ("unix:///run/user@1000.sock", "unix:///run/user@1000.sock"),
        ] {
            assert_eq!(without_userinfo(target), shown);
        }
    }

    #[test]
    fn pem_shows_its_label() {
        assert_eq!(pem_label(b"x\n-----BEGIN EC PRIVATE KEY-----\nCANARY").as_deref(), Some("EC PRIVATE KEY"));
        assert_eq!(pem_label(b"-----BEGIN canary-----"), None);
        assert_eq!(pem_label(b"CANARY"), None);
    }
}
