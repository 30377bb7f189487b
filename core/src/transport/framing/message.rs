use bytes::{Bytes, BytesMut};

/// A received message body, in the slices in which it came from the wire.
///
/// A slice pins the read buffer it was cut from: who keeps a message copies it, who passes it on does so once, straight
/// into the host language's object.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Length in bytes of `first` and `rest` together.
    pub(crate) len: usize,
    pub(crate) first: Bytes,
    pub(crate) rest: Vec<Bytes>,
}

impl Message {
    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it is empty, which is a message like any other.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn slices(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// Copies the body to the start of `out`; what does not fit is left out. Returns the number of bytes copied.
    pub fn copy_to(&self, out: &mut [u8]) -> usize {
        let mut copied = 0;
        for slice in self.slices() {
            let Some(room) = out.get_mut(copied..) else { break };
            let n = slice.len().min(room.len());
            let (Some(to), Some(from)) = (room.get_mut(..n), slice.get(..n)) else { break };
            to.copy_from_slice(from);
            copied += n;
        }
        copied
    }

    /// The body in one piece: without a copy when it came in one.
    pub fn into_bytes(self) -> Bytes {
        if self.rest.is_empty() {
            return self.first;
        }
        let mut all = BytesMut::with_capacity(self.len);
        self.slices().for_each(|slice| all.extend_from_slice(slice));
        all.freeze()
    }
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outbound {
    pub(crate) message: Bytes,
    /// False: leaves as it is although its call compresses (doc/compression.md, Specific Disabling of Compression).
    pub(crate) compress: bool,
}

impl Outbound {
    pub(crate) fn uncompressed(message: Bytes) -> Outbound {
        Outbound { message, compress: false }
    }
}

impl From<Bytes> for Outbound {
    fn from(message: Bytes) -> Outbound {
        Outbound { message, compress: true }
    }
}

impl From<Bytes> for Message {
    fn from(first: Bytes) -> Message {
        Message { len: first.len(), first, rest: Vec::new() }
    }
}
