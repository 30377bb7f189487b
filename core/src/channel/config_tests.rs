//! Service configs that come and go while a channel runs; time is virtual.
use super::{Channel, ChannelCore, Parts, Request};
use crate::{
    balance::{ConnectivityState as State, Waiting},
    clock,
    failure::{Cause, DeadlineSource, Failure, Json, Phase},
    observe::LogSink,
    options::{ChannelOptions, ServiceConfig},
    resolve::{Resolution, ResolveFuture, ResolveHook},
    subchannel::testing::{Server, rt},
};
use bytes::Bytes;
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::sleep;

const PERIOD: Duration = Duration::from_secs(10);

/// The answers of a resolver, the last one for ever.
struct Answers(Mutex<Vec<Resolution>>);

impl ResolveHook for Answers {
    fn resolve<'a>(&'a self, _: &'a str) -> ResolveFuture<'a> {
        let mut left = self.0.lock().unwrap();
        let answer = if left.len() > 1 { left.remove(0) } else { left[0].clone() };
        Box::pin(async { Ok(answer) })
    }
}

fn answer(servers: &[&Server], config: Value) -> Resolution {
    let addresses = servers.iter().map(|server| server.address.to_string()).collect();
    Resolution { addresses, service_config: (!config.is_null()).then(|| config.to_string()) }
}

fn options(own: Value) -> ChannelOptions {
    let mut options = ChannelOptions { tls: None, ..ChannelOptions::default() };
    options.dns.refresh_ms = PERIOD.as_millis() as u64;
    options.service_config = (!own.is_null()).then(|| ServiceConfig::from_value(&own).unwrap());
    options
}

fn channel(answers: Vec<Resolution>, own: Value, log: LogSink) -> Arc<ChannelCore> {
    let hook: Arc<dyn ResolveHook> = Arc::new(Answers(Mutex::new(answers)));
    let user_agent = http::HeaderValue::from_static("grpc-test");
    let parts = Parts { resolver: Some(hook), language: "rust", credentials: None, user_agent, log };
    ChannelCore::new("mine:///users", Arc::new(options(own)), parts, rt()).unwrap()
}

async fn peer(channel: &ChannelCore) -> Result<String, Failure> {
    let picked = channel.picker().pick(false, &mut |_: &Waiting| ()).await?;
    Ok(picked.lane.connection().peer().to_string())
}

fn round_robin() -> Value {
    json!({"loadBalancingConfig": [{"round_robin": {}}]})
}

fn timeout(text: &str) -> Value {
    json!({"methodConfig": [{"name": [{}], "timeout": text}]})
}

fn selected_timeout(channel: &ChannelCore) -> Option<String> {
    channel.configs().current()?.method("/a/b")?.timeout.clone()
}

#[tokio::test(start_paused = true)]
async fn another_policy_takes_over_without_a_call_that_fails() {
    let (first, second) = (Server::start().await, Server::start().await);
    let both = [&first, &second];
    let answers = vec![answer(&both, Value::Null), answer(&both, round_robin()), answer(&both, json!({}))];
    let channel = channel(answers, Value::Null, LogSink::default());
    assert_eq!(peer(&channel).await.unwrap(), first.address.to_string());
    let mut seen = Vec::new();
    for _ in 0..300 {
        seen.push(peer(&channel).await.unwrap() == second.address.to_string());
        assert_eq!(channel.state(), State::Ready);
        sleep(PERIOD / 100).await;
    }
    let share = |part: &[bool]| part.iter().filter(|second| **second).count();
    assert_eq!(share(&seen[..95]), 0, "pick_first stays with the first");
    assert_eq!(share(&seen[110..190]), 40, "round_robin uses both");
    assert_eq!(share(&seen[210..]), 0, "and back");
}

