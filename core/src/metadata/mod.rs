//! Metadata: what travels beside the messages. Ordered, keys may repeat, values of `-bin` keys are bytes.
//!
//! Kept in the form of the wire, so that sending copies nothing: `-bin` values are base64 without padding.
mod fault;
mod flat;
mod names;
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
#[derive(Clone, Default)]
pub struct Metadata(Entries);

#[derive(Clone)]
enum Entries {
    List(Vec<(HeaderName, HeaderValue)>),
    /// As a peer sent it, the status included: nobody has asked for it yet, and most of it nobody will.
    Received(HeaderMap),
}

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
        Self(Entries::List(Vec::new()))
    }

    /// Adds one entry. The key is made lower case; the value of a `-bin` key is raw bytes.
    ///
    /// # Errors
    /// [`MetadataFault`] names the key and the place of the bad byte, never a value: a key outside `[0-9a-z_.-]` or
    /// reserved for gRPC or HTTP, an ASCII value outside `%x20-7E`.
    pub fn append(&mut self, key: &str, value: &[u8]) -> Result<(), MetadataFault> {
        let value = Bytes::copy_from_slice(value);
        let entry = entry(key, value).map_err(|fault| MetadataFault { index: Some(self.len()), ..fault })?;
        let mut list = std::mem::take(self).into_list();
        list.push(entry);
        self.0 = Entries::List(list);
        Ok(())
    }

    /// What a peer sent, without the names of gRPC's own that carry the status.
    pub fn from_headers(headers: HeaderMap) -> Self {
        Self(Entries::Received(headers))
    }

    /// Adds every entry to the headers of a request.
    pub fn extend_headers(self, headers: &mut HeaderMap) {
        for (name, value) in self.into_list() {
            headers.append(name, value);
        }
    }

    /// The same, and keeps them: for attempts that may be followed by another.
    pub(crate) fn append_to(&self, headers: &mut HeaderMap) {
        for (name, value) in self.fields() {
            headers.append(name.clone(), value.clone());
        }
    }

    /// The entries in order. A `-bin` value that lists several with commas gives several; one that is no base64 is
    /// given as it came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        self.fields().flat_map(|(name, value)| {
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
        match &self.0 {
            Entries::List(list) => list.len(),
            Entries::Received(_) => self.fields().count(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.fields().next().is_none()
    }

    /// The size that limits count: name, value as on the wire and 32 bytes, of every entry.
    pub fn size(&self) -> usize {
        self.fields().map(|(name, value)| name.as_str().len() + value.len() + OVERHEAD).sum()
    }

    /// The entries as they are on the wire.
    fn fields(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        let (list, received) = match &self.0 {
            Entries::List(list) => (Some(list), None),
            Entries::Received(headers) => (None, Some(headers)),
        };
        let received = received.into_iter().flatten().filter(|(name, _)| !carries_status(name));
        list.into_iter().flatten().map(|(name, value)| (name, value)).chain(received)
    }

    fn into_list(self) -> Vec<(HeaderName, HeaderValue)> {
        match self.0 {
            Entries::List(list) => list,
            Entries::Received(_) => self.fields().map(|(name, value)| (name.clone(), value.clone())).collect(),
        }
    }
}

impl Default for Entries {
    fn default() -> Self {
        Entries::List(Vec::new())
    }
}

impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.fields().eq(other.fields())
    }
}

impl Eq for Metadata {}

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
        let sizes = self.fields().map(|(name, value)| (name.as_str(), format!("{} bytes", value.len())));
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

fn carries_status(name: &HeaderName) -> bool {
    matches!(name.as_str(), "grpc-status" | "grpc-message" | "grpc-status-details-bin")
}

fn entry(key: &str, value: Bytes) -> Result<(HeaderName, HeaderValue), MetadataFault> {
    let name = names::name(key)?;
    let value = if is_binary(name.as_str()) { base64_value(&value) } else { validate::ascii(key, value)? };
    Ok((name, value))
}

fn base64_value(bytes: &[u8]) -> HeaderValue {
    // Base64 is always a valid field value.
    HeaderValue::from_maybe_shared(Bytes::from(BASE64.encode(bytes))).unwrap_or_else(|_| HeaderValue::from_static(""))
}
