//! A request of the suite as a line of the drivers' protocol.
use crate::{
    Result,
    proto::{
        ClientCompatRequest, Codec, Compression, Header, HttpVersion, Protocol, StreamType,
        client_compat_request::cancel::CancelTiming,
    },
};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use prost_types::Any;
use serde_json::{Value, json};

const SERVICE: &str = "connectrpc.conformance.v1.ConformanceService";

/// Metadata comes with padding or without.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The methods of the service. A client has to refuse any other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Method {
    Unary,
    ServerStream,
    ClientStream,
    BidiStream,
    Unimplemented,
    IdempotentUnary,
}

/// When to cancel, in the order of the call's life.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cancel {
    Never,
    BeforeCloseSend,
    AfterCloseSend(u32),
    AfterResponses(u32),
}

impl Method {
    pub(crate) fn of(request: &ClientCompatRequest) -> Result<Self> {
        let service = request.service();
        if service != SERVICE {
            return Err(format!("the service {service:?} is not known").into());
        }
        match request.method() {
            "Unary" => Ok(Method::Unary),
            "ServerStream" => Ok(Method::ServerStream),
            "ClientStream" => Ok(Method::ClientStream),
            "BidiStream" => Ok(Method::BidiStream),
            "Unimplemented" => Ok(Method::Unimplemented),
            "IdempotentUnary" => Ok(Method::IdempotentUnary),
            other => Err(format!("the method {other:?} is not known").into()),
        }
    }
}

/// The line that makes the call.
pub(crate) fn line(request: &ClientCompatRequest) -> Result<Value> {
    supported(request)?;
    let method = Method::of(request)?;
    let messages = messages(method, &request.request_messages)?;
    let cancel = cancel(request);
    let (target, options) = (target(request), options(request)?);
    let mut line = json!({
        // A name of its own for each set of options: the first line of a channel fixes them.
        "channel": format!("{target} {options}"),
        "target": target,
        "options": options,
        "hooks": {"deserialize": "protobuf"},
        "method": format!("/{SERVICE}/{method:?}"),
        "metadata": metadata(&request.request_headers)?,
        "compression": compression(request.compression())?,
    });
    let mut set = |key: &str, value: Value| line[key] = value;
    if let Some(timeout) = request.timeout_ms {
        set("deadline_ms", timeout.into());
    }
    let stream = request.stream_type();
    set("kind", kind(stream)?.into());
    if matches!(stream, StreamType::Unary | StreamType::ServerStream) && messages.len() != 1 {
        return Err(format!("{} request messages for one", messages.len()).into());
    }
    match (stream, cancel) {
        (StreamType::Unary, Cancel::Never) => set("messages", messages.into()),
        (StreamType::Unary, Cancel::AfterCloseSend(ms)) => {
            set("messages", messages.into());
            set("cancel_after_ms", ms.into());
        }
        (StreamType::Unary, _) => return Err("a unary call cannot be cancelled at that time".into()),
        (StreamType::ClientStream, Cancel::AfterResponses(_)) => {
            return Err("a call with one response cannot be cancelled after it".into());
        }
        (StreamType::ServerStream, Cancel::BeforeCloseSend) => {
            return Err("a call with one request closes by itself".into());
        }
        // What a program does that has nothing else in mind: send all, receive all.
        (StreamType::ServerStream | StreamType::ClientStream, Cancel::Never) => {
            set("messages", messages.into());
            if stream == StreamType::ClientStream && request.request_delay_ms > 0 {
                set("delay_ms", request.request_delay_ms.into());
            }
        }
        _ => set("steps", steps(stream, &messages, request.request_delay_ms, cancel).into()),
    }
    Ok(line)
}

