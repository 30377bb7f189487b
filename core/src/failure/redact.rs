//! What may be shown of things that can hold a secret or come from a peer.
use std::{borrow::Cow, fmt, ops::Deref, sync::Arc};

/// Stands for a part of a target that may hold a secret.
const HIDDEN: &str = "<redacted>";

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

/// A target, or the name in one, as it may be shown: without `user:password@` and without a query, both of which may hold a
/// secret. There is no other way to make one, so that whatever has this type is safe in a record, a log or a `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ShownTarget(Arc<str>);

impl ShownTarget {
    /// What may be shown of a target.
    pub fn of(target: &str) -> Self {
        ShownTarget(without_secrets(target).into())
    }
}

impl<T: AsRef<str>> From<T> for ShownTarget {
    fn from(target: T) -> Self {
        ShownTarget::of(target.as_ref())
    }
}

impl Deref for ShownTarget {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ShownTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for ShownTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

fn without_secrets(target: &str) -> Cow<'_, str> {
    // A path may hold any of these and no password.
    let is_path = ["unix:", "unix-abstract:"].iter().any(|scheme| target.starts_with(scheme));
    if is_path || !target.contains(['@', '?', '#']) {
        return Cow::Borrowed(target);
    }
    let (scheme, rest) = target.split_once("://").map_or(("", target), |(scheme, rest)| (scheme, rest));
    let rest = match (rest.rfind('@'), rest.find(['?', '#'])) {
        // A password with a `?` in it, or a query with an `@`: either half may be the secret.
        (Some(at), Some(query)) if query < at => HIDDEN,
        (Some(at), _) => rest.get(at + 1..).unwrap_or_default(),
        (None, _) => rest,
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
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
            ("consul://me:CANARY@reg/users", "consul://reg/users"),
            ("consul:///me:CANARY@users", "consul://users"),
            ("consul://me:CAN/ARY@reg/users?token=CANARY#CANARY", "consul://reg/users"),
            ("consul://me:CANARY?CANARY@reg/users", "consul://<redacted>"),
            ("consul://reg/users?token=CANARY@CANARY", "consul://<redacted>"),
            ("unixes://me:CANARY@reg", "unixes://reg"),
        ] {
            assert_eq!(&*ShownTarget::of(target), shown);
            assert_eq!(&*ShownTarget::of(shown), shown, "shown once is shown for ever");
            assert!(!format!("{:?} {}", ShownTarget::of(target), ShownTarget::of(target)).contains("CANARY"));
        }
    }

    #[test]
    fn pem_shows_its_label() {
        assert_eq!(pem_label(b"x\n-----BEGIN EC PRIVATE KEY-----\nCANARY").as_deref(), Some("EC PRIVATE KEY"));
        assert_eq!(pem_label(b"-----BEGIN canary-----"), None);
        assert_eq!(pem_label(b"CANARY"), None);
    }
}
