//! Three servers behind a name are replaced in turn, under load from three languages.
use crate::{Result, backend::Backend, ensure, load::Load, names::Names};
use serde_json::json;
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};

const LANGUAGES: [&str; 3] = ["rust", "node", "python-aio"];
const HOSTS: [Ipv4Addr; 3] = [Ipv4Addr::new(127, 0, 0, 11), Ipv4Addr::new(127, 0, 0, 12), Ipv4Addr::new(127, 0, 0, 13)];
/// Of all languages together.
const CALLS_PER_SECOND: u32 = 1000;
const STREAMS: usize = 50;
/// Between two replacements, and before the first and after the last.
const CALM: Duration = Duration::from_secs(2);
/// A server that was killed is away for so long.
const AWAY: Duration = Duration::from_millis(500);

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By SIGTERM: it finishes its calls.
    Drained,
    /// By SIGKILL.
    Killed,
}

pub(crate) async fn run(end: End) -> Result {
    let port = free_port().await?;
    let address = |host: Ipv4Addr| SocketAddr::from((host, port));
    let names = Names::start(HOSTS.to_vec()).await?;
    let mut backends = Vec::new();
    for host in HOSTS {
        backends.push(Backend::start(address(host)).await?);
    }
    let options = json!({
        "tls": null,
        "dns": {"servers": [names.address.to_string()]},
        "service_config": {"loadBalancingConfig": [{"round_robin": {}}]},
    });
    let target = format!("dns:///servers.test:{port}");
    let loads: Vec<_> = LANGUAGES
        .into_iter()
        .map(|language| Ok(Arc::new(Load::start(language, &target, &options)?)))
        .collect::<Result<_>>()?;
    for load in &loads {
        load.warm_up().await?;
    }

    let over = watch::Sender::new(false);
    let mut running = JoinSet::new();
    let started = Instant::now();
    for (at, load) in loads.iter().enumerate() {
        let (load, over) = (load.clone(), over.subscribe());
        let share = |whole: usize| (whole + at) / LANGUAGES.len();
        let (rate, streams) = (share(CALLS_PER_SECOND as usize) as u32, share(STREAMS));
        running.spawn(async move { load.run(rate, streams, over).await });
    }
    sleep(CALM).await;
    for _ in HOSTS {
        replace(&mut backends, end).await?;
        sleep(CALM).await;
    }
    over.send_replace(true);
    let lasted = started.elapsed();
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    judge(end, &loads, lasted)
}

/// The one that is up longest goes, and its successor has its address.
async fn replace(backends: &mut Vec<Backend>, end: End) -> Result {
    let old = backends.remove(0);
    let address = old.address;
    match end {
        End::Drained => old.drain().await?,
        End::Killed => {
            old.kill().await?;
            sleep(AWAY).await;
        }
    }
    backends.push(Backend::start(address).await?);
    Ok(())
}

fn judge(end: End, loads: &[Arc<Load>], lasted: Duration) -> Result {
    let name = if end == End::Drained { "rolling" } else { "killing" };
    let mut calls = 0;
    for load in loads {
        let (unary, streams) = (load.unary.counts(), load.streams.counts());
        println!("{name}: {:<10} unary: {unary}", load.language);
        println!("{name}: {:<10} streams: {streams}", load.language);
        calls += unary.ok + unary.failures();
        ensure!(unary.sacrificed() + streams.sacrificed() == 0, "a call failed that no server had processed");
        ensure!(end == End::Killed || unary.failures() == 0, "a call failed although servers only drained");
        ensure!(end == End::Killed || streams.failures() == 0, "a stream failed although servers only drained");
    }
    let rate = calls as u128 * 1000 / lasted.as_millis();
    println!("{name}: {calls} unary calls in {:.1} s, {rate} per second", lasted.as_secs_f64());
    ensure!(rate * 10 >= u128::from(CALLS_PER_SECOND) * 9, "the load was {rate} calls per second only");
    Ok(())
}

/// Free on the hosts above, as far as one can know.
async fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((HOSTS[0], 0)).await?.local_addr()?.port())
}
