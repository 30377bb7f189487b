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
use std::{collections::HashMap, io::Write, path::Path};
use tokio::io::{AsyncBufReadExt, BufReader};

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
    let mut control = Control { certificates: Certificates::generate()?, servers: HashMap::new(), started: 0 };
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let answer = match serde_json::from_str::<Request>(&line) {
            Err(error) => {
                let id = serde_json::from_str::<Value>(&line).ok().and_then(|v| v.get("id").cloned());
                json!({ "id": id, "error": error.to_string() })
            }
            Ok(Request { id, order }) => match control.obey(order, directory).await {
                Ok(mut answer) => {
                    answer["id"] = id;
                    answer
                }
                Err(error) => json!({ "id": id, "error": error.to_string() }),
            },
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

struct Control {
    certificates: Certificates,
    servers: HashMap<String, Running>,
    started: u64,
}

impl Control {
    async fn obey(&mut self, order: Order, directory: &Path) -> Result<Value> {
        let unknown = |server: &str| format!("no server is called {server}");
        match order {
            Order::Start { script } => {
                self.started += 1;
                let name = format!("s{}", self.started);
                let running = start(*script, &self.certificates, directory, &name).await?;
                let place = running.place.clone();
                self.servers.insert(name.clone(), running);
                Ok(json!({ "server": name, "place": place }))
            }
            Order::Report { server } => {
                let running = self.servers.get(&server).ok_or_else(|| unknown(&server))?;
                Ok(json!({ "counts": running.counts() }))
            }
            Order::Stop { server } => {
                let running = self.servers.remove(&server).ok_or_else(|| unknown(&server))?;
                Ok(json!({ "counts": running.counts() }))
            }
            Order::Certificates => Ok(json!({ "pem": self.certificates })),
        }
    }
}
