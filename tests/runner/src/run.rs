//! One scenario on one driver.
use crate::{
    Result,
    bed::{Server, Testbed},
    causes::Causes,
    compare::Answers,
    expect, fill,
    mask::name_servers,
    messages,
    ordered::Json,
    process::{Answer, Process},
    record,
    scenario::{Expect, Scenario, Step},
};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};
use tokio::{
    sync::oneshot::Receiver,
    time::{sleep, timeout},
};

/// How long a server may take to receive what a client has sent.
const SETTLE: Duration = Duration::from_secs(3);
/// How long a channel may take to close.
const CLOSE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) answers: Answers,
    pub(crate) problems: Vec<String>,
}

pub(crate) async fn run(scenario: &Scenario, driver: &Process, bed: &Testbed, causes: &Causes) -> Outcome {
    let mut servers = BTreeMap::new();
    let (own, unprepared) = match prepare(scenario, driver, bed, &mut servers).await {
        Ok(own) => (own, None),
        Err(error) => (None, Some(error)),
    };
    let mut run = Run::new(scenario, own.as_ref().unwrap_or(driver), causes);
    let result = match unprepared {
        None => run.everything(bed, &servers).await,
        Some(error) => Err(error),
    };
    if let Some(own) = &own {
        run.problems.extend(end(own, scenario).await);
    }
    for server in servers.values() {
        if let Err(error) = bed.stop(server).await {
            run.problems.push(error.to_string());
        }
    }
    run.problems.extend(result.err().map(|e| e.to_string()));
    let told = |(name, json): (String, Json)| (name, name_servers(&without(json, &scenario.by_chance), &servers));
    let steps = run.answers.into_iter().map(told).collect();
    Outcome { answers: Answers { driver: driver.name.clone(), steps }, problems: run.problems }
}

/// Starts the servers, and a driver where the scenario has an environment of its own.
async fn prepare(
    scenario: &Scenario,
    driver: &Process,
    bed: &Testbed,
    servers: &mut BTreeMap<String, Server>,
) -> Result<Option<Process>> {
    // In the order of their names: a script may mention a server before it.
    for (name, script) in &scenario.servers {
        let script = fill::replace(script, &fill::texts(servers, &bed.pem));
        servers.insert(name.clone(), bed.serve(&script).await?);
    }
    let Some(env) = &scenario.env else { return Ok(None) };
    let env = fill::replace(env, &fill::texts(servers, &bed.pem));
    fill::complete(&env)?;
    let own = driver.again(&object(env))?;
    // It has loaded its language when it answers.
    own.ask(json!({"op": "logs"})).await?;
    Ok(Some(own))
}

async fn end(own: &Process, scenario: &Scenario) -> Vec<String> {
    let mut problems: Vec<String> = own.finish().await.err().map(|e| e.to_string()).into_iter().collect();
    let said = own.said().await;
    let leaks = scenario.never.iter().filter(|text| said.contains(*text));
    problems.extend(leaks.map(|text| format!("stderr contains {text:?}")));
    problems
}

struct Run<'a> {
    scenario: &'a Scenario,
    driver: &'a Process,
    causes: &'a Causes,
    texts: Vec<(String, String)>,
    /// Ids of the requests so far, by the name of their step.
    ids: HashMap<String, String>,
    waiting: HashMap<String, Pending>,
    answers: Vec<(String, Json)>,
    problems: Vec<String>,
    /// A call has named the channel.
    introduced: bool,
}

struct Pending {
    receiver: Receiver<Answer>,
    expect: Expect,
    deadline_ms: Option<i64>,
    is_call: bool,
}

impl<'a> Run<'a> {
    fn new(scenario: &'a Scenario, driver: &'a Process, causes: &'a Causes) -> Self {
        Run {
            scenario,
            driver,
            causes,
            texts: vec![],
            ids: HashMap::new(),
            waiting: HashMap::new(),
            answers: vec![],
            problems: vec![],
            introduced: false,
        }
    }

    async fn everything(&mut self, bed: &Testbed, servers: &BTreeMap<String, Server>) -> Result<()> {
        self.texts = fill::texts(servers, &bed.pem);
        let limit = Duration::from_millis(self.scenario.timeout_ms);
        timeout(limit, self.steps()).await.map_err(|_| format!("no answer within {} ms", limit.as_millis()))??;
        for (name, expected) in &self.scenario.counts {
            let server = servers.get(name).ok_or_else(|| format!("no server is called {name}"))?;
            self.counts(bed, server, expected).await?;
        }
        self.close().await
    }

    async fn steps(&mut self) -> Result<()> {
        for (n, step) in self.scenario.steps.iter().enumerate() {
            let name = step.name.clone().unwrap_or_else(|| format!("step{}", n + 1));
            if let Some(ms) = step.sleep_ms {
                sleep(Duration::from_millis(ms)).await;
            }
            if let Some(awaited) = &step.wait {
                self.wait(awaited).await?;
            }
            if step.call.is_some() || step.op.is_some() {
                self.request(&name, step).await?;
                if !step.background {
                    self.wait(&name).await?;
                }
            }
        }
        let mut left: Vec<String> = self.waiting.keys().cloned().collect();
        left.sort();
        for name in left {
            self.wait(&name).await?;
        }
        Ok(())
    }

