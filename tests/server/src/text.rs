//! Bytes as a scenario file writes them: `"text"`, `{hex: ..}`, `{base64: ..}`, `{fill: "a", times: 100}`, or
//! `{join: [..]}` of these.
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Text {
    Plain(String),
    Hex { hex: String },
    Base64 { base64: String },
    Fill { fill: String, times: usize },
    Join { join: Vec<Text> },
}

impl Text {
    pub fn bytes(&self) -> Result<Vec<u8>, String> {
        match self {
            Text::Plain(text) => Ok(text.clone().into_bytes()),
            Text::Hex { hex } => unhex(hex),
            Text::Base64 { base64 } => STANDARD.decode(base64).map_err(|e| format!("base64: {e}")),
            Text::Fill { fill, times } => Ok(fill.repeat(*times).into_bytes()),
            Text::Join { join } => join.iter().map(Text::bytes).collect::<Result<Vec<_>, _>>().map(|all| all.concat()),
        }
    }
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    if digits.len() % 2 == 1 {
        return Err("hex: odd number of digits".into());
    }
    let pair = |p: &[u8]| std::str::from_utf8(p).ok().and_then(|p| u8::from_str_radix(p, 16).ok());
    digits.chunks(2).map(|p| pair(p).ok_or_else(|| "hex: not a digit".into())).collect()
}

pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.serialize(to),
        Err(_) => serde_json::json!({ "base64": STANDARD.encode(bytes) }).serialize(to),
    }
}

pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    Text::deserialize(from)?.bytes().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_gives_its_bytes() {
        let read = |json: &str| serde_json::from_str::<Text>(json).unwrap().bytes();
        assert_eq!(read(r#""hi""#).unwrap(), b"hi");
        assert_eq!(read(r#"{"hex":"00 ff"}"#).unwrap(), [0, 255]);
        assert_eq!(read(r#"{"base64":"aGk="}"#).unwrap(), b"hi");
        assert_eq!(read(r#"{"fill":"ab","times":2}"#).unwrap(), b"abab");
        assert_eq!(read(r#"{"join":["a",{"hex":"00"},{"fill":"b","times":2}]}"#).unwrap(), b"a\0bb");
        assert!(read(r#"{"join":[{"hex":"0"}]}"#).is_err());
        assert!(read(r#"{"hex":"0"}"#).is_err());
        assert!(read(r#"{"hex":"zz"}"#).is_err());
    }
}
