use http::HeaderMap;

/// The size of a header list as HTTP/2 counts it (RFC 9113 section 10.5.1).
pub(crate) fn metadata_size(map: &HeaderMap) -> usize {
    map.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}
