//! A socket whose writes raise no SIGPIPE. Rust's own `main` ignores that signal; a host's does not have to, and the
//! vectored write of the standard library would then end the process when a peer has gone.
use socket2::SockRef;
use std::{
    ffi::c_int,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

/// Apple's sockets are told once, when they are made (SO_NOSIGPIPE).
#[cfg(any(target_os = "linux", target_os = "android"))]
const FLAGS: c_int = libc::MSG_NOSIGNAL;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const FLAGS: c_int = 0;

/// More slices than this are refused by the system (IOV_MAX).
const MOST_SLICES: usize = 1024;

/// See the module.
#[derive(Debug)]
pub(crate) struct Quiet<S>(pub(super) S);

macro_rules! quiet {
    ($stream:ty) => {
        impl AsyncRead for Quiet<$stream> {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.get_mut().0).poll_read(cx, buf)
            }
        }

        impl AsyncWrite for Quiet<$stream> {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.poll_write_vectored(cx, &[IoSlice::new(buf)])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let stream = &self.0;
                let bufs = bufs.get(..MOST_SLICES).unwrap_or(bufs);
                let send = || SockRef::from(stream).send_vectored_with_flags(bufs, FLAGS);
                loop {
                    ready!(stream.poll_write_ready(cx))?;
                    match stream.try_io(Interest::WRITABLE, send) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        result => return Poll::Ready(result),
                    }
                }
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.get_mut().0).poll_flush(cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
            }
        }
    };
}

quiet!(TcpStream);
#[cfg(unix)]
quiet!(UnixStream);
