//! What is not compared: the one list of it.
use crate::{Result, bed::Server, ordered::Json};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};

const MOST_KEYS: usize = 15;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mask {
    masked: Vec<String>,
    digits: Vec<String>,
}

/// One value of an answer, by its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Mask {
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let mask: Mask = serde_yaml_ng::from_str(&text)?;
        match mask.keys() {
            0..=MOST_KEYS => Ok(mask),
            count => Err(format!("{}: {count} keys, at most {MOST_KEYS} are allowed", path.display()).into()),
        }
    }

    pub(crate) fn keys(&self) -> usize {
        self.masked.len() + self.digits.len()
    }

    /// Every value that counts, in order.
    pub(crate) fn leaves(&self, json: &Json) -> Vec<Leaf> {
        let mut leaves = vec![];
        self.collect(String::new(), "", json, &mut leaves);
        leaves
    }

    fn collect(&self, path: String, key: &str, json: &Json, leaves: &mut Vec<Leaf>) {
        if self.masked.iter().any(|k| k == key) {
            return leaves.push(Leaf { path, text: "(masked)".into() });
        }
        match json {
            Json::Object(entries) if !entries.is_empty() => {
                for (name, value) in entries {
                    self.collect(format!("{path}.{name}"), name, value, leaves);
                }
            }
            Json::Array(items) if !items.is_empty() => {
                for (n, item) in items.iter().enumerate() {
                    self.collect(format!("{path}[{n}]"), key, item, leaves);
                }
            }
            scalar => {
                let mut text = scalar.to_string();
                if self.digits.iter().any(|k| k == key) {
                    text = without_digits(&text);
                }
                leaves.push(Leaf { path, text });
            }
        }
    }
}

/// Numbers of any length look alike.
fn without_digits(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' if out.ends_with('#') => {}
            '0'..='9' => out.push('#'),
            _ => out.push(c),
        }
    }
    out
}

/// Puts the server's name in place of its address, which differs from run to run.
pub(crate) fn name_servers(json: &Json, servers: &BTreeMap<String, Server>) -> Json {
    match json {
        Json::String(text) => Json::String(servers.iter().fold(text.clone(), |text, (name, server)| {
            let text = name_server(&text, &server.address, &format!("<{name}>"));
            match server.port {
                Some(port) => name_server(&text, &format!(":{port}"), &format!(":<{name}>")),
                None => text,
            }
        })),
        Json::Array(items) => Json::Array(items.iter().map(|item| name_servers(item, servers)).collect()),
        Json::Object(entries) => {
            Json::Object(entries.iter().map(|(k, v)| (k.clone(), name_servers(v, servers))).collect())
        }
        other => other.clone(),
    }
}

/// In the text, and in what it holds as base64.
fn name_server(text: &str, address: &str, name: &str) -> String {
    let Ok(mut bytes) = STANDARD.decode(text) else { return text.replace(address, name) };
    let at = bytes.windows(address.len()).position(|window| window == address.as_bytes());
    match at {
        None => text.replace(address, name),
        Some(at) => {
            bytes.splice(at..at + address.len(), name.bytes());
            name_server(&STANDARD.encode(bytes), address, name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_named_in_texts_and_in_messages() {
        assert_eq!(name_server("to 127.0.0.1:5, 127.0.0.1:5", "127.0.0.1:5", "<a>"), "to <a>, <a>");
        let message = STANDARD.encode(b"\x01 127.0.0.1:5");
        assert_eq!(name_server(&message, "127.0.0.1:5", "<a>"), STANDARD.encode(b"\x01 <a>"));
    }

    #[test]
    fn masked_keys_are_masked_wherever_they_stand() {
        let mask = Mask { masked: vec!["t".into()], digits: vec!["hint".into()] };
        let read = |text: &str| mask.leaves(&serde_json::from_str(text).unwrap());
        assert_eq!(read(r#"{"a":{"t":1},"b":[{"t":{"x":2}}]}"#), read(r#"{"a":{"t":7},"b":[{"t":null}]}"#));
        assert_eq!(read(r#"{"hint":"in 19 ms"}"#), read(r#"{"hint":"in 7 ms"}"#));
        assert_ne!(read(r#"{"hint":"in 19 ms"}"#), read(r#"{"hint":"in 19 s"}"#));
        assert_ne!(read(r#"{"a":1,"b":2}"#), read(r#"{"b":2,"a":1}"#));
        assert_ne!(read(r#"{"a":null}"#), read("{}"));
    }

    #[test]
    fn a_long_mask_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let write = |count: usize| {
            let keys: Vec<String> = (0..count).map(|n| format!("k{n}")).collect();
            std::fs::write(file.path(), format!("masked: [{}]\ndigits: []\n", keys.join(", "))).unwrap();
        };
        write(MOST_KEYS);
        assert!(Mask::load(file.path()).is_ok());
        write(MOST_KEYS + 1);
        assert!(Mask::load(file.path()).is_err());
    }
}
