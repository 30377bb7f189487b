//! A server on loopback for the tests of this module and of those above it.
use crate::{
    failure::Evidence,
    options::{BackoffOptions, PlantedPanic},
    rt::{Handle, JoinHandle},
    subchannel::{Fleet, Setup, Signal},
    transport::{Address, Connection, DialSpec, Limits, dial},
};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc::UnboundedSender, watch},
};

/// Speaks HTTP/2 and answers nothing. Dropping it frees the port and breaks its connections.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    drain: watch::Sender<usize>,
    tasks: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

pub(crate) fn rt() -> Handle {
    Handle::current_or_own().unwrap()
}

/// A port of loopback where nothing listens.
pub(crate) async fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

impl Server {
    pub(crate) async fn start() -> Server {
        Server::at("127.0.0.1:0".parse().unwrap()).await
    }

    pub(crate) async fn at(address: SocketAddr) -> Server {
        Server::limited(address, None).await
    }

    /// Allows so many streams on each connection.
    pub(crate) async fn limited(address: SocketAddr, streams: Option<u32>) -> Server {
        let listener = TcpListener::bind(address).await.unwrap();
        let server = Server {
            address: listener.local_addr().unwrap(),
            accepted: Arc::default(),
            drain: watch::Sender::new(0),
            tasks: Arc::default(),
        };
        let (accepted, drain, tasks) = (server.accepted.clone(), server.drain.clone(), server.tasks.clone());
        let accept = rt().spawn("test.server", async move {
            while let Ok((socket, _)) = listener.accept().await {
                accepted.fetch_add(1, SeqCst);
                let task = rt().spawn("test.server.connection", serve(socket, streams, drain.subscribe()));
                tasks.lock().unwrap().push(task);
            }
        });
        server.tasks.lock().unwrap().insert(0, accept);
        server
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(SeqCst)
    }

    /// Frees the port; the connections stay.
    pub(crate) fn stop_listening(&self) {
        self.tasks.lock().unwrap()[0].abort();
    }

    /// Sends GOAWAY on all connections.
    pub(crate) fn drain(&self) {
        self.drain.send_modify(|times| *times += 1);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.lock().unwrap().iter().for_each(JoinHandle::abort);
    }
}

async fn serve(socket: TcpStream, limit: Option<u32>, mut drain: watch::Receiver<usize>) {
    let mut builder = h2::server::Builder::new();
    limit.map(|limit| builder.max_concurrent_streams(limit));
    let Ok(mut connection) = builder.handshake::<_, bytes::Bytes>(socket).await else { return };
    let mut streams = Vec::new();
    loop {
        tokio::select! {
            accepted = connection.accept() => match accepted {
                Some(Ok(stream)) => streams.push(stream),
                _ => return,
            },
            Ok(()) = drain.changed() => connection.graceful_shutdown(),
        }
    }
}

/// Accepts, notes the time and closes.
pub(crate) async fn slammed_door() -> (SocketAddr, Arc<Mutex<Vec<tokio::time::Instant>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, times) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<_>>>::default());
    let seen = times.clone();
    rt().spawn("test.door", async move {
        while let Ok((socket, _)) = listener.accept().await {
            seen.lock().unwrap().push(crate::clock::now());
            drop(socket);
        }
    });
    (address, times)
}

/// A connection to a server, moved by a task of its own.
pub(crate) async fn connection(server: &Server) -> Connection {
    let spec = DialSpec {
        address: Address::Tcp(server.address),
        authority: "test".into(),
        tls: None,
        timeout: Duration::from_secs(5),
        limits: Limits::default(),
        keepalive: None,
        planted: PlantedPanic::default(),
    };
    let (connection, driver) = dial(&spec).await.unwrap();
    rt().spawn("test.driver", driver);
    connection
}

pub(crate) fn setup(signals: UnboundedSender<Signal>) -> Arc<Setup> {
    Arc::new(Setup {
        rt: rt(),
        target: "test".into(),
        authority: "test".into(),
        tls: None,
        connect_timeout: Duration::from_secs(20),
        limits: Limits::default(),
        keepalive: Mutex::new(None),
        backoff: BackoffOptions::default(),
        reconnect_window: Duration::ZERO,
        most_connections: Arc::new(AtomicU32::new(1)),
        signals,
        fleet: Arc::<Fleet>::default(),
        planted: PlantedPanic::default(),
    })
}

/// What a dial to a dead address sees.
pub(crate) fn refused(address: &str) -> Evidence {
    Evidence::Connect { address: address.to_owned(), errno: Some(111), waited: Duration::ZERO }
}
