//! A server as data: where it listens, and what it does on each connection.
//!
//! A step is `name` or `{name: argument}`. The steps of a connection run in order; after the last one the peer's frames
//! are read and acknowledged until it closes.
use crate::{certificates::Tls, text::Text};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value};
use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    pub listen: Listen,
    /// Where `listen: tcp` listens. Default: a free port of 127.0.0.1.
    pub at: Option<SocketAddr>,
    pub tls: Option<Tls>,
    /// How the `testbed` step serves.
    pub testbed: Testbed,
    /// How the name server of `listen: dns` answers.
    pub dns: Dns,
    /// One list of steps per connection; the last list repeats. Empty: every connection is a `testbed`.
    #[serde(deserialize_with = "connections")]
    pub connections: Vec<Vec<Step>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listen {
    #[default]
    Tcp,
    Unix,
    /// A port that is taken, on which nobody listens.
    Refused,
    /// A listener with a full backlog: SYN packets are dropped.
    Blackhole,
    /// The path of a Unix socket that does not exist.
    MissingUnix,
    /// A name server on UDP.
    Dns,
}

/// The answers to queries.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dns {
    /// 0 NOERROR, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED (RFC 1035).
    pub rcode: u8,
    /// A and AAAA records; with none, NOERROR means that the name has no address.
    pub addresses: Vec<IpAddr>,
    /// The names that exist; empty: all.
    pub names: Vec<String>,
    /// A TXT record of `_grpc_config.` before the name (gRFC A2): a text as it is, or the list of choices.
    pub txt: Option<Value>,
    /// How long an answer may be kept. Default: 1.
    pub ttl_seconds: Option<u32>,
    /// Drops every query.
    pub silent: bool,
    /// What the same question gets the second time, the third time, and so on; the last one stays.
    pub then: Vec<Dns>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Testbed {
    /// `gzip`, `deflate` or `zstd`: how responses are compressed where the client accepts it.
    pub compress: Option<String>,
    /// Requests must be no larger.
    pub max_request_bytes: Option<usize>,
    pub max_concurrent_streams: Option<u32>,
    /// After this long a connection is drained (gRFC A9).
    pub max_connection_age_ms: Option<u64>,
    /// What the health service says to who watches, one step after the other; absent: SERVING.
    pub health: Option<Vec<HealthStep>>,
    /// What becomes of each attempt of a call, by `grpc-previous-rpc-attempts`; the last one repeats. Every response has
    /// what the request said in its header `x-previous-attempts`. Empty: nothing of all this.
    pub attempts: Vec<Planned>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStep {
    Say(ServingStatus),
    SleepMs(u64),
    /// Ends the watch with this grpc-status.
    End(u8),
}

/// As `grpc.health.v1` has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServingStatus {
    Unknown,
    Serving,
    NotServing,
    ServiceUnknown,
}

