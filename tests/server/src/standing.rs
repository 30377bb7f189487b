//! Servers that stand for as long as the process does: for the demo, the quickstarts and each language's own tests.
use crate::{
    Result,
    certificates::Certificates,
    script::Script,
    server::{Running, start},
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, io::Write, path::Path};

/// Name and script of each fault.
const FAULTS: &str = include_str!("../faults.json");

/// Prints where everything is, as one JSON line, and serves until the process is stopped.
pub async fn serve(directory: &Path) -> Result<()> {
    let certificates = Certificates::generate()?;
    let servers = Standing::start(&certificates, directory).await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", servers.places)?;
    out.flush()?;
    drop(out);
    std::future::pending().await
}

#[derive(Debug)]
pub struct Standing {
    pub places: Value,
    _servers: Vec<Running>,
}

impl Standing {
    pub async fn start(certificates: &Certificates, directory: &Path) -> Result<Self> {
        let file = |name: &str| -> Result<String> {
            let path = directory.join(format!("{name}.pem"));
            std::fs::write(&path, certificates.get(name)?)?;
            Ok(path.display().to_string())
        };
        let mut servers = vec![];
        let mut launch = async |script: Value, name: &str| -> Result<String> {
            let script: Script = serde_json::from_value(script).map_err(|e| format!("{name}: {e}"))?;
            let running = start(script, certificates, directory, name).await?;
            let address = running.place.address.clone();
            servers.push(running);
            Ok(address)
        };
        let mut places = json!({
            "target": launch(json!({}), "plain").await?,
            "tls_target": launch(json!({"tls": {}}), "tls").await?,
            "mtls_target": launch(json!({"tls": {"client_certificate": true}}), "mtls").await?,
            "unix_target": format!("unix:{}", launch(json!({"listen": "unix"}), "testbed.sock").await?),
            "ca_file": file("ca")?,
            "client_cert_file": file("client")?,
            "client_key_file": file("client_key")?,
        });
        let faults: BTreeMap<String, Value> = serde_json::from_str(FAULTS)?;
        let mut named = Map::new();
        for (name, script) in faults {
            named.insert(name.clone(), launch(script, &name).await?.into());
        }
        places["faults"] = named.into();
        Ok(Standing { places, _servers: servers })
    }
}
