//! Servers, paths and names fail at random, by a seed. Calls may fail meanwhile; nothing may be late, and nothing may stay.
use crate::{
    Result,
    backend::Backend,
    ensure,
    load::echo,
    names::Names,
    relay::{Path, Relay},
    resources::{allow_descriptors, resident, sockets},
    tally::Tally,
};
use causewire::{
    Channel, ChannelOptions, Kind, Request, RpcError,
    options::{CallOptions, DnsOptions, KeepaliveOptions},
};
use fastrand::Rng;
use serde_json::json;
use std::{
    collections::BTreeMap,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    net::TcpListener,
    runtime::Handle,
    sync::watch,
    task::JoinSet,
    time::{Instant, interval, sleep, sleep_until, timeout},
};

const HOSTS: [Ipv4Addr; 3] = [Ipv4Addr::new(127, 0, 0, 21), Ipv4Addr::new(127, 0, 0, 22), Ipv4Addr::new(127, 0, 0, 23)];
/// Of a policy each.
const CHANNELS: usize = 4;
/// Of each channel, at a time.
const CALLERS: usize = 8;
const SHORTEST_DEADLINE_MS: u64 = 1000;
const LONGEST_DEADLINE_MS: u64 = 3000;
/// In percent of the deadline.
const LATE: u64 = 10;
/// Of the timer that tells what the machine is worth.
const TICK: Duration = Duration::from_millis(10);
/// Between two messages of a stream.
const PAUSE: Duration = Duration::from_millis(50);
/// By which memory may grow, in percent.
const GROWTH: u64 = 5;
/// In a run of minutes the allocator has settled by the second one. In a shorter one it may grow by this much more.
const SETTLING: u64 = 1 << 20;
const MINUTE: Duration = Duration::from_secs(60);
/// In which what was closed has to be gone.
const GONE: Duration = Duration::from_secs(30);

pub(crate) async fn run(lasts: Duration, seed: u64) -> Result {
    allow_descriptors()?;
    println!("soak: {} s, seed {seed}", lasts.as_secs());
    let mut stage = Stage::build().await?;
    let before = Held::now()?;
    let channels: Vec<_> = (0..CHANNELS).map(|n| stage.channel(n)).collect::<Result<_>>()?;
    let over = watch::Sender::new(false);
    let (callers, mut running) = (Arc::<Callers>::default(), JoinSet::new());
    for (n, channel) in channels.iter().cycle().take(CHANNELS * CALLERS).enumerate() {
        let rng = Rng::with_seed(seed.wrapping_add(1 + n as u64));
        running.spawn(callers.clone().call(channel.clone(), rng, over.subscribe()));
    }
    running.spawn(callers.clone().watch_the_machine(over.subscribe()));
    let memory = tokio::spawn(memory(lasts));
    let events = stage.trouble(lasts, Rng::with_seed(seed), &channels).await?;
    over.send_replace(true);
    while running.join_next().await.is_some() {}
    let grown = memory.await??;

    println!("soak: events: {events:?}");
    println!("soak: calls: {}", callers.tally.counts());
    let (latest, stalled) = (callers.latest.load(Relaxed), callers.stalled.load(Relaxed));
    println!("soak: the latest call ended {latest} % after its deadline, where timers were up to {stalled} ms late");
    for channel in &channels {
        until("a call leaves something behind", || {
            let stats = channel.stats();
            (stats.streams + stats.tasks + stats.buffered_bytes == 0).then_some(()).ok_or_else(|| format!("{stats:?}"))
        })
        .await?;
        channel.close();
    }
    drop(channels);
    until("closed channels leave something behind", || {
        let now = Held::now().map_err(|error| error.to_string())?;
        if now.is_within(before) { Ok(()) } else { Err(format!("{now} after {before}")) }
    })
    .await?;
    println!("soak: tasks and sockets, before and after: {before}, {}", Held::now()?);
    println!("soak: memory: {grown}");
    ensure!(callers.latest.load(Relaxed) <= LATE, "a call outlived its deadline");
    ensure!(callers.tally.counts().ok > 0, "no call succeeded");
    grown.check()
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Kill,
    Drain,
    DeadPath,
    Cut,
    /// Other addresses.
    Names,
    /// No address, for a while.
    NoNames,
    /// The client hears of another network.
    Network,
}

impl Event {
    const ALL: &[Event] =
        &[Event::Kill, Event::Drain, Event::DeadPath, Event::Cut, Event::Names, Event::NoNames, Event::Network];
}

/// The servers, the paths to them, and their name.
struct Stage {
    port: u16,
    servers: Vec<SocketAddr>,
    relays: Vec<Arc<Relay>>,
    names: Arc<Names>,
    backends: Vec<Backend>,
}

