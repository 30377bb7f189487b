//! Hundreds of clients lose their server at the same moment. It must not meet them all at once when it is back.
use crate::{
    Result, ensure,
    load::echo,
    resources::{allow_descriptors, backlog},
};
use bytes::Bytes;
use causewire::{
    Channel, ChannelOptions, Request,
    options::{BackoffOptions, CallOptions},
};
use causewire_testbed::{
    backend::stand,
    counted::{Counters, snapshot},
    script::Testbed,
};
use std::{
    collections::VecDeque,
    future::pending,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpSocket},
    task::{JoinHandle, JoinSet},
    time::{Instant, interval, sleep, timeout},
};

const CHANNELS: u64 = 500;
const SHARE: Duration = Duration::from_millis(100);
/// Per share of time.
const LOOKS: u32 = 10;
/// The server is away for so long.
const AWAY: Duration = Duration::from_millis(500);
/// Within which all have to be back: a window, and the wait after an attempt that came too early. A connection attempt that
/// finds nobody who accepts it ends after 20 s.
const BACK: Duration = Duration::from_secs(19);

pub(crate) async fn run() -> Result {
    allow_descriptors()?;
    let still = BackoffOptions { jitter: 0.0, ..BackoffOptions::default() };
    // One after the other: each is to have the machine for itself.
    let window = storm("window of 10 s", ChannelOptions { reconnect_window_ms: 10_000, ..plain() }).await?;
    let jitter = storm("jitter alone", plain()).await?;
    let none = storm("neither", ChannelOptions { backoff: still, ..plain() }).await?;
    ensure!(window * 20 <= CHANNELS, "with a window {window} of {CHANNELS} channels came within {SHARE:?}");
    ensure!(
        none * 2 >= CHANNELS,
        "without jitter only {none} of {CHANNELS} came within {SHARE:?}: this test shows nothing"
    );
    ensure!(jitter < none, "jitter changes nothing: {jitter} and {none}");
    Ok(())
}

fn plain() -> ChannelOptions {
    ChannelOptions { tls: None, ..ChannelOptions::default() }
}

/// The most connections that came within a share of a second once the server was back.
async fn storm(name: &str, options: ChannelOptions) -> Result<u64> {
    let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    let (server, counters) = serve(listener);
    let mut clients = JoinSet::new();
    for _ in 0..CHANNELS {
        let channel = Channel::builder(address.to_string()).options(options.clone()).build()?;
        clients.spawn(stay_connected(channel));
    }
    until_all(&counters).await?;
    server.abort();
    let _ = server.await;
    sleep(AWAY).await;

    // Counted as they come to the kernel: how fast this machine is in accepting them is not the question.
    let listener = listen(address)?;
    let (peak, took) = peak(&listener).await?;
    let (server, counters) = serve(listener);
    until_all(&counters).await?;
    println!(
        "storm: {CHANNELS} channels, {name}: at most {peak} ({:.1} %) within {} ms, all back after {:.1} s",
        peak as f64 * 100.0 / CHANNELS as f64,
        SHARE.as_millis(),
        took.as_secs_f64(),
    );
    server.abort();
    clients.shutdown().await;
    Ok(peak)
}

async fn peak(listener: &TcpListener) -> Result<(u64, Duration)> {
    let (started, mut peak, mut seen) = (Instant::now(), 0, VecDeque::from([0]));
    let mut looks = interval(SHARE / LOOKS);
    while seen.back().is_none_or(|last| *last < CHANNELS) {
        looks.tick().await;
        let now = backlog(listener)?;
        ensure!(started.elapsed() < BACK, "{now} of {CHANNELS} channels are back after {BACK:?}");
        // Of the last share, wherever it begins: a grid would cut a storm in two.
        let before = if seen.len() < LOOKS as usize { 0 } else { seen.pop_front().unwrap_or(0) };
        peak = peak.max(now - before);
        seen.push_back(now);
    }
    Ok((peak, started.elapsed()))
}

/// With room in the queue for all of them.
fn listen(address: SocketAddr) -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket.listen(2 * CHANNELS as u32)?)
}

fn serve(listener: TcpListener) -> (JoinHandle<()>, Counters) {
    let counters = Counters::default();
    let counted = counters.clone();
    let server = tokio::spawn(async move {
        let _ = stand(listener, &Testbed::default(), counted, pending()).await;
    });
    (server, counters)
}

async fn until_all(counters: &Counters) -> Result {
    let all = async {
        while snapshot(counters).open_connections < CHANNELS {
            sleep(SHARE).await;
        }
    };
    timeout(BACK, all).await.map_err(|_| "not all channels connect".into())
}

/// A call that the server answers in an hour, and another one when it fails.
async fn stay_connected(channel: Channel) {
    loop {
        let mut request: Request<Bytes> = Request::new(echo(3_600_000));
        request.options = CallOptions { wait_for_ready: Some(true), ..CallOptions::default() };
        let _ = channel.unary_bytes("/causewire.testbed.v1.Testbed/Echo", request).await;
    }
}
