//! The one flat form in which metadata crosses to a host language, both ways: for each entry
//! `[u32 LE length of the key][key][u32 LE length of the value][value]`, `-bin` values as raw bytes.
use super::{Entries, Metadata, MetadataFault, Part, entry};
use bytes::Bytes;

impl Metadata {
    /// All entries in the flat form.
    pub fn pack(&self) -> Vec<u8> {
        let mut packed = Vec::with_capacity(self.size());
        for (key, value) in self.iter() {
            put(&mut packed, key.as_bytes());
            put(&mut packed, value.as_bytes());
        }
        packed
    }

    /// Reads and validates the flat form. ASCII values stay where they are and share its memory.
    ///
    /// # Errors
    /// As [`append`](Self::append), with the index of the entry; [`Part::Frame`] when the lengths do not fit.
    pub fn unpack(packed: &Bytes) -> Result<Self, MetadataFault> {
        let mut list = Vec::new();
        let mut rest = &packed[..];
        while !rest.is_empty() {
            let index = list.len();
            let parts = take(rest).and_then(|(key, rest)| take(rest).map(|(value, rest)| (key, value, rest)));
            let (key, value, after) = parts.ok_or_else(|| fault(Part::Frame, index, "is cut off"))?;
            let key = std::str::from_utf8(key).map_err(|_| fault(Part::Key, index, "has a key that is not UTF-8"))?;
            let value = packed.slice_ref(value);
            list.push(entry(key, value).map_err(|fault| MetadataFault { index: Some(index), ..fault })?);
            rest = after;
        }
        Ok(Metadata(Entries::List(list)))
    }
}

fn put(packed: &mut Vec<u8>, bytes: &[u8]) {
    // A header is far below 4 GiB; one that is not could not have been received.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    packed.extend_from_slice(&length.to_le_bytes());
    packed.extend_from_slice(bytes);
}

fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

fn fault(part: Part, index: usize, reason: &'static str) -> MetadataFault {
    MetadataFault { part, key: None, index: Some(index), offset: None, reason }
}
