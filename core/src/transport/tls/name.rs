//! Whom a certificate has to be for.

/// The host of `host`, `host:port`, `[v6]` and `[v6]:port`.
pub(super) fn host(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(host, _)| host);
    }
    match authority.rsplit_once(':') {
        Some((host, _)) if !host.contains(':') => host,
        _ => authority,
    }
}
