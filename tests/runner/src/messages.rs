//! Messages as scenario files write them: bytes, or `{echo: ..}` and `{whoami: ..}` for the testbed's own.
use crate::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use causewire_testbed::{
    pb::testbed::{EchoRequest, EchoResponse, WhoAmIRequest, WhoAmIResponse},
    text::Text,
};
use prost::Message;
use serde_json::{Map, Value};

/// The request as base64.
pub(crate) fn encode(message: &Value) -> Result<String> {
    let wrong = |e: serde_json::Error| format!("message {message}: {e}");
    let bytes = if let Some(echo) = message.get("echo") {
        serde_json::from_value::<EchoRequest>(echo.clone()).map_err(wrong)?.encode_to_vec()
    } else if let Some(whoami) = message.get("whoami") {
        serde_json::from_value::<WhoAmIRequest>(whoami.clone()).map_err(wrong)?.encode_to_vec()
    } else {
        serde_json::from_value::<Text>(message.clone()).map_err(wrong)?.bytes()?
    };
    Ok(STANDARD.encode(bytes))
}

/// What was received, in the form in which it is expected.
pub(crate) fn decode_like(expected: &Value, received: &str) -> Result<Value> {
    let bytes = STANDARD.decode(received).map_err(|e| format!("not base64: {e}"))?;
    let wrap = |key: &str, value| Value::Object(Map::from_iter([(key.to_owned(), value)]));
    if expected.get("echo").is_some() {
        return Ok(wrap("echo", serde_json::to_value(EchoResponse::decode(&bytes[..])?)?));
    }
    if expected.get("whoami").is_some() {
        return Ok(wrap("whoami", serde_json::to_value(WhoAmIResponse::decode(&bytes[..])?)?));
    }
    let same = serde_json::from_value::<Text>(expected.clone()).is_ok_and(|t| t.bytes().is_ok_and(|b| b == bytes));
    if same { Ok(expected.clone()) } else { Ok(String::from_utf8_lossy(&bytes).into_owned().into()) }
}

/// The method that fits the messages, where a scenario names none.
pub(crate) fn method(kind: &str, messages: &[&Value]) -> String {
    let all = |key: &str| messages.first().is_some_and(|m| m.get(key).is_some());
    let name = match kind {
        _ if all("whoami") => "WhoAmI",
        _ if !all("echo") => return "/test.Service/Method".into(),
        "server_streaming" => "EchoServerStream",
        "client_streaming" => "EchoClientStream",
        "bidi" => "EchoBidi",
        _ => "Echo",
    };
    format!("/causewire.testbed.v1.Testbed/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn messages_are_bytes_or_testbed_messages() {
        assert_eq!(encode(&json!("hi")).unwrap(), "aGk=");
        assert_eq!(encode(&json!({"echo": {"payload": "hi"}})).unwrap(), "CgJoaQ==");
        assert!(encode(&json!({"echo": {"paylod": "hi"}})).is_err());
        assert_eq!(decode_like(&json!("hi"), "aGk=").unwrap(), json!("hi"));
        assert_eq!(decode_like(&json!("no"), "aGk=").unwrap(), json!("hi"));
        let echo = decode_like(&json!({"echo": {"payload": "x"}}), "CgJoaQ==").unwrap();
        assert_eq!(echo["echo"]["payload"], "hi");
    }

    #[test]
    fn the_method_follows_the_messages() {
        let echo = json!({"echo": {}});
        assert_eq!(method("bidi", &[&echo]), "/causewire.testbed.v1.Testbed/EchoBidi");
        assert_eq!(method("bidi", &[]), "/test.Service/Method");
    }
}