    async fn request(&mut self, name: &str, step: &Step) -> Result<()> {
        let line = match (&step.call, &step.op) {
            (Some(call), _) => self.call_line(call)?,
            (None, Some(op)) => self.op_line(op)?,
            (None, None) => return Ok(()),
        };
        let line = fill::replace(&line, &self.texts);
        fill::complete(&line)?;
        let id = self.driver.new_id();
        self.ids.insert(name.to_owned(), id.clone());
        let deadline_ms = step.call.as_ref().and_then(|c| c.get("deadline_ms")).and_then(Value::as_i64);
        let receiver = self.driver.send(&id, line).await?;
        let expect = step.expect.clone();
        self.waiting.insert(name.to_owned(), Pending { receiver, expect, deadline_ms, is_call: step.call.is_some() });
        Ok(())
    }

    async fn wait(&mut self, name: &str) -> Result<()> {
        let pending = self.waiting.remove(name).ok_or_else(|| format!("{name}: nothing to wait for"))?;
        let answer = pending.receiver.await.map_err(|_| format!("{} has ended", self.driver.name))?;
        let mut problems = match pending.is_call {
            true => record::check_answer(&answer, pending.deadline_ms, self.causes),
            false => vec![],
        };
        let mut expected = pending.expect;
        expected.answer = object(fill::replace(&expected.answer.into(), &self.texts));
        expected.failure = expected.failure.map(|failure| fill::replace(&failure, &self.texts));
        problems.extend(expect::check(&expected, &answer.json, self.causes));
        for text in self.scenario.never.iter().filter(|text| answer.text.contains(*text)) {
            problems.push(format!("the answer contains {text:?}"));
        }
        for text in self.scenario.always.iter().filter(|text| !answer.text.contains(*text)) {
            problems.push(format!("the answer does not contain {text:?}"));
        }
        let several = self.scenario.steps.len() > 1;
        self.problems.extend(problems.into_iter().map(|p| if several { format!("{name}: {p}") } else { p }));
        self.answers.push((name.to_owned(), without(answer.json, &["id".to_owned()])));
        Ok(())
    }

    fn introduction(&mut self) -> Map<String, Value> {
        self.introduced = true;
        let mut line = Map::from_iter([
            ("channel".to_owned(), self.scenario.name.clone().into()),
            ("target".to_owned(), self.scenario.target.clone().into()),
            ("options".to_owned(), self.scenario.options.clone().into()),
        ]);
        line.extend(self.scenario.hooks.clone().map(|hooks| ("hooks".to_owned(), hooks)));
        line
    }

    fn call_line(&mut self, call: &Map<String, Value>) -> Result<Value> {
        let mut line = self.introduction();
        line.insert("kind".into(), "unary".into());
        line.extend(call.clone());
        let mut sent = vec![];
        for key in ["messages", "steps"] {
            let items = line.get_mut(key).and_then(Value::as_array_mut);
            for item in items.into_iter().flatten() {
                let message = match item {
                    Value::Object(step) if key == "steps" => {
                        step.iter_mut().find(|(name, _)| name.starts_with("send")).map(|(_, message)| message)
                    }
                    _ if key == "steps" => None,
                    message => Some(message),
                };
                if let Some(message) = message {
                    sent.push(message.clone());
                    *message = messages::encode(message)?.into();
                }
            }
        }
        if !line.contains_key("messages") && !line.contains_key("steps") {
            line.insert("messages".into(), json!([messages::encode(&json!("ping"))?]));
        }
        if !line.contains_key("method") {
            let kind = line["kind"].as_str().unwrap_or_default();
            let method = messages::method(kind, &sent.iter().collect::<Vec<_>>());
            line.insert("method".into(), method.into());
        }
        Ok(line.into())
    }

    fn op_line(&mut self, op: &Map<String, Value>) -> Result<Value> {
        let mut line = match op.get("op").and_then(Value::as_str) {
            Some("channel") => Map::from_iter([("channel".to_owned(), self.scenario.name.clone().into())]),
            _ => Map::new(),
        };
        line.extend(op.clone());
        if let Some(name) = line.get("call").and_then(Value::as_str) {
            let id = self.ids.get(name).ok_or_else(|| format!("no step is called {name}"))?;
            line.insert("call".into(), id.clone().into());
        }
        Ok(line.into())
    }

    /// Waits until the server has counted what is expected.
    async fn counts(&mut self, bed: &Testbed, server: &Server, expected: &Value) -> Result<()> {
        let since = Instant::now();
        loop {
            let counts = bed.counts(server).await?;
            let mut problems = vec![];
            expect::compare("counts", expected, &counts, &mut problems);
            if problems.is_empty() {
                return Ok(());
            }
            if since.elapsed() > SETTLE {
                self.problems.extend(problems);
                return Ok(());
            }
            sleep(POLL).await;
        }
    }

    /// Frees the channel, so that the next scenario starts with a quiet driver.
    async fn close(&mut self) -> Result<()> {
        if self.introduced {
            let line = json!({"op": "channel", "channel": self.scenario.name, "do": "close"});
            timeout(CLOSE, self.driver.ask(line)).await.map_err(|_| "the channel does not close")??;
        }
        Ok(())
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn without(json: Json, paths: &[String]) -> Json {
    paths.iter().fold(json, |json, path| left_out(json, &path.split('.').collect::<Vec<_>>()))
}

/// Without what stands at the path, in every element of the lists on the way.
fn left_out(json: Json, path: &[&str]) -> Json {
    match (json, path) {
        (Json::Array(items), _) => Json::Array(items.into_iter().map(|item| left_out(item, path)).collect()),
        (Json::Object(entries), [last]) => Json::Object(entries.into_iter().filter(|(key, _)| key != last).collect()),
        (Json::Object(entries), [first, rest @ ..]) => {
            let inside = |(key, value): (String, Json)| match key == *first {
                true => (key, left_out(value, rest)),
                false => (key, value),
            };
            Json::Object(entries.into_iter().map(inside).collect())
        }
        (other, _) => other,
    }
}
