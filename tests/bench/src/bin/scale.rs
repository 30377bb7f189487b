//! `causewire-bench-scale ADDRESS SCENARIO`: many of everything through the public channel. Prints lines of JSON, and
//! fails where something has no bound. A scenario has a process of its own, so that memory is its own.
use bytes::Bytes;
use causewire::{Call, Channel, ChannelOptions, Kind, Metadata, Request};
use causewire_bench::{
    BIDI, DEADLINE, METADATA, Result, SERVER_STREAM, UNARY,
    cell::{message, wish},
    dead_addresses,
    meter::resident,
};
use futures_util::future::try_join_all;
use std::time::{Duration, Instant};
use tokio::{runtime::Builder, time::interval};

const MANY: usize = 10_000;
const CHANNELS: usize = 1000;
const DEAD: usize = 1000;
const BULK_MESSAGE: u32 = 64 << 10;
/// Of 64 KiB: 1 GiB.
const BULK_MESSAGES: u32 = 16 << 10;
/// What a slow reader takes per millisecond.
const SLOW_MESSAGES: usize = 4;
/// A stream's window, what is delivered and unread, and what the allocator keeps of it.
const SLOW_READER_BYTES: u64 = 24 << 20;
const CALL_BYTES: u64 = 32 << 10;
const STREAM_BYTES: u64 = 16 << 10;
const CHANNEL_BYTES: u64 = 100 << 10;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [address, scenario] = &arguments[..] else { return Err("ADDRESS SCENARIO".into()) };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match scenario.as_str() {
            "calls" => calls(address).await,
            "streams" => streams(address).await,
            "channels" => channels(address).await,
            "slow_reader" => slow_reader(address).await,
            "beside_bulk" => beside_bulk(address).await,
            "outage" => outage().await,
            _ => Err(format!("there is no scenario {scenario}").into()),
        }
    })
}

fn open(address: &str) -> Result<Channel> {
    let options = ChannelOptions { tls: None, ..ChannelOptions::default() };
    Ok(Channel::builder(address).options(options).build()?)
}

fn request<T>(message: T) -> Result<Request<T>> {
    let mut metadata = Metadata::new();
    for (key, value) in METADATA {
        metadata.append(key, value.as_bytes()).map_err(|fault| format!("{fault:?}"))?;
    }
    Ok(Request::new(message).metadata(metadata).timeout(DEADLINE))
}

/// The latency of one call.
async fn call(channel: &Channel) -> Result<f64> {
    let started = Instant::now();
    channel.unary_bytes(UNARY, request(message(100))?).await?;
    Ok(started.elapsed().as_secs_f64())
}

/// Three waves of calls that all begin at once: what the first has grown is enough for the others.
async fn calls(address: &str) -> Result<()> {
    let channel = open(address)?;
    call(&channel).await?;
    let before = memory(false)?;
    let mut latencies = Vec::new();
    let started = Instant::now();
    let mut first = 0;
    for wave in 0..3 {
        let channel = &channel;
        latencies.extend(try_join_all((0..MANY).map(|_| call(channel))).await?);
        if wave == 0 {
            first = memory(true)?;
        }
    }
    let last = memory(true)?;
    let each = (last.saturating_sub(before)) / MANY as u64;
    let rate = (3 * MANY) as f64 / started.elapsed().as_secs_f64();
    figure(
        "10,000 unary calls at once on one channel, three times",
        &format!("{rate:.0} calls/s, {}", times(latencies)),
    );
    figure("… peak memory per call in flight", &kib(each));
    bound("peak memory per call", each, CALL_BYTES)?;
    bound("growth after the first wave", last - first, before.max(last / 4))
}

async fn streams(address: &str) -> Result<()> {
    let channel = open(address)?;
    let mut open = vec![stream(&channel).await?];
    let before = memory(false)?;
    let started = Instant::now();
    for _ in 0..MANY {
        open.push(stream(&channel).await?);
    }
    let each = (memory(false)? - before) / MANY as u64;
    let opened = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let mut latencies = Vec::new();
    for call in &mut open {
        let started = Instant::now();
        turn(call).await?;
        latencies.push(started.elapsed().as_secs_f64());
    }
    let turned = started.elapsed().as_secs_f64();
    figure(
        "10,000 open streams on one channel",
        &format!("opened in {opened:.2} s, a turn on each in {turned:.2} s, {}", times(latencies)),
    );
    figure("… memory per stream", &kib(each));
    bound("memory per stream", each, STREAM_BYTES)?;
    bound("streams of the channel", channel.stats().streams as u64, MANY as u64 + 1)
}

async fn stream(channel: &Channel) -> Result<Call<(), ()>> {
    let mut call = channel.start(BIDI, Kind::Bidi, request(None)?)?;
    turn(&mut call).await?;
    Ok(call)
}

async fn turn(call: &mut Call<(), ()>) -> Result<Bytes> {
    call.send_bytes(message(100)).await?;
    call.message_bytes().await?.ok_or_else(|| "the stream ended".into())
}

