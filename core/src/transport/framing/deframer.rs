use super::{Message, PREFIX};
use crate::failure::evidence::{Evidence, MessageProblem, Sized};
use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;

/// A shorter slice is copied behind its neighbours: each slice costs more than that to keep, so a peer that sends a
/// message in single bytes would otherwise make us hold many times its length.
const SMALL: usize = 512;

/// A message and whether it is compressed.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) compressed: bool,
    pub(crate) message: Message,
}

/// Cuts the bytes of one direction of a stream into messages.
#[derive(Debug)]
pub(crate) struct Deframer {
    limit: usize,
    head: Option<Head>,
    buffered: usize,
    current: Bytes,
    more: VecDeque<Bytes>,
    tail: BytesMut,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    compressed: bool,
    len: usize,
}

impl Deframer {
    /// `limit`: the longest message accepted, in bytes as they are on the wire.
    pub(crate) fn new(limit: usize) -> Deframer {
        Deframer { limit, head: None, buffered: 0, current: Bytes::new(), more: VecDeque::new(), tail: BytesMut::new() }
    }

    /// Takes what arrived. Call [`next`](Deframer::next) until it gives `None` before pushing more.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.buffered += bytes.len();
        if self.buffered == bytes.len() {
            self.current = bytes;
        } else if bytes.len() < SMALL {
            self.tail.extend_from_slice(&bytes);
        } else {
            self.seal();
            self.more.push_back(bytes);
        }
    }

    /// The next whole message.
    ///
    /// # Errors
    /// A flag other than 0 and 1, or a length above the limit, seen on the prefix before any of the body is kept.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Box<Evidence>> {
        let head = match self.head {
            Some(head) => head,
            None if self.buffered < PREFIX => return Ok(None),
            None => {
                let head = self.read_head()?;
                self.head = Some(head);
                head
            }
        };
        if self.buffered < head.len {
            return Ok(None);
        }
        self.head = None;
        Ok(Some(Frame { compressed: head.compressed, message: self.take(head.len) }))
    }

    /// True at the end of the stream: it ended inside a message.
    pub(crate) fn truncated(&self) -> bool {
        self.head.is_some() || self.buffered > 0
    }

    #[cfg(test)]
    /// Bytes held back for a message that is not yet whole.
    pub(crate) fn buffered(&self) -> usize {
        self.buffered
    }

    fn read_head(&mut self) -> Result<Head, Box<Evidence>> {
        let mut head = [0; PREFIX];
        let mut have = 0;
        while let Some(room) = head.get_mut(have..).filter(|room| !room.is_empty()) {
            self.refill();
            let n = room.len().min(self.current.len());
            if n == 0 {
                break;
            }
            if let Some(room) = room.get_mut(..n) {
                self.current.copy_to_slice(room);
            }
            have += n;
        }
        self.buffered -= have;
        let [flag, len @ ..] = head;
        if flag > 1 {
            return Err(Box::new(Evidence::Message { problem: MessageProblem::Flag(flag) }));
        }
        let len = u32::from_be_bytes(len) as usize;
        if len > self.limit {
            return Err(Box::new(Evidence::ResponseTooLarge {
                what: Sized::Message,
                actual: len as u64,
                limit: self.limit as u64,
                option: "max_receive_message_bytes",
            }));
        }
        Ok(Head { compressed: flag == 1, len })
    }

    fn take(&mut self, len: usize) -> Message {
        self.buffered -= len;
        self.refill();
        let first = self.current.split_to(len.min(self.current.len()));
        let mut message = Message { len, first, rest: Vec::new() };
        let mut left = len - message.first.len();
        while left > 0 {
            self.refill();
            let part = self.current.split_to(left.min(self.current.len()));
            if part.is_empty() {
                break;
            }
            left -= part.len();
            message.rest.push(part);
        }
        message
    }

    fn refill(&mut self) {
        if self.current.is_empty() {
            if self.more.is_empty() {
                self.seal();
            }
            self.current = self.more.pop_front().unwrap_or_default();
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.more.push_back(self.tail.split().freeze());
        }
    }
}
