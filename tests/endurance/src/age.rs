//! A server that lets no connection grow old (MAX_CONNECTION_AGE, gRFC A9), under load.
use crate::{Result, ensure, load::echo, tally::Tally};
use causewire::{Channel, ChannelOptions, Request};
use causewire_testbed::{
    backend::stand,
    counted::{Counters, snapshot},
    script::Testbed,
};
use std::{
    future::pending,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, task::JoinSet};

const AGE_MS: u64 = 50;
const CHANNELS: usize = 4;
const CALLERS: usize = 16;
const LASTS: Duration = Duration::from_secs(5);
/// Far more than a call needs.
const DEADLINE: Duration = Duration::from_secs(5);

pub(crate) async fn run() -> Result {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let (address, counters) = (listener.local_addr()?, Counters::default());
    let testbed = Testbed { max_connection_age_ms: Some(AGE_MS), ..Testbed::default() };
    let counted = counters.clone();
    let server = tokio::spawn(async move { stand(listener, &testbed, counted, pending()).await });
    let (tally, mut callers) = (Arc::<Tally>::default(), JoinSet::new());
    for _ in 0..CHANNELS {
        let options = ChannelOptions { tls: None, ..ChannelOptions::default() };
        let channel = Channel::builder(address.to_string()).options(options).build()?;
        for _ in 0..CALLERS {
            callers.spawn(call(channel.clone(), tally.clone()));
        }
    }
    callers.join_all().await;
    let (counts, connections) = (tally.counts(), snapshot(&counters).connections);
    println!("age: connections live for {AGE_MS} ms, {connections} of them in {LASTS:?}: {counts}");
    server.abort();
    ensure!(counts.failures() == 0, "a call was lost");
    ensure!(connections >= 20 * CHANNELS as u64, "only {connections} connections: this shows nothing");
    Ok(())
}

async fn call(channel: Channel, tally: Arc<Tally>) {
    let started = Instant::now();
    while started.elapsed() < LASTS {
        let (began, request) = (Instant::now(), Request::new(echo(1)).timeout(DEADLINE));
        match channel.unary_bytes("/causewire.testbed.v1.Testbed/Echo", request).await {
            Ok(response) => tally.ok(response.attempts.into(), began.elapsed()),
            Err(error) => {
                let record = error.failure().record();
                tally.failed(record.cause.name(), record.reached.as_str(), began.elapsed());
            }
        }
    }
}
