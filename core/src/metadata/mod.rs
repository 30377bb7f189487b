//! Metadata: what travels beside the messages. Ordered, keys may repeat, values of `-bin` keys are bytes.
//!
//! Kept in the form of the wire, so that sending copies nothing: `-bin` values are base64 without padding.
mod fault;
mod flat;
#[cfg(test)]
mod tests;
mod validate;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

pub use self::fault::{MetadataFault, Part};

/// RFC 4648 section 4: written without padding, read with or without it, and with stray trailing bits.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What a header costs beside its name and value (RFC 9113 section 6.5.2).
const OVERHEAD: usize = 32;

/// An ordered multimap of keys and values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Metadata(Vec<(HeaderName, HeaderValue)>);

/// One value.
#[derive(Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// Text, as it came: a peer may send any HTTP field value.
    Ascii(&'a [u8]),
    /// The decoded bytes of a `-bin` key.
    Binary(Bytes),
}

impl Metadata {
    /// Empty.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one entry. The key is made lower case; the value of a `-bin` key is raw bytes.
    ///
    /// # Errors
    /// [`MetadataFault`] names the key and the place of the bad byte, never a value: a key outside `[0-9a-z_.-]` or
    /// reserved for gRPC or HTTP, an ASCII value outside `%x20-7E`.
    pub fn append(&mut self, key: &str, value: &[u8]) -> Result<(), MetadataFault> {
        let entry = entry(key, value).map_err(|fault| MetadataFault { index: Some(self.0.len()), ..fault })?;
        self.0.push(entry);
        Ok(())
    }

    /// What a peer sent, without the names of gRPC's own that carry the status.
    pub fn from_headers(headers: HeaderMap) -> Self {
        let mut last: Option<HeaderName> = None;
        let mut entries = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            // The map names a key once, before the first of its values.
            last = name.or(last);
            match &last {
                Some(name) if !carries_status(name.as_str()) => entries.push((name.clone(), value)),
                _ => {}
            }
        }
        Self(entries)
    }

    /// Adds every entry to the headers of a request.
    pub fn extend_headers(self, headers: &mut HeaderMap) {
        for (name, value) in self.0 {
            headers.append(name, value);
        }
    }

    /// The entries in order. A `-bin` value that lists several with commas gives several; one that is no base64 is
    /// given as it came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        self.0.iter().flat_map(|(name, value)| {
            let name = name.as_str();
            Values::of(name, value.as_bytes()).map(move |value| (name, value))
        })
    }

    /// The first value of a key.
    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The size that limits count: name, value as on the wire and 32 bytes, of every entry.
    pub fn size(&self) -> usize {
        self.0.iter().map(|(name, value)| name.as_str().len() + value.len() + OVERHEAD).sum()
    }
}

/// The size of a header map by the same count.
pub fn headers_size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + OVERHEAD).sum()
}

impl Value<'_> {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ascii(bytes) => bytes,
            Self::Binary(bytes) => bytes,
        }
    }
}

/// Keys and lengths; a value may be a token.
impl std::fmt::Debug for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sizes = self.0.iter().map(|(name, value)| (name.as_str(), format!("{} bytes", value.len())));
        f.debug_map().entries(sizes).finish()
    }
}

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if matches!(self, Self::Ascii(_)) { "Ascii" } else { "Binary" };
        write!(f, "{kind}({} bytes)", self.as_bytes().len())
    }
}

/// The values that one header holds: one, but for a `-bin` list.
enum Values<'a> {
    One(Option<Value<'a>>),
    List(std::vec::IntoIter<Vec<u8>>),
}

impl<'a> Values<'a> {
    fn of(name: &str, raw: &'a [u8]) -> Self {
        if !is_binary(name) {
            return Self::One(Some(Value::Ascii(raw)));
        }
        let parts = raw.split(|&byte| byte == b',').map(|part| BASE64.decode(part.trim_ascii()));
        match parts.collect::<Result<Vec<_>, _>>() {
            Ok(parts) => Self::List(parts.into_iter()),
            Err(_) => Self::One(Some(Value::Ascii(raw))),
        }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        match self {
            Self::One(value) => value.take(),
            Self::List(parts) => parts.next().map(|part| Value::Binary(part.into())),
        }
    }
}

fn is_binary(name: &str) -> bool {
    name.ends_with("-bin")
}

fn carries_status(name: &str) -> bool {
    matches!(name, "grpc-status" | "grpc-message" | "grpc-status-details-bin")
}

fn entry(key: &str, value: &[u8]) -> Result<(HeaderName, HeaderValue), MetadataFault> {
    let name = validate::key(key)?;
    let value = if is_binary(name.as_str()) { base64_value(value) } else { validate::ascii(key, value)? };
    Ok((name, value))
}

fn base64_value(bytes: &[u8]) -> HeaderValue {
    // Base64 is always a valid field value.
    HeaderValue::from_maybe_shared(Bytes::from(BASE64.encode(bytes))).unwrap_or_else(|_| HeaderValue::from_static(""))
}
