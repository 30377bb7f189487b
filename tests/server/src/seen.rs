//! What the server saw of one call on the wire.
use crate::{
    pb::testbed::{Header, WhoAmIRequest, WhoAmIResponse},
    testbed::Seen,
};
use tonic::{
    Request, Status,
    metadata::{KeyAndValueRef, MetadataMap},
};

const LANGUAGES: [&str; 4] = ["node", "python", "rust", "swift"];

pub(crate) fn who_am_i(request: Request<WhoAmIRequest>) -> Result<WhoAmIResponse, Status> {
    let (metadata, extensions, wish) = request.into_parts();
    let seen = extensions.get::<Seen>().ok_or_else(|| Status::internal("no Seen"))?.clone();
    let timeout = metadata.get("grpc-timeout").map(|v| v.to_str().ok().and_then(timeout_ms));
    let agent = metadata.get("user-agent").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let (prefix, valid) = user_agent(agent);
    Ok(WhoAmIResponse {
        headers: wanted(&metadata, &wish.headers),
        authority: seen.authority,
        path: seen.path,
        scheme: seen.scheme,
        timeout_sent: timeout.is_some(),
        timeout_in_range: timeout.flatten().is_some_and(|ms| (wish.min_timeout_ms..=wish.max_timeout_ms).contains(&ms)),
        user_agent_valid: valid,
        user_agent_prefix: prefix.to_owned(),
        tls: seen.tls,
        client_certificate: seen.client_certificate,
    })
}

fn wanted(metadata: &MetadataMap, names: &[String]) -> Vec<Header> {
    let mut headers = vec![];
    for entry in metadata.iter() {
        let (key, value) = match entry {
            KeyAndValueRef::Ascii(key, value) => (key.as_str(), value.as_bytes().to_vec()),
            KeyAndValueRef::Binary(key, value) => {
                (key.as_str(), value.to_bytes().map(|b| b.to_vec()).unwrap_or_default())
            }
        };
        if names.iter().any(|n| n == key) {
            headers.push(Header { key: key.to_owned(), value });
        }
    }
    headers
}

/// `grpc-timeout` in milliseconds: 1 to 8 digits and a unit (PROTOCOL-HTTP2).
fn timeout_ms(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(value * 3_600_000),
        "M" => Some(value * 60_000),
        "S" => Some(value * 1000),
        "m" => Some(value),
        "u" => Some(value / 1000),
        "n" => Some(value / 1_000_000),
        _ => None,
    }
}

/// The prefix, and whether `grpc-LANGUAGE-causewire/VERSION` follows.
fn user_agent(agent: &str) -> (&str, bool) {
    let (prefix, ours) = agent.rsplit_once(' ').unwrap_or(("", agent));
    let named = LANGUAGES.iter().find_map(|l| ours.strip_prefix(&format!("grpc-{l}-causewire/")));
    let parts: Vec<&str> = named.map(|v| v.split('.').collect()).unwrap_or_default();
    let numeric = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    (prefix, parts.len() == 3 && parts.iter().all(numeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_in_every_unit() {
        assert_eq!(timeout_ms("1500m"), Some(1500));
        assert_eq!(timeout_ms("2S"), Some(2000));
        assert_eq!(timeout_ms("99999999n"), Some(99));
        assert_eq!(timeout_ms("123456789n"), None);
        assert_eq!(timeout_ms("m"), None);
        assert_eq!(timeout_ms("-1m"), None);
        assert_eq!(timeout_ms(""), None);
    }

    #[test]
    fn user_agents_name_a_language_and_a_version() {
        assert_eq!(user_agent("grpc-node-causewire/0.1.0"), ("", true));
        assert_eq!(user_agent("my app/1 grpc-swift-causewire/0.1.0"), ("my app/1", true));
        assert!(!user_agent("grpc-cobol-causewire/0.1.0").1);
        assert!(!user_agent("grpc-rust-causewire/0.1").1);
        assert!(!user_agent("tonic/0.14").1);
    }
}