impl Stage {
    async fn build() -> Result<Stage> {
        let port = free_port().await?;
        let (mut servers, mut relays, mut backends) = (Vec::new(), Vec::new(), Vec::new());
        for host in HOSTS {
            let server = SocketAddr::from((host, free_port().await?));
            backends.push(Backend::start(server).await?);
            relays.push(Arc::new(Relay::start(SocketAddr::from((host, port)), server).await?));
            servers.push(server);
        }
        let names = Arc::new(Names::start(HOSTS.to_vec()).await?);
        Ok(Stage { port, servers, relays, names, backends })
    }

    fn channel(&self, number: usize) -> Result<Channel> {
        let policy = [
            json!({"round_robin": {}}),
            json!({"pick_first": {}}),
            json!({"least_request": {}}),
            json!({"outlier_detection": {"childPolicy": [{"round_robin": {}}]}}),
        ];
        let options = ChannelOptions {
            tls: None,
            connect_timeout_ms: 2000,
            keepalive: Some(KeepaliveOptions { time_ms: 10_000, timeout_ms: 1000, ..KeepaliveOptions::default() }),
            dns: DnsOptions {
                servers: vec![self.names.address.to_string()],
                min_interval_ms: 1000,
                refresh_ms: 2000,
                ..DnsOptions::default()
            },
            service_config: serde_json::from_value(
                json!({"loadBalancingConfig": [policy.get(number % policy.len()).cloned()]}),
            )?,
            ..ChannelOptions::default()
        };
        Ok(Channel::builder(format!("dns:///servers.test:{}", self.port)).options(options).build()?)
    }

    /// One event after the other; how many of each there were.
    async fn trouble(&mut self, lasts: Duration, mut rng: Rng, channels: &[Channel]) -> Result<BTreeMap<Event, usize>> {
        let (until, mut events) = (Instant::now() + lasts, BTreeMap::new());
        while Instant::now() < until {
            let at = rng.usize(..HOSTS.len());
            let event = *rng.choice(Event::ALL).ok_or("no event")?;
            *events.entry(event).or_default() += 1;
            let wait = Duration::from_millis(rng.u64(..2000));
            match event {
                Event::Kill | Event::Drain => self.replace(at, event, wait).await?,
                Event::DeadPath => {
                    let relay = self.relay(at)?;
                    relay.set(Path::Dead);
                    tokio::spawn(async move {
                        sleep(wait * 5).await;
                        relay.set(Path::Open);
                    });
                }
                Event::Cut => self.relay(at)?.cut(),
                Event::Names => {
                    let mut hosts = HOSTS.to_vec();
                    rng.shuffle(&mut hosts);
                    hosts.truncate(rng.usize(1..=HOSTS.len()));
                    self.names.set(hosts);
                }
                Event::NoNames => self.names.set(Vec::new()),
                Event::Network => rng.choice(channels).ok_or("no channel")?.network_changed(),
            }
            sleep_until(until.min(Instant::now() + Duration::from_millis(300) + wait)).await;
            if event == Event::NoNames {
                self.names.set(HOSTS.to_vec());
            }
        }
        Ok(events)
    }

    fn relay(&self, at: usize) -> Result<Arc<Relay>> {
        Ok(self.relays.get(at).ok_or("no relay")?.clone())
    }

    /// A server is ended; its successor comes after a while.
    async fn replace(&mut self, at: usize, event: Event, wait: Duration) -> Result {
        let address = *self.servers.get(at).ok_or("no server")?;
        let place = self.backends.iter().position(|backend| backend.address == address).ok_or("no backend")?;
        let old = self.backends.remove(place);
        if event == Event::Kill {
            old.kill().await?
        } else {
            old.drain().await?
        }
        sleep(wait).await;
        self.backends.push(Backend::start(address).await?);
        Ok(())
    }
}

/// What all callers found.
#[derive(Debug, Default)]
struct Callers {
    tally: Tally,
    /// In percent of its deadline, how much longer the worst call took than the machine explains.
    latest: AtomicU64,
    /// In milliseconds, how much a timer of this process was late at worst.
    stalled: AtomicU64,
}

impl Callers {
    /// Finds out how late everything is because others have the machine.
    async fn watch_the_machine(self: Arc<Self>, over: watch::Receiver<bool>) {
        while !*over.borrow() {
            let began = Instant::now();
            sleep(TICK).await;
            let late = began.elapsed().saturating_sub(TICK);
            self.stalled.fetch_max(late.as_millis() as u64, Relaxed);
        }
    }

