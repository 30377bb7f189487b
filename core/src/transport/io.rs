use super::{quiet::Quiet, sockets::Tracked, tap::RawTap};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

/// A connected socket, which a fork child knows to close.
#[derive(Debug)]
#[allow(dead_code)] // `Tracked` is held for what its drop does
pub(crate) enum Socket {
    Tcp(Tracked, Quiet<TcpStream>),
    #[cfg(unix)]
    Unix(Tracked, Quiet<UnixStream>),
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Socket {
        Socket::Tcp(Tracked::new(&stream), Quiet(stream))
    }
}

#[cfg(unix)]
impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Socket {
        Socket::Unix(Tracked::new(&stream), Quiet(stream))
    }
}

/// What HTTP/2 is spoken over.
#[derive(Debug)]
pub(crate) enum Io {
    Plain(Socket),
    Tls(Box<TlsStream<RawTap<Socket>>>),
}

/// Passes every method on: a default one would cost a vectored write.
macro_rules! delegate {
    ($type:ty { $($(#[$attribute:meta])* $variant:ident),+ }) => {
        impl AsyncRead for $type {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() { $($(#[$attribute])* Self::$variant(.., io) => Pin::new(io).poll_read(cx, buf)),+ }
            }
        }

        impl AsyncWrite for $type {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                match self.get_mut() { $($(#[$attribute])* Self::$variant(.., io) => Pin::new(io).poll_write(cx, buf)),+ }
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $($(#[$attribute])* Self::$variant(.., io) => Pin::new(io).poll_write_vectored(cx, bufs)),+
                }
            }

            fn is_write_vectored(&self) -> bool {
                match self { $($(#[$attribute])* Self::$variant(.., io) => io.is_write_vectored()),+ }
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() { $($(#[$attribute])* Self::$variant(.., io) => Pin::new(io).poll_flush(cx)),+ }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() { $($(#[$attribute])* Self::$variant(.., io) => Pin::new(io).poll_shutdown(cx)),+ }
            }
        }
    };
}

delegate!(Socket {
    Tcp,
    #[cfg(unix)]
    Unix
});
delegate!(Io { Plain, Tls });
