//! What passes between h2 and the socket, and what h2 does not tell about it.
//!
//! The tap steps over the frame heads of both directions and looks into SETTINGS and GOAWAY; it copies nothing else.
mod early;
mod opening;
mod raw;
#[cfg(test)]
mod tests;
mod walker;
mod wire;

pub(crate) use opening::speaks;
pub(crate) use raw::{FIRST_BYTES, RawTap, RawWire};
pub(crate) use wire::{End, GoAway, LocalEnd, Seen, Settings, Wire};

use early::WithData;
use opening::{Opening, opening};
use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};
use walker::{ACK, CONTINUATION, DATA, END_STREAM, HEADERS, Head, PING, RST_STREAM, SETTINGS, Step, Walker};

const CLIENT_PREFACE: u32 = 24;
/// A header block below this is never a reason for anything.
const NOTABLE_BLOCK: u32 = 4 << 10;
/// After a failed write the socket becomes readable at once; this is for transports that are odder.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Sits under h2 and on top of TLS or the socket.
#[derive(Debug)]
pub(crate) struct Tap<T> {
    io: T,
    wire: Arc<Wire>,
    below: Option<RawWire>,
    inbound: Walker,
    outbound: Walker,
    answers: Answers,
    started: bool,
    write_error: Option<(io::Error, Pin<Box<Sleep>>)>,
}

impl<T> Tap<T> {
    /// `below`: where TLS lies between, what passes under it.
    pub(crate) fn new(io: T, below: Option<RawWire>) -> (Tap<T>, Arc<Wire>) {
        let wire = Arc::new(Wire::default());
        let tap = Tap {
            io,
            wire: wire.clone(),
            below,
            inbound: Walker::default(),
            outbound: Walker::after(CLIENT_PREFACE),
            answers: Answers { block: 0, with_data: WithData::new() },
            started: false,
            write_error: None,
        };
        (tap, wire)
    }

    fn saw_read(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.add_bytes_in(bytes.len());
        if !self.started {
            self.saw_opening(bytes)?;
        }
        let (wire, answers) = (&self.wire, &mut self.answers);
        self.inbound.feed(bytes, |seen| match seen {
            Step::Head(head) => answers.saw_head(wire, head),
            Step::Payload(head, payload) if head.kind == SETTINGS => {
                wire.change(|seen| seen.settings.get_or_insert_default().update(payload));
            }
            Step::Payload(_, payload) => saw_goaway(wire, payload),
        });
        Ok(())
    }

    fn saw_opening(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut seen = self.wire.lock();
        let room = FIRST_BYTES - seen.first_bytes.len().min(FIRST_BYTES);
        seen.first_bytes.extend(bytes.iter().take(room));
        match opening(&seen.first_bytes) {
            Opening::NeedMore => Ok(()),
            Opening::Http2 => {
                self.started = true;
                seen.first_bytes = Vec::new();
                Ok(())
            }
            Opening::Not(speaks) => {
                seen.not_http2 = Some(speaks);
                Err(io::ErrorKind::InvalidData.into()) // h2 might wait for megabytes of a frame that never was one
            }
        }
    }

    fn saw_write<'a>(&mut self, bufs: impl Iterator<Item = &'a [u8]>, mut n: usize) {
        let wire = &self.wire;
        for buf in bufs {
            let (part, _) = buf.split_at(n.min(buf.len()));
            self.outbound.feed(part, |seen| {
                let Step::Head(head) = seen else { return };
                match head.kind {
                    HEADERS => wire.headers_left(head.stream),
                    RST_STREAM => wire.count_reset(),
                    PING if head.flags & ACK == 0 => wire.count_ping(),
                    _ => {}
                }
            });
            n -= part.len();
            if n == 0 {
                break;
            }
        }
    }

    /// A failed write is reported on the read side, after all that the peer had sent was read: its GOAWAY, its
    /// RST_STREAM, its TLS alert, even whole responses.
    fn write_failed(&mut self, error: io::Error, len: usize, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let report = copy(&error);
        self.wire.change(|seen| {
            seen.write_end.get_or_insert(End::Failed(Arc::new(error)));
        });
        self.write_error = Some((report, Box::pin(sleep(LAST_WORDS))));
        cx.waker().wake_by_ref(); // h2 reads before it writes: have it come back to read
        Poll::Ready(Ok(len))
    }

    fn bytes_below(&self) -> u64 {
        self.below.as_ref().map_or(0, RawWire::bytes_out)
    }

    fn read_ended(&self, end: End) {
        self.wire.change(|seen| {
            seen.read_end.get_or_insert(end);
        });
    }
}

