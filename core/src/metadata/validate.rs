//! What a caller may send (PROTOCOL-HTTP2.md, Custom-Metadata).
use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use super::{MetadataFault, Part};

/// Names that gRPC or HTTP/2 sets itself, or that HTTP/2 forbids (RFC 9113 section 8.2.2).
const RESERVED: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

pub(super) fn key(key: &str) -> Result<HeaderName, MetadataFault> {
    let fault = |key: Option<&str>, offset, reason| MetadataFault {
        part: Part::Key,
        key: key.map(str::to_owned),
        index: None,
        offset,
        reason,
    };
    if key.is_empty() {
        return Err(fault(None, None, "has an empty key"));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if let Some(offset) = key.bytes().position(|byte| !allowed(byte)) {
        return Err(fault(None, Some(offset), "has a key with a character outside `0-9 a-z _ . -`"));
    }
    let lower = key.to_ascii_lowercase();
    if lower.starts_with("grpc-") || RESERVED.contains(&lower.as_str()) {
        return Err(fault(Some(&lower), None, "is a key that gRPC or HTTP/2 sets itself"));
    }
    HeaderName::from_bytes(lower.as_bytes()).map_err(|_| fault(None, None, "has a key that is too long"))
}

pub(super) fn ascii(key: &str, value: Bytes) -> Result<HeaderValue, MetadataFault> {
    let fault = |offset| MetadataFault {
        part: Part::Value,
        key: Some(key.to_ascii_lowercase()),
        index: None,
        offset,
        reason: "has a byte outside printable ASCII; use a key that ends in `-bin` for bytes",
    };
    if let Some(offset) = value.iter().position(|byte| !(b' '..=b'~').contains(byte)) {
        return Err(fault(Some(offset)));
    }
    HeaderValue::from_maybe_shared(value).map_err(|_| fault(None))
}
