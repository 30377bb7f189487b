//! The lines that come in.
use serde::Deserialize;
use serde_json::Value;

/// One line, understood.
pub enum Line {
    Call(Box<Call>),
    Channel(ChannelOp),
    Cancel(CancelOp),
    Logs { id: Value },
}

/// A line that breaks the protocol.
pub struct Misuse {
    pub id: Value,
    pub field: String,
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    pub id: Value,
    pub channel: Option<String>,
    pub target: Option<String>,
    pub options: Option<Value>,
    pub method: String,
    pub kind: Kind,
    #[serde(default)]
    pub metadata: Vec<(String, String)>,
    #[serde(default)]
    pub messages: Vec<String>,
    pub delay_ms: Option<u64>,
    pub deadline_ms: Option<f64>,
    pub wait_for_ready: Option<bool>,
    pub compression: Option<String>,
    pub authority: Option<String>,
    #[serde(default)]
    pub idempotent: bool,
    pub cancel_after_ms: Option<u64>,
    pub steps: Option<Vec<Step>>,
    pub hooks: Option<Hooks>,
    #[serde(default)]
    pub render: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Unary,
    ServerStreaming,
    ClientStreaming,
    Bidi,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Send(String),
    Recv(Value),
    Headers(bool),
    SleepMs(u64),
    Close(bool),
    Cancel(bool),
    Drop(bool),
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hooks {
    pub token: Option<Vec<Value>>,
    pub addresses: Option<Vec<Value>>,
    pub deserialize: Option<String>,
}

#[derive(Deserialize)]
pub struct ChannelOp {
    pub id: Value,
    pub channel: String,
    #[serde(rename = "do")]
    pub what: String,
    pub state: Option<String>,
    pub timeout_ms: Option<u64>,
}

#[derive(Deserialize)]
pub struct CancelOp {
    pub id: Value,
    pub call: Value,
}

impl Line {
    pub fn parse(text: &str) -> Result<Line, Misuse> {
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
    pub fn new(id: Value, field: &str, message: impl ToString) -> Self {
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
