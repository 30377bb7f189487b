//! The two steps of an HTTP CONNECT proxy (RFC 9110 section 9.3.6).
use crate::{peer::Peer, script::Connect};
use std::io;
use tokio::{
    io::{AsyncReadExt, copy_bidirectional},
    net::TcpStream,
};

const LONGEST_HEAD: usize = 8 << 10;
const OK: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";
const UNAUTHORIZED: &[u8] = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n";
const UNEXPECTED: &[u8] = b"HTTP/1.1 418 Unexpected request\r\n\r\n";

pub(crate) async fn connect(peer: &mut Peer, expected: &Connect) -> io::Result<()> {
    let head = head(peer).await?;
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default();
    let header = |name: &str| {
        let fields = lines.clone().filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    if header("proxy-authorization") != expected.authorization {
        return refuse(peer, UNAUTHORIZED).await;
    }
    let to = line.strip_prefix("CONNECT ").and_then(|rest| rest.strip_suffix(" HTTP/1.1"));
    let fits = expected.to.as_deref().is_none_or(|expected| Some(expected) == to);
    if !fits || to.is_none() || header("host").as_deref() != to {
        return refuse(peer, UNEXPECTED).await;
    }
    Ok(())
}

pub(crate) async fn tunnel(peer: &mut Peer, to: &str) -> io::Result<()> {
    let mut server = TcpStream::connect(to).await?;
    server.set_nodelay(true)?;
    peer.write(OK).await?;
    copy_bidirectional(peer.io(), &mut server).await.map(drop)
}

async fn refuse(peer: &mut Peer, answer: &[u8]) -> io::Result<()> {
    peer.write(answer).await?;
    peer.finish().await?;
    Err(io::Error::other("not the expected request"))
}

/// Up to the empty line, and not a byte more: what follows is for the server.
async fn head(peer: &mut Peer) -> io::Result<String> {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= LONGEST_HEAD {
            return Err(io::Error::other("a head without an end"));
        }
        head.push(peer.io().read_u8().await?);
    }
    String::from_utf8(head).map_err(io::Error::other)
}
