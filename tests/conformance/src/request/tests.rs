use super::*;
use crate::proto::{TlsCreds, client_compat_request::Cancel as CancelField};

/// A request of the reference server's, with `count` messages `a`, `b` ..
fn request(stream: StreamType, count: u8) -> ClientCompatRequest {
    let method = match stream {
        StreamType::ClientStream => "ClientStream",
        StreamType::ServerStream => "ServerStream",
        StreamType::HalfDuplexBidiStream | StreamType::FullDuplexBidiStream => "BidiStream",
        _ => "Unary",
    };
    let message = |byte| Any {
        type_url: format!("type.googleapis.com/connectrpc.conformance.v1.{method}Request"),
        value: vec![byte],
    };
    ClientCompatRequest {
        http_version: HttpVersion::HttpVersion2.into(),
        protocol: Protocol::Grpc.into(),
        codec: Codec::Proto.into(),
        compression: Compression::Identity.into(),
        host: "127.0.0.1".into(),
        port: 50051,
        service: Some(SERVICE.into()),
        method: Some(method.into()),
        stream_type: stream.into(),
        request_messages: (b'a'..b'a' + count).map(message).collect(),
        ..ClientCompatRequest::default()
    }
}

fn cancelled(stream: StreamType, count: u8, timing: Option<CancelTiming>) -> ClientCompatRequest {
    ClientCompatRequest { cancel: Some(CancelField { cancel_timing: timing }), ..request(stream, count) }
}

fn refused(request: &ClientCompatRequest) -> String {
    line(request).unwrap_err().to_string()
}

/// The steps as the pseudo-code would say them.
fn said(request: &ClientCompatRequest) -> String {
    let line = line(request).unwrap();
    let steps = line["steps"].as_array().unwrap().iter().map(|step| {
        let (name, value) = step.as_object().unwrap().iter().next().unwrap();
        match (&name[..], value) {
            ("send", value) => {
                let sent = STANDARD.decode(value.as_str().unwrap()).unwrap();
                format!("send {}", String::from_utf8(sent).unwrap())
            }
            (name, Value::Bool(true)) => name.to_owned(),
            (name, value) => format!("{name} {value}"),
        }
    });
    steps.collect::<Vec<_>>().join(", ")
}

#[test]
fn a_unary_call_has_everything_that_the_request_says() {
    let header = |name: &str, values: &[&str]| Header {
        name: name.into(),
        value: values.iter().map(|&value| value.to_owned()).collect(),
    };
    let request = ClientCompatRequest {
        compression: Compression::Gzip.into(),
        server_tls_cert: b"server".to_vec(),
        client_tls_creds: Some(TlsCreds { cert: b"cert".to_vec(), key: b"key".to_vec() }),
        message_receive_limit: 200_000,
        request_headers: vec![header("X-Test", &["1", "2"]), header("b-bin", &["AAE"])],
        timeout_ms: Some(200),
        request_delay_ms: 7,
        ..request(StreamType::Unary, 1)
    };
    let tls = json!({"ca_pem": "server", "cert_pem": "cert", "key_pem": "key"});
    let options = json!({"tls": tls, "max_receive_message_bytes": 200_000});
    assert_eq!(
        line(&request).unwrap(),
        json!({
            "channel": format!("127.0.0.1:50051 {options}"),
            "target": "127.0.0.1:50051",
            "options": options,
            "hooks": {"deserialize": "protobuf"},
            "method": "/connectrpc.conformance.v1.ConformanceService/Unary",
            "metadata": [["X-Test", "1"], ["X-Test", "2"], ["b-bin", "AAE="]],
            "compression": "gzip",
            "deadline_ms": 200,
            "kind": "unary",
            "messages": ["YQ=="],
        })
    );
}

#[test]
fn plaintext_is_said_and_an_address_of_ipv6_is_bracketed() {
    let request = ClientCompatRequest { host: "::1".into(), ..request(StreamType::Unary, 1) };
    let line = line(&request).unwrap();
    assert_eq!((&line["target"], &line["options"]), (&json!("[::1]:50051"), &json!({"tls": null})));
    assert_eq!(line.get("deadline_ms"), None);
}

