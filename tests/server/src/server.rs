//! Starts and stops one scripted server.
use crate::{
    Result,
    certificates::Certificates,
    counted::{Counted, Counters, Counts, Io, snapshot},
    dns,
    play::{Socket, play},
    script::{Listen, Script, Step},
    testbed::Services,
};
use rustls::ServerConfig;
use serde::Serialize;
use socket2::{Domain, SockAddr, Type};
use std::{
    future::pending,
    io,
    net::{Ipv4Addr, SocketAddr},
    os::fd::AsFd,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream},
    task::{AbortHandle, JoinSet},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

/// Where a server is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// `127.0.0.1:PORT`, or the path of a Unix socket.
    pub address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// A server that stops when this is dropped.
#[derive(Debug)]
pub struct Running {
    pub place: Place,
    counters: Counters,
    task: Option<AbortHandle>,
    path: Option<PathBuf>,
    // Sockets that have to stay open: a bound port nobody listens on, or a full backlog.
    _held: Vec<socket2::Socket>,
    _clients: Vec<TcpStream>,
}

impl Running {
    pub fn counts(&self) -> Counts {
        snapshot(&self.counters)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.iter().for_each(AbortHandle::abort);
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What a script listens on.
enum Bound {
    Connections(Listener),
    Queries(UdpSocket),
    /// Whoever connects gets no answer of ours.
    Nobody,
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

struct Setup {
    script: Script,
    tls: Option<Arc<ServerConfig>>,
    counters: Counters,
    services: Services,
}

/// `directory` holds Unix sockets; `name` is the server's, unique in this process.
pub async fn start(
    script: Script,
    certificates: &Certificates,
    directory: &std::path::Path,
    name: &str,
) -> Result<Running> {
    let counters = Counters::default();
    let mut running = Running {
        place: Place::default(),
        counters: counters.clone(),
        task: None,
        path: None,
        _held: vec![],
        _clients: vec![],
    };
    let listener = match bind(&script, &mut running, directory.join(name)).await? {
        Bound::Connections(listener) => listener,
        Bound::Queries(socket) => {
            running.task = Some(tokio::spawn(dns::serve(socket, script.dns)).abort_handle());
            return Ok(running);
        }
        Bound::Nobody => return Ok(running),
    };
    let tls = script.tls.as_ref().map(|tls| certificates.server_config(tls)).transpose()?;
    let services = Services::new(&script.testbed, counters.clone())?;
    let setup = Arc::new(Setup { script, tls, counters, services });
    running.task = Some(tokio::spawn(accept(listener, setup)).abort_handle());
    Ok(running)
}

async fn bind(script: &Script, running: &mut Running, path: PathBuf) -> Result<Bound> {
    match script.listen {
        Listen::Tcp => {
            let listener = TcpListener::bind(script.at.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))).await?;
            running.place = place(listener.local_addr()?);
            Ok(Bound::Connections(Listener::Tcp(listener)))
        }
        Listen::Dns => {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            running.place = place(socket.local_addr()?);
            Ok(Bound::Queries(socket))
        }
        Listen::Unix => {
            // A run that was killed leaves its socket behind.
            let _ = std::fs::remove_file(&path);
            let listener = UnixListener::bind(&path)?;
            running.place.address = path.display().to_string();
            running.path = Some(path);
            Ok(Bound::Connections(Listener::Unix(listener)))
        }
        Listen::MissingUnix => {
            running.place.address = path.display().to_string();
            Ok(Bound::Nobody)
        }
        Listen::Refused => {
            running.place = place(hold(running, None)?);
            Ok(Bound::Nobody)
        }
        Listen::Blackhole => {
            let address = hold(running, Some(0))?;
            running.place = place(address);
            fill_backlog(running, address).await?;
            Ok(Bound::Nobody)
        }
    }
}

fn place(address: SocketAddr) -> Place {
    Place { address: address.to_string(), port: Some(address.port()) }
}

/// Takes a port; listens only with a backlog.
fn hold(running: &mut Running, backlog: Option<i32>) -> Result<SocketAddr> {
    let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SockAddr::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))?;
    if let Some(backlog) = backlog {
        socket.listen(backlog)?;
    }
    let address = socket.local_addr()?.as_socket().ok_or("not an IP address")?;
    running._held.push(socket);
    Ok(address)
}

/// Connects until one attempt stays unanswered, which shows that the next one will, too.
async fn fill_backlog(running: &mut Running, address: SocketAddr) -> Result<()> {
    for _ in 0..8 {
        match timeout(Duration::from_millis(50), TcpStream::connect(address)).await {
            Ok(stream) => running._clients.push(stream?),
            Err(_) => return Ok(()),
        }
    }
    Err("the backlog does not fill".into())
}

async fn accept(listener: Listener, setup: Arc<Setup>) {
    // Dropped with this task, which ends every connection.
    let mut connections = JoinSet::new();
    for number in 0.. {
        let accepted = match &listener {
            Listener::Tcp(listener) => listener.accept().await.map(|(stream, _)| Transport::Tcp(stream)),
            Listener::Unix(listener) => listener.accept().await.map(|(stream, _)| Transport::Unix(stream)),
        };
        match accepted {
            Ok(transport) => {
                connections.spawn(connection(transport, setup.clone(), number));
            }
            // Out of descriptors, or a client that is gone already: the next one may do better.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Transport {
    fn split(self) -> io::Result<(Box<dyn Io>, Socket)> {
        match self {
            Transport::Tcp(stream) => {
                stream.set_nodelay(true)?;
                let socket = Socket(Some(stream.as_fd().try_clone_to_owned()?));
                Ok((Box::new(stream), socket))
            }
            Transport::Unix(stream) => Ok((Box::new(stream), Socket(None))),
        }
    }
}

async fn connection(transport: Transport, setup: Arc<Setup>, number: usize) -> io::Result<()> {
    let (io, socket) = transport.split()?;
    let io = match &setup.tls {
        None => Counted::new(io, setup.counters.clone()),
        Some(config) => handshake(io, config.clone(), &setup).await?,
    };
    let lists = &setup.script.connections;
    match lists.get(number).or(lists.last()).map(Vec::as_slice) {
        None | Some([Step::Testbed, ..]) => {
            // The dup would keep the connection open after the gRPC server has closed it.
            drop(socket);
            setup.services.serve(io, pending()).await
        }
        Some(steps) => play(io, socket, steps).await,
    }
}

async fn handshake(io: Box<dyn Io>, config: Arc<ServerConfig>, setup: &Setup) -> io::Result<Counted> {
    match TlsAcceptor::from(config).accept(io).into_fallible().await {
        Ok(stream) => {
            let client_certificate = stream.get_ref().1.peer_certificates().is_some();
            let mut counted = Counted::new(Box::new(stream), setup.counters.clone());
            (counted.tls, counted.client_certificate) = (true, client_certificate);
            Ok(counted)
        }
        Err((error, mut io)) => {
            // The alert has to arrive: a close with unread bytes would be a reset, which throws it away.
            io.shutdown().await?;
            let mut rest = [0; 1024];
            let drained = async { while io.read(&mut rest).await.is_ok_and(|n| n > 0) {} };
            let _ = timeout(Duration::from_secs(2), drained).await;
            Err(error)
        }
    }
}
