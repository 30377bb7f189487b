//! Counts what clients send, frame by frame, whoever serves the connection.
use crate::frames::{ACK, FrameHead, GOAWAY, HEAD, HEADERS, PING, PREFACE, RST_STREAM};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What one server has received so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub connections: u64,
    pub open_connections: u64,
    pub streams: u64,
    pub pings: u64,
    pub ping_acks: u64,
    /// RST_STREAM frames by code.
    pub resets: BTreeMap<u32, u64>,
    /// GOAWAY frames by code.
    pub goaways: BTreeMap<u32, u64>,
}

pub type Counters = Arc<Mutex<Counts>>;

pub fn snapshot(counters: &Counters) -> Counts {
    counters.lock().unwrap_or_else(|e| e.into_inner()).clone()
}

fn update(counters: &Counters, change: impl FnOnce(&mut Counts)) {
    change(&mut counters.lock().unwrap_or_else(|e| e.into_inner()));
}

/// Anything that bytes go through in both directions.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// One accepted connection.
pub struct Counted {
    io: Box<dyn Io>,
    counters: Counters,
    parser: Parser,
    pub tls: bool,
    pub client_certificate: bool,
}

impl std::fmt::Debug for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counted").field("tls", &self.tls).finish_non_exhaustive()
    }
}

impl Counted {
    pub fn new(io: Box<dyn Io>, counters: Counters) -> Self {
        update(&counters, |c| {
            c.connections += 1;
            c.open_connections += 1;
        });
        Counted { io, counters, parser: Parser::default(), tls: false, client_certificate: false }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        update(&self.counters, |c| c.open_connections -= 1);
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let this = &mut *self;
        let counters = &this.counters;
        this.parser.feed(&buf.filled()[before..], |head, first| count(counters, head, first));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

fn count(counters: &Counters, head: FrameHead, first: [u8; 8]) {
    let [a, b, c, d, e, f, g, h] = first;
    match head.kind {
        HEADERS => update(counters, |c| c.streams += 1),
        PING if head.flags & ACK == 0 => update(counters, |c| c.pings += 1),
        PING => update(counters, |c| c.ping_acks += 1),
        RST_STREAM => update(counters, |s| *s.resets.entry(u32::from_be_bytes([a, b, c, d])).or_default() += 1),
        GOAWAY => update(counters, |s| *s.goaways.entry(u32::from_be_bytes([e, f, g, h])).or_default() += 1),
        _ => {}
    }
}

/// Steps over the frames of one direction and keeps the first eight bytes of each payload.
#[derive(Debug, Default)]
struct Parser {
    preface: usize,
    not_http2: bool,
    head: [u8; HEAD],
    head_bytes: usize,
    payload_left: usize,
    first: [u8; 8],
    first_bytes: usize,
}

impl Parser {
    fn feed(&mut self, mut bytes: &[u8], mut found: impl FnMut(FrameHead, [u8; 8])) {
        while !bytes.is_empty() && !self.not_http2 {
            let used =
                if self.preface < PREFACE.len() { self.skip_preface(bytes) } else { self.step(bytes, &mut found) };
            bytes = &bytes[used..];
        }
    }

    fn skip_preface(&mut self, bytes: &[u8]) -> usize {
        let expected = &PREFACE[self.preface..];
        let used = expected.len().min(bytes.len());
        self.not_http2 = bytes[..used] != expected[..used];
        self.preface += used;
        used
    }

    fn step(&mut self, bytes: &[u8], found: &mut impl FnMut(FrameHead, [u8; 8])) -> usize {
        if self.head_bytes < HEAD {
            let used = (HEAD - self.head_bytes).min(bytes.len());
            self.head[self.head_bytes..][..used].copy_from_slice(&bytes[..used]);
            self.head_bytes += used;
            if self.head_bytes == HEAD {
                self.payload_left = FrameHead::parse(&self.head).length;
                (self.first, self.first_bytes) = ([0; 8], 0);
                self.finish(found);
            }
            return used;
        }
        let used = self.payload_left.min(bytes.len());
        let keep = (8 - self.first_bytes).min(used);
        self.first[self.first_bytes..][..keep].copy_from_slice(&bytes[..keep]);
        self.first_bytes += keep;
        self.payload_left -= used;
        self.finish(found);
        used
    }

    fn finish(&mut self, found: &mut impl FnMut(FrameHead, [u8; 8])) {
        if self.payload_left == 0 {
            self.head_bytes = 0;
            found(FrameHead::parse(&self.head), self.first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::{data, frame, goaway, rst, settings};

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        let bytes = [
            &PREFACE[..],
            &settings(&[]),
            &frame(HEADERS, 4, 1, b"xx"),
            &data(1, 0, &[0; 100]),
            &rst(1, 8),
            &goaway(0, 2, b"bye"),
            &frame(PING, 0, 0, &[0; 8]),
            &frame(PING, ACK, 0, &[0; 8]),
            &frame(PING, ACK, 0, &[1; 8]),
        ]
        .concat();
        for size in [1, 2, 7, 1000] {
            let counters = Counters::default();
            let mut parser = Parser::default();
            bytes.chunks(size).for_each(|c| parser.feed(c, |head, first| count(&counters, head, first)));
            let counts = snapshot(&counters);
            assert_eq!((counts.streams, counts.pings, counts.ping_acks), (1, 1, 2));
            assert_eq!(counts.resets, BTreeMap::from([(8, 1)]));
            assert_eq!(counts.goaways, BTreeMap::from([(2, 1)]));
        }
    }

    #[test]
    fn bytes_that_are_not_http2_count_nothing() {
        let counters = Counters::default();
        let mut parser = Parser::default();
        parser.feed(b"GET / HTTP/1.1\r\n\r\n", |head, first| count(&counters, head, first));
        assert_eq!(snapshot(&counters), Counts::default());
    }
}