    async fn call(self: Arc<Self>, channel: Channel, mut rng: Rng, over: watch::Receiver<bool>) {
        while !*over.borrow() {
            let deadline = rng.u64(SHORTEST_DEADLINE_MS..=LONGEST_DEADLINE_MS);
            let mut request = Request::new(echo(rng.u32(..100))).timeout(Duration::from_millis(deadline));
            request.options = CallOptions { wait_for_ready: Some(rng.bool()), ..request.options };
            let started = Instant::now();
            let ended = match rng.u8(..4) {
                0 => stream(&channel, request, rng.u64(..deadline * 2)).await,
                _ => channel
                    .unary_bytes("/causewire.testbed.v1.Testbed/Echo", request)
                    .await
                    .map(|response| response.attempts),
            };
            let took = started.elapsed();
            let allowed = deadline + self.stalled.load(Relaxed);
            let late = (took.as_millis() as u64).saturating_sub(allowed) * 100 / deadline;
            self.latest.fetch_max(late, Relaxed);
            match ended {
                Ok(attempts) => self.tally.ok(attempts.into(), took),
                Err(error) => {
                    let record = error.failure().record();
                    self.tally.failed(record.cause.name(), record.reached.as_str(), took);
                    // Who fails at once must not fail all the time.
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }
}

/// Speaks now and then until `lasts` is over, or the deadline.
async fn stream(
    channel: &Channel,
    request: Request<bytes::Bytes>,
    lasts_ms: u64,
) -> std::result::Result<u32, RpcError> {
    let (message, until) = (request.message.clone(), Instant::now() + Duration::from_millis(lasts_ms));
    let mut call =
        channel.start::<(), ()>("/causewire.testbed.v1.Testbed/EchoBidi", Kind::Bidi, request.map(|_| None))?;
    while Instant::now() < until {
        if call.send_bytes(message.clone()).await? {
            call.message_bytes().await?;
        } else {
            while call.message_bytes().await?.is_some() {}
            break;
        }
        // Not by sleeping: the end of the call is to be noticed when it comes.
        match timeout(PAUSE, call.message_bytes()).await {
            Ok(Ok(None)) => break,
            Ok(Err(error)) => return Err(error),
            Ok(Ok(Some(_))) | Err(_) => {}
        }
    }
    call.close_send();
    while call.message_bytes().await?.is_some() {}
    Ok(call.attempts())
}

/// What has to be the same before and after.
#[derive(Clone, Copy, Debug)]
struct Held {
    tasks: usize,
    sockets: usize,
}

impl Held {
    fn now() -> Result<Held> {
        Ok(Held { tasks: Handle::current().metrics().num_alive_tasks(), sockets: sockets()? })
    }

    fn is_within(self, other: Held) -> bool {
        self.tasks <= other.tasks && self.sockets <= other.sockets
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tasks and {} sockets", self.tasks, self.sockets)
    }
}

async fn until(what: &str, mut gone: impl FnMut() -> std::result::Result<(), String>) -> Result {
    let until = Instant::now() + GONE;
    loop {
        match gone() {
            Ok(()) => return Ok(()),
            Err(left) if Instant::now() > until => return Err(format!("{what}: {left}").into()),
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Bytes, on average, in an early share of the time and in the last.
#[derive(Clone, Copy, Debug)]
struct Grown {
    share: Duration,
    second: u64,
    last: u64,
}

impl Grown {
    fn check(self) -> Result {
        let settling = if self.share < MINUTE { SETTLING } else { 0 };
        ensure!(self.last * 100 <= self.second * (100 + GROWTH) + settling * 100, "memory grows");
        Ok(())
    }
}

impl fmt::Display for Grown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let (share, second, last) = (self.share.as_secs(), mib(self.second), mib(self.last));
        write!(f, "{second:.1} MiB in the second {share} s, {last:.1} MiB in the last: {:.3}", last / second)
    }
}

/// Minutes, or sixths of what is shorter than six.
async fn memory(lasts: Duration) -> Result<Grown> {
    let share = (lasts / 6).min(MINUTE);
    let shares = lasts.as_secs() / share.as_secs().max(1);
    let (mut second, mut last) = (Vec::new(), Vec::new());
    let (started, mut samples) = (Instant::now(), interval(Duration::from_millis(500)));
    loop {
        samples.tick().await;
        let now = started.elapsed();
        match (now.as_secs() / share.as_secs().max(1)) + 1 {
            2 => second.push(resident()?),
            n if n == shares => last.push(resident()?),
            n if n > shares => break,
            _ => {}
        }
    }
    let average = |all: &[u64]| all.iter().sum::<u64>() / all.len().max(1) as u64;
    Ok(Grown { share, second: average(&second), last: average(&last) })
}

async fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((HOSTS[0], 0)).await?.local_addr()?.port())
}