/// The suite's pseudo-code for streams, step by step; after the last one a driver closes and receives the rest.
fn steps(stream: StreamType, messages: &[String], delay: u32, cancel: Cancel) -> Vec<Value> {
    let mut steps = Vec::new();
    let mut received = 0;
    for message in messages {
        if delay > 0 && stream != StreamType::ServerStream {
            steps.push(json!({"sleep_ms": delay}));
        }
        steps.push(json!({"send": message}));
        if stream == StreamType::FullDuplexBidiStream {
            steps.push(json!({"recv": 1}));
            received += 1;
            if cancel == Cancel::AfterResponses(received) {
                steps.push(json!({"cancel": true}));
            }
        }
    }
    if cancel == Cancel::BeforeCloseSend {
        steps.push(json!({"cancel": true}));
    }
    if stream != StreamType::ServerStream {
        steps.push(json!({"close": true}));
    }
    match cancel {
        Cancel::AfterCloseSend(ms) => steps.extend([json!({"sleep_ms": ms}), json!({"cancel": true})]),
        Cancel::AfterResponses(count) if count > received => {
            steps.extend([json!({"recv": count - received}), json!({"cancel": true})]);
        }
        _ => {}
    }
    steps
}

/// What the config does not ask for is not done as something else.
fn supported(request: &ClientCompatRequest) -> Result<()> {
    if request.http_version() != HttpVersion::HttpVersion2 {
        return Err("only HTTP/2".into());
    }
    if request.protocol() != Protocol::Grpc {
        return Err("only gRPC".into());
    }
    if request.codec() != Codec::Proto {
        return Err("only the codec proto".into());
    }
    if request.raw_request.is_some() || request.use_get_http_method {
        return Err("only what a gRPC client sends".into());
    }
    Ok(())
}

fn cancel(request: &ClientCompatRequest) -> Cancel {
    let Some(cancel) = &request.cancel else { return Cancel::Never };
    match cancel.cancel_timing {
        Some(CancelTiming::BeforeCloseSend(())) => Cancel::BeforeCloseSend,
        Some(CancelTiming::AfterCloseSendMs(ms)) => Cancel::AfterCloseSend(ms),
        Some(CancelTiming::AfterNumResponses(count)) => Cancel::AfterResponses(count),
        None => Cancel::AfterCloseSend(0),
    }
}

fn kind(stream: StreamType) -> Result<&'static str> {
    match stream {
        StreamType::Unary => Ok("unary"),
        StreamType::ClientStream => Ok("client_streaming"),
        StreamType::ServerStream => Ok("server_streaming"),
        StreamType::HalfDuplexBidiStream | StreamType::FullDuplexBidiStream => Ok("bidi"),
        StreamType::Unspecified => Err("no stream type".into()),
    }
}

fn target(request: &ClientCompatRequest) -> String {
    let ClientCompatRequest { host, port, .. } = request;
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn options(request: &ClientCompatRequest) -> Result<Value> {
    let mut options = json!({"tls": null});
    if !request.server_tls_cert.is_empty() {
        options["tls"] = json!({"ca_pem": text(&request.server_tls_cert)?});
        if let Some(own) = &request.client_tls_creds {
            options["tls"]["cert_pem"] = text(&own.cert)?.into();
            options["tls"]["key_pem"] = text(&own.key)?.into();
        }
    }
    if request.message_receive_limit > 0 {
        options["max_receive_message_bytes"] = request.message_receive_limit.into();
    }
    Ok(options)
}

fn text(pem: &[u8]) -> Result<&str> {
    std::str::from_utf8(pem).map_err(|_| "a PEM file that is no text".into())
}

fn compression(compression: Compression) -> Result<&'static str> {
    match compression {
        Compression::Unspecified | Compression::Identity => Ok("identity"),
        Compression::Gzip => Ok("gzip"),
        Compression::Deflate => Ok("deflate"),
        Compression::Zstd => Ok("zstd"),
        Compression::Br | Compression::Snappy => Err(format!("{} is not spoken", compression.as_str_name()).into()),
    }
}

fn messages(method: Method, messages: &[Any]) -> Result<Vec<String>> {
    let expected = format!("connectrpc.conformance.v1.{method:?}Request");
    let one = |message: &Any| match message.type_url.rsplit('/').next() {
        Some(name) if name == expected => Ok(STANDARD.encode(&message.value)),
        _ => Err(format!("a {} where a {expected} belongs", message.type_url).into()),
    };
    messages.iter().map(one).collect()
}

fn metadata(headers: &[Header]) -> Result<Vec<[String; 2]>> {
    let mut pairs = Vec::new();
    for Header { name, value } in headers {
        for value in value {
            let value = match name.ends_with("-bin") {
                true => STANDARD.encode(LENIENT.decode(value)?),
                false => value.clone(),
            };
            pairs.push([name.clone(), value]);
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests;
