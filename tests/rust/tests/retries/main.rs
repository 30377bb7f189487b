//! Retries that cannot hurt: nothing runs twice that must not, and a server that is down is not beaten further down.
mod fickle;

use bytes::Bytes;
use causewire::{
    Channel, ChannelOptions, Request,
    failure::{Reached, Retry},
};
use causewire_testbed::script::{Planned, Script, Testbed};
use causewire_tests::Server;
use fickle::Fickle;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{sync::Semaphore, task::JoinSet};

const ECHO: &str = "/causewire.testbed.v1.Testbed/Echo";
const CALLS: u64 = 10_000;

fn channel(target: &str, service_config: Value) -> Channel {
    let options = json!({"tls": null, "service_config": service_config}).to_string();
    let options = ChannelOptions::parse(&options).unwrap();
    Channel::builder(target).options(options).build().unwrap()
}

fn policy() -> Value {
    json!({
        "maxAttempts": 5,
        "initialBackoff": "0.001s",
        "maxBackoff": "0.01s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE", "INTERNAL", "UNKNOWN"],
    })
}

/// A request whose first bytes are its number, large enough to be killed in the middle.
fn numbered(id: u64) -> Bytes {
    let mut message = vec![0; 20_000];
    message[..8].copy_from_slice(&id.to_be_bytes());
    message.into()
}

/// 10,000 calls that must not run twice, at a server that kills connections at every phase of a request.
#[tokio::test(flavor = "multi_thread")]
async fn never_twice() {
    const SEED: u64 = 7;
    let server = Fickle::start(SEED).await;
    let config = json!({"methodConfig": [{"name": [{}], "waitForReady": true, "retryPolicy": policy()}]});
    let channel = channel(&server.address.to_string(), config);
    let (room, mut calls) = (Arc::new(Semaphore::new(8)), JoinSet::new());
    for id in 0..CALLS {
        let (channel, room) = (channel.clone(), room.clone());
        calls.spawn(async move {
            let _turn = room.acquire().await.unwrap();
            let request = Request::new(numbered(id)).timeout(Duration::from_secs(60));
            (id, channel.unary_bytes(ECHO, request).await)
        });
    }
    let (mut acknowledged, mut retried, mut failed, mut failed_and_executed) = (0, 0, 0, 0);
    while let Some(call) = calls.join_next().await {
        let (id, outcome) = call.unwrap();
        let executions = server.executions(id);
        assert!(executions <= 1, "call {id} ran {executions} times: {outcome:?}");
        match outcome {
            Ok(response) => {
                assert_eq!(executions, 1, "call {id} is said to have run");
                acknowledged += 1;
                retried += u32::from(response.attempts > 1);
            }
            Err(error) => {
                let record = error.failure().record();
                assert!(record.reached >= Reached::Maybe, "call {id} could have been tried again: {record:?}");
                assert!(!matches!(record.retry, Retry::Safe), "call {id}: {record:?}");
                failed += 1;
                failed_and_executed += executions;
            }
        }
    }
    println!(
        "{CALLS} calls, seed {SEED}: {acknowledged} acknowledged ({retried} after a retry), each executed once; {failed} \
         failed as `maybe` or `yes`, {failed_and_executed} of them executed; fates {:?}",
        server.fates()
    );
    assert_eq!(acknowledged + failed, CALLS);
    assert!(retried > 100 && failed > 100 && failed_and_executed > 0, "the server was kinder than it should be");
}

/// A server that fails every call sees no more than the budget allows.
#[tokio::test(flavor = "multi_thread")]
async fn no_amplification() {
    const CALLS: u64 = 1000;
    const TOKENS: u64 = 10;
    let attempts = vec![Planned { status: Some(14), ..Planned::default() }];
    let testbed = Testbed { attempts, ..Testbed::default() };
    for (policy, name) in
        [(policy(), "retryPolicy"), (json!({"maxAttempts": 5, "nonFatalStatusCodes": [14]}), "hedgingPolicy")]
    {
        let server = Server::script(Script { testbed: testbed.clone(), ..Script::default() }).await.unwrap();
        let config = json!({
            "retryThrottling": {"maxTokens": TOKENS, "tokenRatio": 0.1},
            "methodConfig": [{"name": [{}], name: policy}],
        });
        let channel = channel(server.target(), config);
        for _ in 0..CALLS {
            channel.unary_bytes(ECHO, Request::new(Bytes::new())).await.unwrap_err();
        }
        let (seen, bound) = (server.counts().streams, CALLS + TOKENS / 2);
        println!(
            "{name}: {CALLS} failing calls made {seen} requests; the budget allows {bound}, the policy alone {}",
            CALLS * 5
        );
        assert!(seen <= bound, "{seen} requests for {CALLS} calls");
        assert!(seen > CALLS, "the budget was never used");
    }
}
