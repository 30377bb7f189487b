//! What is called, and what has to come of it.
use crate::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use causewire_testbed::pb::testbed::{EchoRequest, EchoResponse};
use prost::Message;
use serde_json::{Value, json};

const METHOD: &str = "/causewire.testbed.v1.Testbed/Echo";
const PAYLOAD: &[u8] = b"hello";
/// The certificate that is expired is the one most teams have met.
pub(crate) const SHOWN_IN_FULL: &str = "TLS_CERT_EXPIRED";

#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) title: &'static str,
    /// A name of `faults.json`; absent: the server that works.
    fault: Option<&'static str>,
    tls: bool,
    deadline_ms: u64,
    /// Absent: the call succeeds.
    pub(crate) cause: Option<&'static str>,
}

const fn fault(title: &'static str, fault: &'static str, cause: &'static str) -> Case {
    Case { title, fault: Some(fault), tls: false, deadline_ms: 5_000, cause: Some(cause) }
}

pub(crate) const CASES: [Case; 7] = [
    Case { title: "nothing", fault: None, tls: true, deadline_ms: 5_000, cause: None },
    Case { tls: true, ..fault("expired certificate", "expired_certificate", SHOWN_IN_FULL) },
    fault("nobody listens", "refused", "CONNECT_REFUSED"),
    fault("proxy eats trailers", "trailers_stripped", "STATUS_MISSING"),
    fault("gateway says 503", "gateway_503", "HTTP_UNAVAILABLE"),
    Case { tls: true, ..fault("TLS to a plain port", "tls_on_plaintext", "TLS_PEER_NOT_TLS") },
    Case { deadline_ms: 300, ..fault("server stays silent", "slow", "DEADLINE_AWAITING_RESPONSE") },
];

impl Case {
    /// The line for the drivers; `places` is what the testbed says of itself.
    pub(crate) fn line(&self, id: &str, places: &Value, ca_pem: &str) -> Result<String> {
        let place = match self.fault {
            None => &places["tls_target"],
            Some(name) => &places["faults"][name],
        };
        let target = place.as_str().ok_or_else(|| format!("{}: the testbed has no such server", self.title))?;
        let tls = if self.tls { json!({"ca_pem": ca_pem}) } else { Value::Null };
        let request = EchoRequest { payload: PAYLOAD.to_vec(), ..EchoRequest::default() };
        Ok(json!({
            "id": id, "target": target, "options": {"tls": tls}, "method": METHOD, "kind": "unary",
            "messages": [STANDARD.encode(request.encode_to_vec())], "deadline_ms": self.deadline_ms, "render": true,
        })
        .to_string())
    }
}

/// What the server echoed.
pub(crate) fn echoed(answer: &Value) -> Result<String> {
    let message = answer["messages"][0].as_str().ok_or("a success without a message")?;
    let response = EchoResponse::decode(STANDARD.decode(message)?.as_slice())?;
    match response.payload == PAYLOAD {
        true => Ok(String::from_utf8_lossy(&response.payload).into_owned()),
        false => Err("the echo is another message than was sent".into()),
    }
}
