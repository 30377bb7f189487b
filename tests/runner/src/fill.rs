//! Placeholders in scenario files.
use crate::{Result, bed::Server};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Replaces texts within all strings of a value.
pub(crate) fn replace(value: &Value, texts: &[(String, String)]) -> Value {
    match value {
        Value::String(text) => texts.iter().fold(text.clone(), |text, (from, to)| text.replace(from, to)).into(),
        Value::Array(items) => items.iter().map(|item| replace(item, texts)).collect(),
        Value::Object(entries) => {
            entries.iter().map(|(k, v)| (k.clone(), replace(v, texts))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// `{address}` and `{port}` of `server`, `{NAME.address}` and `{NAME.port}` of any, `{pem.NAME}` of a certificate.
pub(crate) fn texts(servers: &BTreeMap<String, Server>, pem: &Map<String, Value>) -> Vec<(String, String)> {
    let mut texts = vec![];
    for (name, server) in servers {
        let prefixes = if name == "server" { vec![String::new(), "server.".into()] } else { vec![format!("{name}.")] };
        for prefix in prefixes {
            texts.push((format!("{{{prefix}address}}"), server.address.clone()));
            texts.extend(server.port.map(|port| (format!("{{{prefix}port}}"), port.to_string())));
        }
    }
    let entry = |(name, text): (&String, &Value)| Some((format!("{{pem.{name}}}"), text.as_str()?.to_owned()));
    texts.extend(pem.iter().filter_map(entry));
    texts
}

/// An unknown placeholder would silently test something else.
pub(crate) fn complete(value: &Value) -> Result<()> {
    let text = value.to_string();
    for known in ["address}", "port}"] {
        if let Some(at) = text.find(known).filter(|at| text[..*at].ends_with(['{', '.'])) {
            return Err(format!("unknown placeholder before ..{}", &text[at..]).into());
        }
    }
    match text.find("{pem.") {
        Some(at) => Err(format!("unknown placeholder {}", &text[at..]).into()),
        None => Ok(()),
    }
}
