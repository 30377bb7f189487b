//! The runner's hold on the servers: one JSON object per line in, one per line out.
//!
//! ```text
//! {"id","do":"start","script":{..}}       -> {"id","server":"s1","place":{"address","port"}}
//! {"id","do":"report","server":"s1"}      -> {"id","counts":{..}}
//! {"id","do":"stop","server":"s1"}        -> {"id","counts":{..}}
//! {"id","do":"certificates"}              -> {"id","pem":{"ca":..,"client":..,..}}
//! anything wrong                          -> {"id","error":".."}
//! ```
use crate::{
    Result,
    certificates::Certificates,
    script::Script,
    server::{Running, start},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    sync::Mutex,
};

#[derive(Debug, Deserialize)]
struct Request {
    id: Value,
    #[serde(flatten)]
    order: Order,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Order {
    Start { script: Box<Script> },
    Report { server: String },
    Stop { server: String },
    Certificates,
}

/// Serves until the input ends.
pub async fn control(directory: &Path) -> Result<()> {
    let control = Arc::new(Control {
        certificates: Certificates::generate()?,
        directory: directory.to_owned(),
        servers: Mutex::default(),
        started: AtomicU64::new(0),
    });
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let control = control.clone();
        // Some servers take a while to start; the others do not wait for them.
        tokio::spawn(async move { print(&control.answer(&line).await) });
    }
    Ok(())
}

fn print(answer: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{answer}")?;
    out.flush()
}

struct Control {
    certificates: Certificates,
    directory: PathBuf,
    servers: Mutex<HashMap<String, Running>>,
    started: AtomicU64,
}

impl Control {
    async fn answer(&self, line: &str) -> Value {
        match serde_json::from_str::<Request>(line) {
            Err(error) => {
                let id = serde_json::from_str::<Value>(line).ok().and_then(|v| v.get("id").cloned());
                json!({ "id": id, "error": error.to_string() })
            }
            Ok(Request { id, order }) => match self.obey(order).await {
                Ok(mut answer) => {
                    answer["id"] = id;
                    answer
                }
                Err(error) => json!({ "id": id, "error": error.to_string() }),
            },
        }
    }

    async fn obey(&self, order: Order) -> Result<Value> {
        let unknown = |server: &str| format!("no server is called {server}");
        match order {
            Order::Start { script } => {
                let name = format!("s{}", self.started.fetch_add(1, Ordering::Relaxed));
                let running = start(*script, &self.certificates, &self.directory, &name).await?;
                let place = running.place.clone();
                self.servers.lock().await.insert(name.clone(), running);
                Ok(json!({ "server": name, "place": place }))
            }
            Order::Report { server } => {
                let servers = self.servers.lock().await;
                let running = servers.get(&server).ok_or_else(|| unknown(&server))?;
                Ok(json!({ "counts": running.counts() }))
            }
            Order::Stop { server } => {
                let running = self.servers.lock().await.remove(&server).ok_or_else(|| unknown(&server))?;
                Ok(json!({ "counts": running.counts() }))
            }
            Order::Certificates => Ok(json!({ "pem": self.certificates })),
        }
    }
}
