//! rpc_soak and channel_soak: many large_unary calls in sequence, on one channel or each on a channel of its own.
use crate::{
    Result,
    arguments::Arguments,
    cases::{expect_zeros, payload, unary},
    ensure,
};
use causewire::Channel;
use causewire_testbed::pb::interop::SimpleRequest;
use std::{sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// Without a channel each call makes one.
pub(crate) async fn soak(arguments: Arguments, channel: Option<Channel>) -> Result {
    let arguments = Arc::new(arguments);
    let soak = &arguments.soak;
    ensure!(
        soak.threads > 0 && soak.iterations.is_multiple_of(soak.threads),
        "--soak_num_threads must divide --soak_iterations"
    );
    let deadline = Instant::now() + soak.overall_timeout;
    let mut workers = JoinSet::new();
    for number in 0..soak.threads {
        workers.spawn(work(number, arguments.clone(), channel.clone(), deadline));
    }
    let (mut done, mut failures) = (0, 0);
    while let Some(ended) = workers.join_next().await {
        let (iterations, failed) = ended??;
        (done, failures) = (done + iterations, failures + failed);
    }
    ensure!(done == soak.iterations, "{done} of {} iterations within {:?}", soak.iterations, soak.overall_timeout);
    ensure!(failures <= soak.max_failures, "{failures} failures, {} allowed", soak.max_failures);
    Ok(())
}

/// How many iterations there were, and how many of them failed.
async fn work(number: u32, all: Arc<Arguments>, shared: Option<Channel>, deadline: Instant) -> Result<(u32, u32)> {
    let soak = &all.soak;
    let mut failures = 0;
    for iteration in 0..soak.iterations / soak.threads {
        let started = Instant::now();
        if started >= deadline {
            return Ok((iteration, failures));
        }
        let channel = shared.clone().map_or_else(|| all.channel(), Ok)?;
        let (latency, ended) = large_unary(&all, &channel).await;
        let slow = latency > soak.max_latency;
        failures += u32::from(ended.is_err() || slow);
        let (peer, outcome) = match ended {
            Ok(peer) if slow => (peer, "exceeds the acceptable latency".into()),
            Ok(peer) => (peer, "succeeded".into()),
            Err(error) => (None, format!("failed: {error}")),
        };
        let (latency, peer, server) = (latency.as_millis(), peer.unwrap_or_default(), all.target());
        eprintln!("worker {number} iteration {iteration} elapsed_ms {latency} peer {peer} server {server} {outcome}");
        sleep_until(started + soak.min_time_between_rpcs).await;
    }
    Ok((soak.iterations / soak.threads, failures))
}

/// How long it took, and who answered.
async fn large_unary(all: &Arguments, channel: &Channel) -> (Duration, Result<Option<String>>) {
    let started = Instant::now();
    let request = SimpleRequest {
        response_size: all.soak.response_size,
        payload: payload(all.soak.request_size),
        ..SimpleRequest::default()
    };
    let response = unary(channel, request).await;
    let latency = started.elapsed();
    let judged = response.and_then(|response| {
        expect_zeros(response.message.payload, all.soak.response_size)?;
        Ok(response.peer.map(|peer| peer.to_string()))
    });
    (latency, judged)
}