#[tokio::test(start_paused = true)]
async fn an_invalid_config_is_rejected_whole_and_said_in_the_log() {
    let server = Server::start().await;
    let mut invalid = round_robin();
    invalid["methodConfig"] = json!([{"timeout": "soon"}]);
    let answers =
        vec![answer(&[&server], timeout("3s")), answer(&[&server], invalid), answer(&[&server], timeout("5s"))];
    let lines = Arc::<Mutex<Vec<String>>>::default();
    let kept = lines.clone();
    let log = LogSink::new(move |_, text| kept.lock().unwrap().push(text.to_owned()));
    let channel = channel(answers, Value::Null, log);
    peer(&channel).await.unwrap();
    assert_eq!(selected_timeout(&channel).as_deref(), Some("3s"));
    sleep(PERIOD * 3 / 2).await;
    assert_eq!(selected_timeout(&channel).as_deref(), Some("3s"));
    assert!(peer(&channel).await.is_ok());
    let rejected =
        |line: &&String| line.contains("rejected") && line.contains("service_config.methodConfig[0].timeout");
    assert_eq!(lines.lock().unwrap().iter().filter(rejected).count(), 1);
    sleep(PERIOD).await;
    assert_eq!(selected_timeout(&channel).as_deref(), Some("5s"));
}

#[tokio::test(start_paused = true)]
async fn without_an_earlier_config_calls_fail_until_a_valid_one_comes() {
    let server = Server::start().await;
    let invalid = json!({"methodConfig": [{"timeout": "soon"}]});
    let channel = channel(
        vec![answer(&[&server], invalid.clone()), answer(&[&server], invalid), answer(&[&server], timeout("5s"))],
        Value::Null,
        LogSink::default(),
    );
    let start = clock::now();
    let failure = peer(&channel).await.unwrap_err();
    assert_eq!((failure.cause(), failure.record().phase), (Cause::ServiceConfigInvalid, Some(Phase::Resolve)));
    let field = failure.record().evidence("field").and_then(Json::as_str);
    assert_eq!(field, Some("service_config.methodConfig[0].timeout"));
    assert_eq!(channel.state(), State::TransientFailure);
    channel.picker().pick(true, &mut |_: &Waiting| ()).await.unwrap();
    let waited = clock::now().duration_since(start).as_secs_f64();
    assert!((2.0..=3.2).contains(&waited), "1 s and 1.6 s, each +-20 %: {waited}");
    assert_eq!(selected_timeout(&channel).as_deref(), Some("5s"));
}

#[tokio::test(start_paused = true)]
async fn the_programs_own_config_stands_in() {
    let server = Server::start().await;
    let invalid = answer(&[&server], json!({"methodConfig": 1}));
    let falls_back = channel(vec![invalid], timeout("2s"), LogSink::default());
    peer(&falls_back).await.unwrap();
    assert_eq!(selected_timeout(&falls_back).as_deref(), Some("2s"));
    let none = channel(vec![answer(&[&server], Value::Null)], timeout("2s"), LogSink::default());
    assert_eq!(selected_timeout(&none), None, "the resolver might bring another");
    peer(&none).await.unwrap();
    assert_eq!(selected_timeout(&none).as_deref(), Some("2s"));
}

#[tokio::test(start_paused = true)]
async fn the_first_call_follows_the_config_that_it_waited_for() {
    let server = Server::start().await;
    let hook = Answers(Mutex::new(vec![answer(&[&server], timeout("2s")), answer(&[&server], timeout("1s"))]));
    let channel =
        Channel::builder("mine:///users").options(options(Value::Null)).resolver(Arc::new(hook)).build().unwrap();
    for seconds in [2, 1] {
        let error = channel.unary_bytes("/a/b", Request::new(Bytes::new())).await.unwrap_err();
        let deadline = error.failure().record().deadline.unwrap();
        assert_eq!((deadline.budget, deadline.source), (Duration::from_secs(seconds), DeadlineSource::ServiceConfig));
        sleep(PERIOD).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_a_config_keeps_its_own_deadline() {
    struct Silent;
    impl ResolveHook for Silent {
        fn resolve<'a>(&'a self, _: &'a str) -> ResolveFuture<'a> {
            Box::pin(std::future::pending())
        }
    }
    let channel = Channel::builder("mine:///users").resolver(Arc::new(Silent)).build().unwrap();
    let start = clock::now();
    let request = Request::new(Bytes::new()).timeout(Duration::from_millis(300));
    let error = channel.unary_bytes("/a/b", request).await.unwrap_err();
    let record = error.failure().record();
    assert_eq!((record.cause, record.phase), (Cause::DeadlineNotSent, Some(Phase::Resolve)));
    assert_eq!(clock::now().duration_since(start), Duration::from_millis(300));
}
