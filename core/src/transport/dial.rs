use super::{
    Address, Connection, DialFailed, DialPhase, DialSpec, DialTimings, Driver, Limits, fault,
    framing::Framed,
    io::{Io, Socket},
    keepalive::{Pinger, kernel},
    state::State,
    tap::Tap,
    tls,
};
use crate::{
    clock::{self, Instant},
    failure::evidence::{Evidence, ProxyProblem},
};
use h2::client::{self, Builder, SendRequest};
use std::{future::poll_fn, io, pin::Pin, sync::Arc, task::Poll, time::Duration};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout_at,
};

const STREAM_WINDOW: u32 = 4 << 20;
/// The stream windows are the bound: with a smaller one, readers that pause stop everybody else on the connection.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
/// Halves the cost of large messages; with much larger ones h2 waits for megabytes of what is no HTTP/2.
const MAX_FRAME: u32 = 256 << 10;
/// Above our own limit, because h2 answers an excess with an ambiguous error, and four times it kills the connection.
const MIN_HEADER_LIST: u32 = 1 << 20;
const SEND_BUFFER: usize = 1 << 20;

#[cfg(test)]
/// Connects, and returns when the peer's SETTINGS are applied.
///
/// # Errors
/// The phase that failed and what was seen.
pub(crate) async fn dial(spec: &DialSpec) -> Result<(Connection, Driver), Box<DialFailed>> {
    dial_observed(spec, |_| ()).await
}

/// The same; `entered` hears each phase as it begins, so that who waits can tell what for.
///
/// # Errors
/// See [`dial`].
pub(crate) async fn dial_observed(
    spec: &DialSpec,
    entered: impl Fn(DialPhase),
) -> Result<(Connection, Driver), Box<DialFailed>> {
    let first = spec.address.first_phase();
    entered(first);
    let mut progress = Progress::new(spec.timeout);
    let address: Arc<str> = spec.address.to_string().into();
    let material = match &spec.tls {
        Some(source) => Some(source.material().map_err(|evidence| progress.failed(DialPhase::Tls, *evidence))?),
        None => None,
    };
    let connecting = async {
        match &spec.address {
            Address::Tunnel(tunnel) => Ok(tunnel.open(spec.user_timeout()).await.map(Socket::from)),
            address => connect(address, spec.user_timeout()).await.map(Ok),
        }
    };
    let socket = match timeout_at(progress.deadline, connecting).await {
        Ok(Ok(Ok(socket))) => socket,
        Ok(Ok(Err(evidence))) => return Err(progress.failed(DialPhase::Proxy, evidence)),
        // A reset after the handshake, seen before anything else was asked of the socket.
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
            progress.done(DialPhase::Connect);
            let evidence = Evidence::ClosedEarly { address: address.to_string(), errno: error.raw_os_error() };
            return Err(progress.failed(DialPhase::Settings, evidence));
        }
        Ok(Err(error)) => {
            return Err(progress.failed_by(DialPhase::Connect, |waited| refused(&address, &error, waited)));
        }
        Err(_) => {
            let evidence = |waited| match &spec.address {
                Address::Tunnel(tunnel) => tunnel.proxy.evidence(ProxyProblem::Timeout, None),
                _ => Evidence::Connect { address: address.to_string(), errno: None, waited },
            };
            return Err(progress.failed_by(first, evidence));
        }
    };
    progress.done(first);
    let (io, facts) = match material {
        None => (Io::Plain(socket), None),
        Some(material) => {
            entered(DialPhase::Tls);
            let (stream, facts) = tls::handshake(socket, &material, &spec.authority, &address, progress.deadline)
                .await
                .map_err(|evidence| progress.failed(DialPhase::Tls, *evidence))?;
            progress.done(DialPhase::Tls);
            (Io::Tls(Box::new(stream)), Some(facts))
        }
    };
    entered(DialPhase::Settings);
    settings(io, spec, address, facts, progress).await
}

