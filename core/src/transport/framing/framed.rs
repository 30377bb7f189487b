use super::PREFIX;
use bytes::{Buf, Bytes};
use std::io::IoSlice;

/// A message to send: prefix and body as two chunks, never joined, so that both leave in one `writev` without a copy.
#[derive(Debug)]
pub(crate) struct Framed {
    prefix: [u8; PREFIX],
    sent: usize,
    body: Bytes,
}

impl Framed {
    /// The caller has checked the length against its limit, which is below 4 GiB.
    pub(crate) fn new(compressed: bool, body: Bytes) -> Framed {
        let [a, b, c, d] = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
        Framed { prefix: [u8::from(compressed), a, b, c, d], sent: 0, body }
    }

    /// Nothing, to end a stream with.
    pub(crate) fn empty() -> Framed {
        Framed { prefix: [0; PREFIX], sent: PREFIX, body: Bytes::new() }
    }

    /// Cuts off the first `n` bytes as they go on the wire, prefix included, without copying the body.
    pub(crate) fn split_to(&mut self, n: usize) -> Framed {
        let n = n.min(self.remaining());
        let head = n.min(PREFIX - self.sent);
        let body = self.body.split_to(n - head);
        if self.sent < PREFIX && self.sent + head < PREFIX {
            // A window of 1 to 4 bytes: what is left of the prefix goes as body, since a part must end where it ends.
            let part = Bytes::copy_from_slice(self.head().get(..head).unwrap_or_default());
            self.sent += head;
            return Framed { body: part, ..Framed::empty() };
        }
        let part = Framed { prefix: self.prefix, sent: self.sent, body };
        self.sent += head;
        part
    }

    fn head(&self) -> &[u8] {
        self.prefix.get(self.sent..).unwrap_or_default()
    }
}

impl Buf for Framed {
    fn remaining(&self) -> usize {
        PREFIX - self.sent + self.body.len()
    }

    fn chunk(&self) -> &[u8] {
        if self.sent < PREFIX { self.head() } else { &self.body }
    }

    fn advance(&mut self, n: usize) {
        let head = n.min(PREFIX - self.sent);
        self.sent += head;
        self.body.advance(n - head);
    }

    // Without this h2 writes the prefix and the body in two system calls.
    fn chunks_vectored<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        let chunks = [self.head(), &self.body].into_iter().filter(|chunk| !chunk.is_empty());
        out.iter_mut().zip(chunks).map(|(slot, chunk)| *slot = IoSlice::new(chunk)).count()
    }
}