/// One attempt.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Planned {
    /// The grpc-status that it ends with, before the service sees it. None: the service answers.
    pub status: Option<u32>,
    /// Response headers come before the status, which commits the call.
    pub headers: bool,
    pub trailers: Vec<(String, Text)>,
    /// Waits this long first.
    pub delay_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Hands the connection over to the gRPC server. Only as the first step.
    Testbed,
    /// Sends SETTINGS and reads the client's preface.
    Open(#[serde(deserialize_with = "or_default")] Settings),
    /// Reads the client's preface.
    Preface,
    /// Sends SETTINGS. Once the client has acknowledged its `max_concurrent_streams`, more streams end the connection.
    Settings(#[serde(deserialize_with = "or_default")] Settings),
    /// Reads this many bytes, whatever they are.
    Read(usize),
    Await(Await),
    Headers(#[serde(deserialize_with = "or_default")] Head),
    Message(Message),
    /// A DATA frame as it is.
    Data(Data),
    /// An empty DATA frame that ends the stream.
    End,
    Trailers(Trailers),
    /// A response that is nothing but this.
    TrailersOnly(Trailers),
    /// Answers the request with its own message and status 0.
    Echo,
    /// Answers every further request that way, or with this message.
    Serve(Option<Message>),
    /// Answers every further request with this grpc-status and no message.
    Fail(u32),
    /// Reads a CONNECT request, as a proxy does; one that is not the expected gets 407 or 418.
    Connect(#[serde(deserialize_with = "or_default")] Connect),
    /// Opens the tunnel to this address, and passes on what comes from either side.
    Tunnel(String),
    /// An HTTP answer that is not gRPC.
    Http(Http),
    /// RST_STREAM with this code.
    Rst(u32),
    Goaway(GoAway),
    Frame(Frame),
    /// Bytes as they are.
    Raw(Text),
    SleepMs(u64),
    /// From here on SETTINGS and PING are not acknowledged and windows do not grow.
    Mute,
    /// Reads nothing more and keeps the connection open.
    Stall,
    Close(Close),
}

/// What a proxy expects.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Connect {
    /// The host and port to connect to.
    pub to: Option<String>,
    /// The value of Proxy-Authorization. Absent: there must be none.
    pub authorization: Option<String>,
}

/// Parameters by name (RFC 9113 section 6.5.2).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub max_concurrent_streams: Option<u32>,
    pub initial_window_size: Option<u32>,
    pub max_frame_size: Option<u32>,
    pub max_header_list_size: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Await {
    /// The next request has begun; later steps answer it.
    Headers,
    /// The current request, or the next one where there is none, has one whole message.
    Message,
    /// The current request, or the next one where there is none, has ended.
    Request,
    /// The client has sent a PING.
    Ping,
    /// The client has reset the current request.
    Rst,
    /// The client has closed the connection.
    Eof,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Head {
    pub status: Option<String>,
    pub content_type: Option<String>,
    pub extra: Vec<(String, Text)>,
    pub end: bool,
}

impl Default for Head {
    fn default() -> Self {
        Head { status: Some("200".into()), content_type: Some("application/grpc".into()), extra: vec![], end: false }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Message {
    Plain(Text),
    Framed(Framed),
}

/// A gRPC message with a prefix that may lie.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Framed {
    pub body: Text,
    /// `gzip`, `deflate` or `zstd`; the flag is then 1.
    pub compress: Option<String>,
    pub flag: Option<u8>,
    /// The length that the prefix claims.
    pub length: Option<u32>,
    /// Cut into DATA frames, each sent when the client's windows have room for it.
    pub frames: Option<Frames>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frames {
    /// Of the message in each.
    pub bytes: NonZeroUsize,
    pub padding: Option<u8>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    pub body: Text,
    #[serde(default)]
    pub end: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Trailers {
    /// grpc-status.
    Status(u32),
    Full(FullTrailers),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FullTrailers {
    pub status: Option<String>,
    pub message: Option<String>,
    pub extra: Vec<(String, Text)>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub status: u16,
    #[serde(default = "html")]
    pub content_type: String,
    #[serde(default)]
    pub extra: Vec<(String, Text)>,
    pub body: Option<Text>,
}

fn html() -> String {
    "text/html".into()
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoAway {
    #[serde(default)]
    pub code: u32,
    pub last: Last,
    #[serde(default)]
    pub debug: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Last {
    /// 0: nothing was processed.
    None,
    /// The current request.
    This,
    /// 2^31 - 1: the first of two steps.
    Max,
}

/// Any frame. Without `stream`: that of the current request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    pub kind: u8,
    #[serde(default)]
    pub flags: u8,
    pub stream: Option<u32>,
    pub payload: Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Close {
    /// FIN, or close_notify and FIN.
    Eof,
    /// A TCP reset.
    Rst,
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

fn connections<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Vec<Step>>, D::Error> {
    let lists = Vec::<Vec<Value>>::deserialize(from)?;
    lists
        .into_iter()
        .enumerate()
        .map(|(n, list)| {
            list.into_iter()
                .enumerate()
                .map(|(m, step)| {
                    let shown = step.to_string();
                    serde_json::from_value(with_argument(step))
                        .map_err(|e| D::Error::custom(format!("connections[{n}][{m}] {shown}: {e}")))
                })
                .collect()
        })
        .collect()
}

fn with_argument(step: Value) -> Value {
    match step {
        Value::String(name) => Map::from_iter([(name, Value::Null)]).into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn steps_are_names_or_names_with_an_argument() {
        let script: Script = serde_json::from_value(json!({"connections": [[
            "open", {"await": "request"}, "headers", {"message": "hi"}, {"message": {"body": "hi", "flag": 2}},
            {"trailers": 5}, {"trailers": {"status": "007"}}, {"goaway": {"last": "none"}}, "testbed", {"close": "rst"},
        ]]}))
        .unwrap();
        assert_eq!(script.connections[0].len(), 10);
        assert!(matches!(&script.connections[0][0], Step::Open(s) if s.max_frame_size.is_none()));
        assert!(matches!(&script.connections[0][4], Step::Message(Message::Framed(f)) if f.flag == Some(2)));
    }

    #[test]
    fn a_wrong_step_is_named() {
        let error = serde_json::from_value::<Script>(json!({"connections": [["open"], ["open", "nonsense"]]}));
        assert!(error.unwrap_err().to_string().contains("connections[1][1]"));
    }
}