/// The last phase, on any transport.
pub(super) async fn settings<T: AsyncRead + AsyncWrite + Unpin>(
    io: T,
    spec: &DialSpec,
    address: Arc<str>,
    tls: Option<Arc<tls::Facts>>,
    mut progress: Progress,
) -> Result<(Connection, Driver<T>), Box<DialFailed>> {
    let (tap, wire) = Tap::new(io, tls.as_ref().map(|tls| tls.wire().clone()));
    let builder = builder(&spec.limits);
    let opening = async {
        let (send, mut connection) = builder.handshake(tap).await.map_err(Some)?;
        // Pending after SETTINGS were seen means that h2 has applied them; a watch on the read could not tell.
        poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
            Poll::Ready(end) => Poll::Ready(Err(end.err())),
            Poll::Pending if wire.changes() > 0 && wire.seen().settings.is_some() => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        })
        .await?;
        Ok::<_, Option<h2::Error>>((send, connection))
    };
    let (send, mut connection): Opened<T> = match timeout_at(progress.deadline, opening).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => {
            let evidence = fault::of_settings(&wire, error.as_ref(), &address, tls.as_deref());
            return Err(progress.failed(DialPhase::Settings, evidence));
        }
        Err(_) => {
            let first = wire.seen().first_bytes;
            return Err(progress.failed_by(DialPhase::Settings, |waited| match first.is_empty() {
                true => Evidence::NoSettings { address: address.to_string(), waited },
                false => Evidence::NotHttp2 { address: address.to_string(), speaks: super::tap::speaks(&first) },
            }));
        }
    };
    progress.done(DialPhase::Settings);
    let pinger = spec.keepalive.and_then(|rule| Some(Pinger::new(rule, connection.ping_pong()?)));
    let (via_proxy, limits, keepalive) = (spec.address.via_proxy(), spec.limits, spec.keepalive);
    let state = Arc::new(State::new(wire, address, via_proxy, tls, limits, keepalive, progress.timings));
    if let Some(settings) = &state.wire.seen().settings {
        state.apply(settings);
    }
    let driver = Driver::new(connection, state.clone(), pinger, spec.planted.clone());
    Ok((Connection::new(send, state), driver))
}

type Opened<T> = (SendRequest<Framed>, client::Connection<Tap<T>, Framed>);

async fn connect(address: &Address, user_timeout: Duration) -> io::Result<Socket> {
    match address {
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            // These fail where the peer has already reset the connection, which the next read tells better.
            let _ = stream.set_nodelay(true);
            let _ = kernel::watch(&stream, user_timeout);
            Ok(stream.into())
        }
        #[cfg(unix)]
        Address::Unix(path) => Ok(UnixStream::connect(path).await?.into()),
        #[cfg(not(unix))]
        Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        Address::Tunnel(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

fn refused(address: &str, error: &io::Error, waited: Duration) -> Evidence {
    match error.raw_os_error() {
        Some(errno) => Evidence::Connect { address: address.to_owned(), errno: Some(errno), waited },
        // Refused before the kernel was asked, as a path too long for a socket is.
        None => Evidence::Target { target: address.into(), reason: "is not a usable socket address".into() },
    }
}

fn builder(limits: &Limits) -> Builder {
    let header_list = u32::try_from(limits.max_metadata_bytes.saturating_mul(2)).unwrap_or(u32::MAX);
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME)
        .max_header_list_size(header_list.max(MIN_HEADER_LIST))
        .max_send_buffer_size(SEND_BUFFER)
        // With h2's default a slow reader of small messages kills the connection.
        .data_frame_budget(usize::MAX)
        // With h2's default the 1025th late answer to a cancelled call kills it.
        .max_local_error_reset_streams(None)
        .max_concurrent_reset_streams(1000)
        .reset_stream_duration(Duration::from_secs(10));
    builder
}

/// The clock of one dial.
#[derive(Debug)]
pub(super) struct Progress {
    deadline: Instant,
    since: Instant,
    timings: DialTimings,
}

impl Progress {
    pub(super) fn new(timeout: Duration) -> Progress {
        let since = clock::now();
        // A timeout beyond the clock's range is none: a year is as good.
        let deadline = since.checked_add(timeout).unwrap_or_else(|| since + Duration::from_secs(31_536_000));
        Progress { deadline, since, timings: DialTimings::default() }
    }

    fn done(&mut self, phase: DialPhase) -> Duration {
        let now = clock::now();
        let took = now.saturating_duration_since(self.since);
        self.timings.add(phase, took);
        self.since = now;
        took
    }

    fn failed(&mut self, phase: DialPhase, evidence: Evidence) -> Box<DialFailed> {
        self.failed_by(phase, |_| evidence)
    }

    fn failed_by(&mut self, phase: DialPhase, evidence: impl FnOnce(Duration) -> Evidence) -> Box<DialFailed> {
        let took = self.done(phase);
        Box::new(DialFailed { evidence: evidence(took), phase, timings: self.timings })
    }
}
