use crate::failure::Evidence;

/// Which part of an entry is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
    /// The packed form around the entries.
    Frame,
}

/// An entry that cannot be sent. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataFault {
    /// Which part is wrong.
    pub part: Part,
    /// The key, when it is well formed.
    pub key: Option<String>,
    /// The entry's place in a packed list.
    pub index: Option<usize>,
    /// The place of the bad byte.
    pub offset: Option<usize>,
    /// What is wrong, and the accepted form.
    pub reason: &'static str,
}

impl MetadataFault {
    /// `metadata`, `metadata[2]` or `metadata.x-tenant`: the canonical path of the entry.
    pub fn field(&self) -> String {
        match (&self.key, self.index) {
            (Some(key), _) => format!("metadata.{key}"),
            (None, Some(index)) => format!("metadata[{index}]"),
            (None, None) => "metadata".to_owned(),
        }
    }

    /// REQUEST_INVALID evidence.
    pub fn evidence(&self) -> Evidence {
        let reason = match self.offset {
            Some(offset) => format!("{} (byte {offset})", self.reason).into(),
            None => self.reason.into(),
        };
        Evidence::Request { field: self.field().into(), reason }
    }
}

impl std::fmt::Display for MetadataFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.field(), self.reason)
    }
}

impl std::error::Error for MetadataFault {}