async fn channels(address: &str) -> Result<()> {
    let mut channels = vec![open(address)?];
    call(&channels[0]).await?;
    let before = memory(false)?;
    let started = Instant::now();
    for _ in 0..CHANNELS {
        let channel = open(address)?;
        call(&channel).await?;
        channels.push(channel);
    }
    let each = (memory(false)? - before) / CHANNELS as u64;
    let opened = started.elapsed().as_secs_f64();
    let latencies = try_join_all(channels.iter().map(call)).await?;
    figure(
        "1,000 channels in one process",
        &format!("each connected and used in {opened:.2} s; a call on all at once: {}", times(latencies)),
    );
    figure("… memory per channel", &kib(each));
    bound("memory per channel", each, CHANNEL_BYTES)
}

async fn slow_reader(address: &str) -> Result<()> {
    let channel = open(address)?;
    call(&channel).await?;
    let before = memory(false)?;
    let mut pace = interval(Duration::from_millis(1));
    let mut bulk = bulk(&channel)?;
    let (mut received, mut latencies) = (0, Vec::new());
    let started = Instant::now();
    'reading: loop {
        pace.tick().await;
        for _ in 0..SLOW_MESSAGES {
            let Some(message) = bulk.message_bytes().await? else { break 'reading };
            received += message.len() as u64;
        }
        if received % (16 << 20) == 0 {
            latencies.push(call(&channel).await?);
        }
    }
    let grown = memory(true)?.saturating_sub(before);
    let rate = received as f64 / started.elapsed().as_secs_f64() / 1e6;
    figure("1 GiB streamed to a slow reader", &format!("{rate:.0} MB/s; small calls beside it: {}", times(latencies)));
    figure("… peak growth of memory", &kib(grown));
    bound("bytes of the stream", (1 << 30) - received, 0)?;
    bound("memory of a slow reader", grown, SLOW_READER_BYTES)
}

/// Small calls while another task reads as fast as it can.
async fn beside_bulk(address: &str) -> Result<()> {
    let channel = open(address)?;
    let mut alone = Vec::new();
    for _ in 0..2000 {
        alone.push(call(&channel).await?);
    }
    let mut bulk = bulk(&channel)?;
    let reader = tokio::spawn(async move {
        let mut received = 0;
        while let Ok(Some(message)) = bulk.message_bytes().await {
            received += message.len() as u64;
        }
        received
    });
    let started = Instant::now();
    let mut beside = Vec::new();
    while !reader.is_finished() {
        beside.push(call(&channel).await?);
    }
    let rate = reader.await? as f64 / started.elapsed().as_secs_f64() / 1e6;
    let worst = beside.iter().copied().fold(0.0, f64::max);
    let count = beside.len();
    figure("A small call, alone on its channel", &times(alone));
    figure(&format!("… beside a bulk stream of {rate:.0} MB/s ({count} calls)"), &times(beside));
    bound("milliseconds of the slowest call beside a bulk stream", (worst * 1e3) as u64, 1000)
}

/// Calls that fail at once, while none of a thousand addresses can be connected to.
async fn outage() -> Result<()> {
    let channel = open(&dead_addresses(DEAD))?;
    let started = Instant::now();
    let mut told = 0;
    while told < DEAD {
        told = failing(&channel).await?;
    }
    let known = started.elapsed().as_secs_f64();
    let started = Instant::now();
    for _ in 0..MANY {
        failing(&channel).await?;
    }
    let rate = MANY as f64 / started.elapsed().as_secs_f64();
    figure(
        "Calls that fail at once while 1,000 addresses are down",
        &format!("{rate:.0} calls/s, each with all addresses in its failure; known after {known:.2} s"),
    );
    bound("microseconds of a failing call", (1e6 / rate) as u64, 1000)
}

/// How many addresses the failure of a call tells of.
async fn failing(channel: &Channel) -> Result<usize> {
    match channel.unary_bytes(UNARY, request(message(100))?).await {
        Err(error) => Ok(error.failure().record().attempts.len()),
        Ok(_) => Err("somebody listens".into()),
    }
}

fn bulk(channel: &Channel) -> Result<Call<(), ()>> {
    let request = request(Some(wish(BULK_MESSAGES, BULK_MESSAGE)))?;
    Ok(channel.start(SERVER_STREAM, Kind::ServerStreaming, request)?)
}

fn figure(name: &str, value: &str) {
    println!("{}", serde_json::json!({ "name": name, "value": value }));
}

fn bound(what: &str, value: u64, most: u64) -> Result<()> {
    if value <= most { Ok(()) } else { Err(format!("{what}: {value}, at most {most}").into()) }
}

fn times(mut seconds: Vec<f64>) -> String {
    seconds.sort_by(f64::total_cmp);
    let share = |share: f64| seconds.get(((seconds.len().max(1) - 1) as f64 * share) as usize).copied().unwrap_or(0.0);
    format!("p50 {:.2} ms, p99 {:.2} ms, slowest {:.2} ms", share(0.5) * 1e3, share(0.99) * 1e3, share(1.0) * 1e3)
}

fn kib(bytes: u64) -> String {
    format!("{:.1} KiB", bytes as f64 / 1024.0)
}

/// Bytes that the process holds, now or at the most so far.
fn memory(peak: bool) -> Result<u64> {
    if !peak {
        return resident().ok_or_else(|| "needs /proc".into());
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? << 10)
}
