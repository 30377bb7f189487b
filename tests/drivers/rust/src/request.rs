//! The lines that come in.
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

/// One line, understood.
pub(crate) enum Line {
    Call(Box<Call>),
    Channel(ChannelOp),
    Cancel(CancelOp),
    Logs { id: Value },
}

/// A line that breaks the protocol.
pub(crate) struct Misuse {
    pub(crate) id: Value,
    pub(crate) field: String,
    pub(crate) message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    pub(crate) id: Value,
    pub(crate) channel: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) options: Option<Value>,
    pub(crate) method: String,
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) metadata: Vec<(String, String)>,
    #[serde(default)]
    pub(crate) messages: Vec<String>,
    pub(crate) delay_ms: Option<u64>,
    pub(crate) deadline_ms: Option<f64>,
    pub(crate) wait_for_ready: Option<bool>,
    pub(crate) compression: Option<String>,
    pub(crate) authority: Option<String>,
    #[serde(default)]
    pub(crate) idempotent: bool,
    pub(crate) retry: Option<Value>,
    pub(crate) cancel_after_ms: Option<u64>,
    pub(crate) steps: Option<Vec<Step>>,
    pub(crate) hooks: Option<Hooks>,
    #[serde(default)]
    pub(crate) render: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Unary,
    ServerStreaming,
    ClientStreaming,
    Bidi,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    Send(String),
    SendUncompressed(String),
    Recv(Value),
    Headers(IgnoredAny),
    SleepMs(u64),
    Close(IgnoredAny),
    Cancel(IgnoredAny),
    Drop(IgnoredAny),
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Hooks {
    pub(crate) token: Option<Vec<Value>>,
    pub(crate) addresses: Option<Vec<Value>>,
    pub(crate) deserialize: Reading,
}

/// What responses are read as.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reading {
    #[default]
    #[serde(skip)]
    Bytes,
    Protobuf,
    Throw,
}

#[derive(Deserialize)]
pub(crate) struct ChannelOp {
    pub(crate) id: Value,
    pub(crate) channel: String,
    pub(crate) target: Option<String>,
    pub(crate) options: Option<Value>,
    pub(crate) hooks: Option<Hooks>,
    #[serde(rename = "do")]
    pub(crate) what: String,
    pub(crate) state: Option<String>,
    pub(crate) timeout_ms: Option<u64>,
}

#[derive(Deserialize)]
pub(crate) struct CancelOp {
    pub(crate) id: Value,
    pub(crate) call: Value,
}

impl Line {
    pub(crate) fn parse(text: &str) -> Result<Line, Misuse> {
        let value: Value = serde_json::from_str(text).map_err(|e| Misuse::new(Value::Null, "line", e))?;
        let id = value.get("id").cloned().unwrap_or(Value::Null);
        let wrong = |e| Misuse::new(id.clone(), "line", e);
        match value.get("op").and_then(Value::as_str) {
            None => serde_json::from_value(value).map(|call| Line::Call(Box::new(call))).map_err(wrong),
            Some("channel") => serde_json::from_value(value).map(Line::Channel).map_err(wrong),
            Some("cancel") => serde_json::from_value(value).map(Line::Cancel).map_err(wrong),
            Some("logs") => Ok(Line::Logs { id }),
            Some(_) => Err(Misuse { id, field: "op".into(), message: "is unknown".into() }),
        }
    }
}

impl Misuse {
    pub(crate) fn new(id: Value, field: &str, message: impl ToString) -> Self {
        Misuse { id, field: field.to_owned(), message: message.to_string() }
    }
}

impl From<Kind> for causewire::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Unary => causewire::Kind::Unary,
            Kind::ServerStreaming => causewire::Kind::ServerStreaming,
            Kind::ClientStreaming => causewire::Kind::ClientStreaming,
            Kind::Bidi => causewire::Kind::Bidi,
        }
    }
}