#[test]
fn streams_that_nobody_cancels_send_all_and_receive_all() {
    let delayed = |stream| ClientCompatRequest { request_delay_ms: 9, ..request(stream, 2) };
    let line_of = |request: &ClientCompatRequest| line(request).unwrap();
    let client = line_of(&delayed(StreamType::ClientStream));
    assert_eq!((&client["messages"], &client["delay_ms"]), (&json!(["YQ==", "Yg=="]), &json!(9)));
    let server = line_of(&request(StreamType::ServerStream, 1));
    assert_eq!((&server["messages"], server.get("delay_ms")), (&json!(["YQ=="]), None));
    assert_eq!(said(&delayed(StreamType::HalfDuplexBidiStream)), "sleep_ms 9, send a, sleep_ms 9, send b, close");
    assert_eq!(said(&request(StreamType::FullDuplexBidiStream, 2)), "send a, recv 1, send b, recv 1, close");
    assert_eq!(said(&request(StreamType::FullDuplexBidiStream, 0)), "close");
}

#[test]
fn a_call_is_cancelled_when_the_request_says() {
    let before = || Some(CancelTiming::BeforeCloseSend(()));
    let after = |ms| Some(CancelTiming::AfterCloseSendMs(ms));
    let responses = |count| Some(CancelTiming::AfterNumResponses(count));
    let (client, server) = (StreamType::ClientStream, StreamType::ServerStream);
    let (half, full) = (StreamType::HalfDuplexBidiStream, StreamType::FullDuplexBidiStream);
    for (stream, count, timing, expected) in [
        (client, 2, before(), "send a, send b, cancel, close"),
        (client, 2, after(5), "send a, send b, close, sleep_ms 5, cancel"),
        (client, 1, None, "send a, close, sleep_ms 0, cancel"),
        (server, 1, after(5), "send a, sleep_ms 5, cancel"),
        (server, 1, responses(2), "send a, recv 2, cancel"),
        (half, 2, before(), "send a, send b, cancel, close"),
        (half, 2, after(5), "send a, send b, close, sleep_ms 5, cancel"),
        (half, 2, responses(1), "send a, send b, close, recv 1, cancel"),
        (full, 2, before(), "send a, recv 1, send b, recv 1, cancel, close"),
        (full, 2, after(5), "send a, recv 1, send b, recv 1, close, sleep_ms 5, cancel"),
        (full, 2, responses(1), "send a, recv 1, cancel, send b, recv 1, close"),
        (full, 2, responses(3), "send a, recv 1, send b, recv 1, close, recv 1, cancel"),
    ] {
        assert_eq!(said(&cancelled(stream, count, timing)), expected);
    }
    let unary = line(&cancelled(StreamType::Unary, 1, after(5))).unwrap();
    assert_eq!((&unary["cancel_after_ms"], unary.get("steps")), (&json!(5), None));
    for impossible in [
        cancelled(StreamType::Unary, 1, before()),
        cancelled(StreamType::Unary, 1, responses(1)),
        cancelled(client, 1, responses(1)),
        cancelled(server, 1, before()),
    ] {
        assert!(refused(&impossible).contains("cancelled") || refused(&impossible).contains("closes by itself"));
    }
}

#[test]
fn what_is_not_grpc_or_not_ours_is_refused() {
    let unary = || request(StreamType::Unary, 1);
    let set = |change: fn(&mut ClientCompatRequest)| {
        let mut request = unary();
        change(&mut request);
        refused(&request)
    };
    assert_eq!(set(|r| r.http_version = HttpVersion::HttpVersion1.into()), "only HTTP/2");
    assert_eq!(set(|r| r.protocol = Protocol::Connect.into()), "only gRPC");
    assert_eq!(set(|r| r.codec = Codec::Json.into()), "only the codec proto");
    assert_eq!(set(|r| r.use_get_http_method = true), "only what a gRPC client sends");
    assert_eq!(set(|r| r.compression = Compression::Br.into()), "COMPRESSION_BR is not spoken");
    assert_eq!(set(|r| r.service = Some("other".into())), "the service \"other\" is not known");
    assert_eq!(set(|r| r.method = Some("Other".into())), "the method \"Other\" is not known");
    assert!(set(|r| r.method = Some("ServerStream".into())).ends_with("ServerStreamRequest belongs"));
    assert_eq!(set(|r| r.request_messages.clear()), "0 request messages for one");
}
