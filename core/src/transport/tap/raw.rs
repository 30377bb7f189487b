use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many of a peer's first bytes are kept.
pub(crate) const FIRST_BYTES: usize = 64;

/// What passed below TLS: readable while the handshake owns the socket, and after it.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawWire(Arc<Passed>);

#[derive(Debug, Default)]
struct Passed {
    first: Mutex<Vec<u8>>,
    bytes_out: AtomicU64,
}

impl RawWire {
    /// The first bytes of a peer, at most 64.
    pub(crate) fn first_bytes(&self) -> Vec<u8> {
        self.0.first.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Grows with what the socket took.
    pub(crate) fn bytes_out(&self) -> u64 {
        self.0.bytes_out.load(Relaxed)
    }

    fn add_first(&self, bytes: &[u8]) {
        self.0.first.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
    }

    fn took(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(n)) = written {
            self.0.bytes_out.fetch_add(*n as u64, Relaxed);
        }
    }
}

/// Sits below TLS, and keeps the peer's first bytes for a peer that does not speak it.
#[derive(Debug)]
pub(crate) struct RawTap<T> {
    io: T,
    wire: RawWire,
    room: usize,
}

impl<T> RawTap<T> {
    pub(crate) fn new(io: T) -> (RawTap<T>, RawWire) {
        let wire = RawWire::default();
        (RawTap { io, wire: wire.clone(), room: FIRST_BYTES }, wire)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for RawTap<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        let before = buf.filled().len();
        let poll = Pin::new(&mut me.io).poll_read(cx, buf);
        if me.room > 0 {
            let (_, new) = buf.filled().split_at(before);
            let (kept, _) = new.split_at(new.len().min(me.room));
            me.room -= kept.len();
            me.wire.add_first(kept);
        }
        poll
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for RawTap<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        let written = Pin::new(&mut me.io).poll_write(cx, buf);
        me.wire.took(&written);
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        let written = Pin::new(&mut me.io).poll_write_vectored(cx, bufs);
        me.wire.took(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
