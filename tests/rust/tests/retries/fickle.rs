//! A server that counts what it executed and, by a seeded die, refuses requests or kills the connection at any point of
//! one.
use bytes::Bytes;
use h2::{Reason, RecvStream, server::SendResponse};
use http::{HeaderMap, Request, Response};
use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    Served,
    /// RST_STREAM(REFUSED_STREAM) before anything is read.
    Refused,
    /// Served, and GOAWAY after it.
    ServedAndDrained,
    KilledBeforeTheBody,
    KilledInTheBody,
    KilledBeforeTheResponse,
    KilledAfterTheHeaders,
    KilledAfterTheMessage,
}

/// One request in this many is not simply served; each of the other fates is as likely as any other.
const ODD_ONE_IN: usize = 24;
const ODD: [Fate; 7] = [
    Fate::Refused,
    Fate::ServedAndDrained,
    Fate::KilledBeforeTheBody,
    Fate::KilledInTheBody,
    Fate::KilledBeforeTheResponse,
    Fate::KilledAfterTheHeaders,
    Fate::KilledAfterTheMessage,
];

#[derive(Debug)]
struct Shared {
    dice: fastrand::Rng,
    executions: HashMap<u64, u32>,
    fates: BTreeMap<Fate, u32>,
}

#[derive(Clone, Debug)]
pub(crate) struct Fickle {
    pub(crate) address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

impl Fickle {
    /// Serves until the test's runtime ends.
    pub(crate) async fn start(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dice = fastrand::Rng::with_seed(seed);
        let shared = Shared { dice, executions: HashMap::new(), fates: BTreeMap::new() };
        let fickle = Fickle { address: listener.local_addr().unwrap(), shared: Arc::new(Mutex::new(shared)) };
        let server = fickle.clone();
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                tokio::spawn(server.clone().connection(socket));
            }
        });
        fickle
    }

    /// How often the request with this number was executed.
    pub(crate) fn executions(&self, id: u64) -> u32 {
        self.shared.lock().unwrap().executions.get(&id).copied().unwrap_or(0)
    }

    pub(crate) fn fates(&self) -> BTreeMap<Fate, u32> {
        self.shared.lock().unwrap().fates.clone()
    }

    async fn connection(self, socket: TcpStream) {
        let Ok(mut connection) = h2::server::handshake(socket).await else { return };
        let (killed, mut handlers) = (Arc::new(Notify::new()), JoinSet::new());
        loop {
            let accepted = tokio::select! {
                biased;
                accepted = connection.accept() => accepted,
                () = killed.notified() => return,
            };
            let Some(Ok((request, respond))) = accepted else { return };
            let fate = self.roll();
            if fate == Fate::ServedAndDrained {
                connection.graceful_shutdown();
            }
            let (server, killed) = (self.clone(), killed.clone());
            handlers.spawn(async move {
                let _ = server.request(request, respond, fate, &killed).await; // the client has gone
            });
        }
    }

    fn roll(&self) -> Fate {
        let mut shared = self.shared.lock().unwrap();
        let fate = match shared.dice.usize(..ODD_ONE_IN) {
            0 => ODD[shared.dice.usize(..ODD.len())],
            _ => Fate::Served,
        };
        *shared.fates.entry(fate).or_default() += 1;
        fate
    }

    async fn request(
        &self,
        request: Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
        fate: Fate,
        killed: &Notify,
    ) -> Result<(), h2::Error> {
        if fate == Fate::Refused {
            respond.send_reset(Reason::REFUSED_STREAM);
            return Ok(());
        }
        if fate == Fate::KilledBeforeTheBody {
            return kill(killed);
        }
        let mut body = request.into_body();
        let mut read = Vec::new();
        while let Some(data) = body.data().await.transpose()? {
            body.flow_control().release_capacity(data.len())?;
            read.extend_from_slice(&data);
            if fate == Fate::KilledInTheBody {
                return kill(killed);
            }
        }
        let id = u64::from_be_bytes(read[5..13].try_into().unwrap());
        *self.shared.lock().unwrap().executions.entry(id).or_default() += 1;
        if fate == Fate::KilledBeforeTheResponse {
            return kill(killed);
        }
        let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
        let mut send = respond.send_response(head, false)?;
        if fate == Fate::KilledAfterTheHeaders {
            return kill_once_flushed(killed).await;
        }
        send.send_data(Bytes::from_static(&[0; 5]), false)?;
        if fate == Fate::KilledAfterTheMessage {
            return kill_once_flushed(killed).await;
        }
        send.send_trailers(HeaderMap::from_iter([("grpc-status".parse().unwrap(), 0.into())]))
    }
}

fn kill(killed: &Notify) -> Result<(), h2::Error> {
    killed.notify_one();
    Ok(())
}

/// A turn for the connection, so that what was answered is on its way.
async fn kill_once_flushed(killed: &Notify) -> Result<(), h2::Error> {
    tokio::time::sleep(Duration::from_millis(1)).await;
    kill(killed)
}
