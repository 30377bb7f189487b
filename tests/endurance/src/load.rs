//! Calls of one language, through its driver and so through its public API.
use crate::{Result, tally::Tally};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use causewire_testbed::{drive::Driver, pb::testbed::EchoRequest};
use prost::Message;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

/// Far more than a call needs, so that only one that is stuck meets it.
const DEADLINE_MS: u64 = 10_000;
/// A stream says so many things, one after the answer to the other.
const TURNS: usize = 5;
const PAUSE_MS: u64 = 200;

/// A message that is echoed after so many milliseconds.
pub(crate) fn echo(delay_ms: u32) -> Bytes {
    EchoRequest { payload: b"hello".to_vec(), delay_ms, ..EchoRequest::default() }.encode_to_vec().into()
}

/// The calls of one language.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) language: &'static str,
    pub(crate) unary: Arc<Tally>,
    pub(crate) streams: Arc<Tally>,
    driver: Arc<Driver>,
    calls: Arc<Calls>,
}

/// The lines that make calls.
#[derive(Debug)]
struct Calls {
    unary: Value,
    stream: Value,
    made: AtomicU64,
}

impl Load {
    pub(crate) fn start(language: &'static str, target: &str, options: &Value) -> Result<Load> {
        let message = BASE64_STANDARD.encode(echo(0));
        let line = |method: &str, kind: &str| {
            let method = format!("/causewire.testbed.v1.Testbed/{method}");
            json!({"channel": "load", "target": target, "options": options, "deadline_ms": DEADLINE_MS,
                   "method": method, "kind": kind})
        };
        let (mut unary, mut stream) = (line("Echo", "unary"), line("EchoBidi", "bidi"));
        unary["messages"] = json!([message]);
        let turn = [json!({"send": message}), json!({"recv": 1}), json!({"sleep_ms": PAUSE_MS})];
        stream["steps"] = std::iter::repeat_n(turn, TURNS).flatten().collect();
        Ok(Load {
            language,
            unary: Arc::default(),
            streams: Arc::default(),
            driver: Driver::start(language)?.into(),
            calls: Calls { unary, stream, made: AtomicU64::new(0) }.into(),
        })
    }

    /// One call, after which the language is warm and connected.
    pub(crate) async fn warm_up(&self) -> Result {
        let answer = self.driver.ask("first", self.calls.unary.clone()).await?;
        match answer["status"]["code"].as_u64() {
            Some(0) => Ok(()),
            _ => Err(format!("{}: the first call failed: {answer}", self.language).into()),
        }
    }

    /// Makes `rate` calls per second and keeps `streams` open until `over` says so; returns when all have ended.
    pub(crate) async fn run(&self, rate: u32, streams: usize, over: watch::Receiver<bool>) -> Result {
        let mut all = JoinSet::new();
        for _ in 0..streams {
            let (driver, calls, tally, over) =
                (self.driver.clone(), self.calls.clone(), self.streams.clone(), over.clone());
            all.spawn(async move {
                while !*over.borrow() {
                    call(&driver, &calls, &calls.stream, &tally, TURNS).await?;
                }
                Ok(())
            });
        }
        let mut pace = interval(Duration::from_secs(1) / rate);
        pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        while !*over.borrow() {
            pace.tick().await;
            let (driver, calls, tally) = (self.driver.clone(), self.calls.clone(), self.unary.clone());
            all.spawn(async move { call(&driver, &calls, &calls.unary, &tally, 1).await });
            while let Some(ended) = all.try_join_next() {
                ended??;
            }
        }
        while let Some(ended) = all.join_next().await {
            ended??;
        }
        self.driver.finish().await
    }
}

async fn call(driver: &Driver, calls: &Calls, line: &Value, tally: &Tally, messages: usize) -> Result {
    let (id, started) = (calls.made.fetch_add(1, Relaxed).to_string(), Instant::now());
    let answer = driver.ask(&id, line.clone()).await?;
    let took = started.elapsed();
    let text = |value: &Value| value.as_str().unwrap_or("absent").to_owned();
    let received = answer["messages"].as_array().map_or(0, Vec::len);
    match &answer["failure"] {
        Value::Null if answer["status"]["code"] == 0 && received == messages => {
            tally.ok(answer["attempts"].as_u64().unwrap_or(0), took);
        }
        Value::Null => return Err(format!("an answer that is neither success nor failure: {answer}").into()),
        failure => tally.failed(&text(&failure["cause"]), &text(&failure["reached"]), took),
    }
    Ok(())
}
