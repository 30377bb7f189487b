//! The testbed process: starts and stops scripted servers.
use crate::{
    Result,
    process::{Answer, Process},
};
use serde_json::{Map, Value, json};
use std::path::Path;
use tokio::process::Command;

#[derive(Debug)]
pub(crate) struct Testbed {
    process: Process,
    pub(crate) pem: Map<String, Value>,
}

#[derive(Clone, Debug)]
pub(crate) struct Server {
    id: String,
    pub(crate) address: String,
    pub(crate) port: Option<u16>,
}

impl Testbed {
    pub(crate) async fn start(binary: &Path) -> Result<Self> {
        let mut command = Command::new(binary);
        command.arg("control");
        let process = Process::start("testbed", command)?;
        let answer = checked(process.ask(json!({"do": "certificates"})).await?)?;
        let pem = answer["pem"].as_object().cloned().unwrap_or_default();
        Ok(Testbed { process, pem })
    }

    pub(crate) async fn serve(&self, script: &Value) -> Result<Server> {
        let answer = checked(self.process.ask(json!({"do": "start", "script": script})).await?)?;
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or("the testbed gave no address");
        let place = &answer["place"];
        let port = place["port"].as_u64().and_then(|p| p.try_into().ok());
        Ok(Server { id: text(&answer["server"])?, address: text(&place["address"])?, port })
    }

    pub(crate) async fn counts(&self, server: &Server) -> Result<Value> {
        Ok(checked(self.process.ask(json!({"do": "report", "server": server.id})).await?)?["counts"].take())
    }

    pub(crate) async fn stop(&self, server: &Server) -> Result<()> {
        checked(self.process.ask(json!({"do": "stop", "server": server.id})).await?).map(drop)
    }

    pub(crate) async fn finish(&self) -> Result<()> {
        self.process.finish().await
    }
}

fn checked(answer: Answer) -> Result<Value> {
    match answer.json.get("error") {
        Some(error) => Err(format!("testbed: {error}").into()),
        None => Ok(answer.json.value()),
    }
}
