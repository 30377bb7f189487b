//! `google.rpc` details as a scenario file writes them: `{"@type": ErrorInfo, reason: .., domain: ..}`.
use crate::{pb::rpc, text};
use prost::Message;
use prost_types::Any;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::{Map, Value, json};

const PREFIX: &str = "type.googleapis.com/google.rpc.";

macro_rules! standard_types {
    ($($name:ident),*) => {
        fn encode(name: &str, fields: Value) -> Result<Option<Vec<u8>>, serde_json::Error> {
            match name {
                $(stringify!($name) => Ok(Some(serde_json::from_value::<rpc::$name>(fields)?.encode_to_vec())),)*
                _ => Ok(None),
            }
        }
        fn decode(name: &str, bytes: &[u8]) -> Option<Value> {
            match name {
                $(stringify!($name) => serde_json::to_value(rpc::$name::decode(bytes).ok()?).ok(),)*
                _ => None,
            }
        }
    };
}
standard_types!(
    BadRequest,
    DebugInfo,
    ErrorInfo,
    Help,
    LocalizedMessage,
    PreconditionFailure,
    QuotaFailure,
    RequestInfo,
    ResourceInfo,
    RetryInfo
);

pub fn serialize<S: Serializer>(details: &[Any], to: S) -> Result<S::Ok, S::Error> {
    details.iter().map(show).collect::<Vec<Value>>().serialize(to)
}

fn show(any: &Any) -> Value {
    let name = any.type_url.strip_prefix(PREFIX);
    match name.and_then(|n| Some((n, decode(n, &any.value)?))) {
        Some((name, Value::Object(mut fields))) => {
            fields.insert("@type".into(), name.into());
            fields.into()
        }
        _ => json!({ "@type": any.type_url, "value": hex(&any.value) }),
    }
}

fn hex(bytes: &[u8]) -> Value {
    json!({ "hex": bytes.iter().map(|b| format!("{b:02x}")).collect::<String>() })
}

pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Any>, D::Error> {
    Vec::<Map<String, Value>>::deserialize(from)?.into_iter().map(|m| read(m).map_err(D::Error::custom)).collect()
}

fn read(mut fields: Map<String, Value>) -> Result<Any, String> {
    let Some(Value::String(name)) = fields.remove("@type") else { return Err("a detail needs @type".into()) };
    let raw = fields.get("value").cloned();
    if let Some(value) = encode(&name, fields.into()).map_err(|e| format!("{name}: {e}"))? {
        return Ok(Any { type_url: format!("{PREFIX}{name}"), value });
    }
    let value: text::Text =
        serde_json::from_value(raw.unwrap_or_default()).map_err(|e| format!("{name}: value: {e}"))?;
    Ok(Any { type_url: name, value: value.bytes()? })
}

/// A protobuf duration, in milliseconds.
pub mod duration {
    use super::*;
    use prost_types::Duration;

    pub fn serialize<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        duration.as_ref().map(|d| d.seconds * 1000 + i64::from(d.nanos) / 1_000_000).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        let millis = Option::<i64>::deserialize(from)?;
        Ok(millis.map(|ms| Duration { seconds: ms / 1000, nanos: (ms % 1000) as i32 * 1_000_000 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_and_unknown_details_survive_the_round_trip() {
        let json = json!({"code": 8, "message": "quota", "details": [
            {"@type": "RetryInfo", "retry_delay": 1500},
            {"@type": "type.example/x.Y", "value": {"hex": "ff00"}},
        ]});
        let status: rpc::Status = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(status.details[0].type_url, "type.googleapis.com/google.rpc.RetryInfo");
        assert_eq!(status.details[1].value, [255, 0]);
        assert_eq!(serde_json::to_value(status).unwrap(), json);
    }
}