/// What has to be known of the frames before to judge one of a response.
#[derive(Debug)]
struct Answers {
    block: u32,
    with_data: WithData,
}

impl Answers {
    fn saw_head(&mut self, wire: &Wire, head: Head) {
        match head.kind {
            DATA => {
                wire.count_answer();
                self.with_data.add(head.stream);
                if head.len == 0 && head.flags & END_STREAM == 0 {
                    wire.count_empty_data();
                }
            }
            HEADERS => {
                wire.count_answer();
                self.saw_block(wire, head.len, head.stream);
                if head.flags & END_STREAM != 0 && !self.with_data.contains(head.stream) {
                    wire.ended_early(head.stream);
                }
            }
            CONTINUATION => self.saw_block(wire, self.block.saturating_add(head.len), head.stream),
            _ => {}
        }
    }

    fn saw_block(&mut self, wire: &Wire, len: u32, stream: u32) {
        self.block = len;
        if len > NOTABLE_BLOCK {
            let mut seen = wire.lock();
            if len > seen.largest_block.1 {
                seen.largest_block = (stream, len);
            }
        }
    }
}

fn saw_goaway(wire: &Wire, payload: &[u8]) {
    let Some((last, rest)) = payload.split_first_chunk::<4>() else { return };
    let Some((code, debug)) = rest.split_first_chunk::<4>() else { return };
    let goaway = GoAway {
        last_stream: u32::from_be_bytes(*last) & !(1 << 31),
        code: u32::from_be_bytes(*code),
        debug: debug.to_vec(),
    };
    wire.change(|seen| {
        seen.first_goaway.get_or_insert_with(|| goaway.clone());
        seen.last_goaway = Some(goaway);
    });
}

impl<T: AsyncRead + Unpin> AsyncRead for Tap<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        let before = buf.filled().len();
        match Pin::new(&mut me.io).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                let (_, new) = buf.filled().split_at(before);
                if !new.is_empty() {
                    return Poll::Ready(me.saw_read(new));
                }
                if buf.remaining() > 0 {
                    me.read_ended(End::Eof { inside_frame: me.inbound.inside() });
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                let report = copy(&error);
                me.read_ended(End::Failed(Arc::new(error)));
                Poll::Ready(Err(report))
            }
            Poll::Pending => {
                // Pending may only mean that the reactor has not looked yet, so wait a little.
                if let Some((error, wait)) = &mut me.write_error {
                    ready!(wait.as_mut().poll(cx));
                    return Poll::Ready(Err(copy(error)));
                }
                Poll::Pending
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Tap<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        let all = || bufs.iter().map(|buf| buf.len()).sum();
        if me.write_error.is_some() {
            return Poll::Ready(Ok(all()));
        }
        let below = me.bytes_below();
        match Pin::new(&mut me.io).poll_write_vectored(cx, bufs) {
            Poll::Ready(Ok(n)) => {
                me.wire.set_write_blocked(false);
                me.saw_write(bufs.iter().map(|buf| &**buf), n);
                Poll::Ready(Ok(n))
            }
            Poll::Ready(Err(error)) => {
                // A socket that fails has taken nothing of this write. TLS may have sent records of it before.
                if me.bytes_below() > below {
                    me.saw_write(bufs.iter().map(|buf| &**buf), all());
                }
                me.write_failed(error, all(), cx)
            }
            Poll::Pending => {
                me.wire.set_write_blocked(true);
                Poll::Pending
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        if me.write_error.is_some() {
            return Poll::Ready(Ok(()));
        }
        match Pin::new(&mut me.io).poll_flush(cx) {
            Poll::Ready(Err(error)) => me.write_failed(error, 0, cx).map_ok(|_| ()),
            other => other,
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

/// h2 keeps only kind and text of an error, so it gets a copy with those; the typed one is in [`Wire`].
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(errno) => io::Error::from_raw_os_error(errno),
        None => error.kind().into(),
    }
}
