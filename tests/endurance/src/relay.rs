//! A path between clients and a server, which can be cut, and which can go dead without a word.
use crate::Result;
use std::{io, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

const BUFFER: usize = 16 << 10;

/// What the path does with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    Open,
    /// Takes them and passes nothing on; nobody is told.
    Dead,
}

/// Its task ends with the program.
#[derive(Debug)]
pub(crate) struct Relay {
    path: watch::Sender<Path>,
    /// Grows with every cut.
    cuts: watch::Sender<u64>,
}

impl Relay {
    pub(crate) async fn start(address: SocketAddr, server: SocketAddr) -> Result<Relay> {
        let listener = TcpListener::bind(address).await?;
        let relay = Relay { path: watch::Sender::new(Path::Open), cuts: watch::Sender::new(0) };
        let (path, cuts) = (relay.path.subscribe(), relay.cuts.subscribe());
        tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                let (path, mut cuts) = (path.clone(), cuts.clone());
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = carry(client, server, path) => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        Ok(relay)
    }

    pub(crate) fn set(&self, path: Path) {
        self.path.send_replace(path);
    }

    /// Ends the connections that there are.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

/// Until one side closes. A server that cannot be reached is a connection that is closed at once.
async fn carry(client: TcpStream, server: SocketAddr, path: watch::Receiver<Path>) -> io::Result<()> {
    let server = TcpStream::connect(server).await?;
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        ended = pass(from_client, to_server, &path) => ended,
        ended = pass(from_server, to_client, &path) => ended,
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, path: &watch::Receiver<Path>) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    // What was discarded leaves a hole, after which the rest makes no sense.
    let mut is_broken = false;
    loop {
        let n = from.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        is_broken |= *path.borrow() == Path::Dead;
        if !is_broken {
            to.write_all(buffer.get(..n).unwrap_or_default()).await?;
        }
    }
}
