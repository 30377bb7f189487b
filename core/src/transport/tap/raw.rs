use super::FIRST_BYTES;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The first bytes of a peer, at most 64, readable while the socket is owned by the TLS handshake.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstBytes(Arc<Mutex<Vec<u8>>>);

impl FirstBytes {
    pub(crate) fn get(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
    }
}

/// Sits below TLS and keeps the peer's first bytes, for a peer that does not speak TLS.
#[derive(Debug)]
pub(crate) struct RawTap<T> {
    io: T,
    first: FirstBytes,
    room: usize,
}

impl<T> RawTap<T> {
    pub(crate) fn new(io: T) -> (RawTap<T>, FirstBytes) {
        let first = FirstBytes::default();
        (RawTap { io, first: first.clone(), room: FIRST_BYTES }, first)
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
            me.first.add(kept);
        }
        poll
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for RawTap<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, bufs)
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
