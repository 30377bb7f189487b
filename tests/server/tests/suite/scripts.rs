//! Each kind of script, seen from a plain h2 client.
use crate::common::{Story, call, serve};
use causewire_testbed::frames;
use serde_json::{Value, json};
use std::{
    io::{self, ErrorKind},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

async fn play(steps: Value) -> Story {
    let running = serve(json!({ "connections": [steps] })).await;
    timeout(Duration::from_secs(5), call(&running)).await.unwrap()
}

#[tokio::test]
async fn an_empty_script_is_the_testbed() {
    let running = serve(json!({})).await;
    let story = call(&running).await;
    assert_eq!((story.grpc_status(), &story.body[5..]), (Some("0"), &b"hi"[..]));
    let counts = running.counts();
    assert_eq!((counts.connections, counts.streams), (1, 1));
}

#[tokio::test]
async fn a_script_answers_step_by_step() {
    let story = play(json!([
        "open", {"await": "request"}, {"headers": {"extra": [["x", "1"]]}},
        {"message": {"body": "abc", "flag": 1, "length": 9}}, {"trailers": {"status": "007", "extra": [["y", "2"]]}},
    ]))
    .await;
    assert_eq!((story.status, story.headers["x"].as_bytes()), (200, &b"1"[..]));
    assert_eq!(story.body, b"\x01\0\0\0\x09abc");
    assert_eq!((story.grpc_status(), story.trailers.as_ref().unwrap()["y"].as_bytes()), (Some("007"), &b"2"[..]));
}

#[tokio::test]
async fn echo_and_serve_answer_with_the_request() {
    assert_eq!(play(json!(["open", {"await": "message"}, "echo"])).await.body, b"\0\0\0\0\x02hi");
    assert_eq!(play(json!(["open", "serve"])).await.grpc_status(), Some("0"));
}

#[tokio::test]
async fn resets_and_goaways_carry_their_code() {
    assert_eq!(play(json!(["open", {"await": "headers"}, {"rst": 11}])).await.reason(), Some(11));
    let after = play(json!(["open", {"await": "request"}, "headers", {"message": "x"}, {"rst": 2}])).await;
    assert_eq!((after.status, after.reason(), after.body.len()), (200, Some(2), 6));
    let goaway = json!(["open", {"await": "request"}, {"goaway": {"code": 12, "last": "none", "debug": "no"}}]);
    let error = play(goaway).await.error.unwrap();
    assert!(error.is_go_away() && error.is_remote() && error.reason() == Some(12.into()));
}

#[tokio::test]
async fn http_answers_carry_their_body() {
    let answer = json!({"http": {"status": 503, "extra": [["server", "nginx"]], "body": "<html>"}});
    let story = play(json!(["open", {"await": "request"}, answer])).await;
    assert_eq!((story.status, &story.body[..]), (503, &b"<html>"[..]));
    assert_eq!(
        (story.headers["server"].as_bytes(), story.headers["content-type"].as_bytes()),
        (&b"nginx"[..], &b"text/html"[..])
    );
    assert!(story.trailers.is_none());
}

#[tokio::test]
async fn compressed_messages_carry_the_flag() {
    for name in ["gzip", "deflate", "zstd"] {
        let message = json!({"message": {"body": {"fill": "a", "times": 1000}, "compress": name}});
        let story = play(json!(["open", {"await": "request"}, "headers", message, {"trailers": 0}])).await;
        assert_eq!(story.body[0], 1);
        assert!(story.body.len() < 100);
    }
}

#[tokio::test]
async fn connections_have_scripts_of_their_own_and_the_last_repeats() {
    let running = serve(json!({"connections": [["open", {"await": "request"}, {"rst": 7}], ["testbed"]]})).await;
    assert_eq!(call(&running).await.reason(), Some(7));
    assert_eq!(call(&running).await.grpc_status(), Some("0"));
    assert_eq!(call(&running).await.grpc_status(), Some("0"));
    assert_eq!(running.counts().connections, 3);
}

#[tokio::test]
async fn closes_are_what_they_say() {
    let read = async |steps: Value| -> io::Result<usize> {
        let running = serve(json!({ "connections": [steps] })).await;
        let mut io = TcpStream::connect(&running.place.address).await?;
        timeout(Duration::from_secs(5), io.read(&mut [0; 100])).await?
    };
    assert_eq!(read(json!([{"close": "eof"}])).await.unwrap(), 0);
    assert_eq!(read(json!([{"close": "rst"}])).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(read(json!([{"raw": "SSH-2.0"}, {"close": "eof"}])).await.unwrap(), 7);
}

#[tokio::test]
async fn ports_that_nobody_answers_on() {
    let refused = serve(json!({"listen": "refused"})).await;
    let error = TcpStream::connect(&refused.place.address).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let hole = serve(json!({"listen": "blackhole"})).await;
    assert!(timeout(Duration::from_millis(200), TcpStream::connect(&hole.place.address)).await.is_err());
}

#[tokio::test]
async fn a_stopped_server_takes_its_connections_along() {
    for script in [json!({}), json!({"connections": [["open", "stall"]]})] {
        let running = serve(script).await;
        let mut io = TcpStream::connect(&running.place.address).await.unwrap();
        io.readable().await.unwrap();
        drop(running);
        let mut rest = vec![];
        // Eof or a reset, as the unread bytes have it.
        let _ = timeout(Duration::from_secs(5), io.read_to_end(&mut rest)).await.unwrap();
    }
}

#[tokio::test]
async fn every_standing_server_starts() {
    let directory = tempfile::tempdir().unwrap();
    let standing =
        causewire_testbed::standing::Standing::start(crate::common::certificates(), directory.path()).await.unwrap();
    assert!(std::fs::read_to_string(standing.places["ca_file"].as_str().unwrap()).unwrap().contains("BEGIN CERT"));
    for name in ["refused", "expired_certificate", "http1", "goaway", "trailers_stripped", "plaintext_on_tls", "slow"] {
        assert!(standing.places["faults"][name].is_string(), "{name}");
    }
}

#[tokio::test]
async fn a_message_may_be_cut_into_padded_frames() {
    // More than the windows hold; and not in the small frames for which h2, unless told otherwise, ends a connection.
    for padding in [json!(null), json!(255)] {
        let body = json!({"join": ["ab", {"fill": "c", "times": 99_993}]});
        let message = json!({"message": {"body": body, "frames": {"bytes": 300, "padding": padding}}});
        let story = play(json!(["open", {"await": "request"}, "headers", message, {"trailers": 0}])).await;
        assert_eq!((story.grpc_status(), story.body.len()), (Some("0"), 100_000));
        assert!(story.body.starts_with(b"\0\0\x01\x86\x9babcc") && story.body.ends_with(b"cc"));
    }
}

#[tokio::test]
async fn one_stream_more_than_was_acknowledged_ends_the_connection() {
    for (most, ended) in [(1, true), (2, false)] {
        let script = json!([{"open": {"max_concurrent_streams": most}}, {"await": "eof"}]);
        let running = serve(json!({ "connections": [script] })).await;
        let mut io = TcpStream::connect(&running.place.address).await.unwrap();
        let stream = |id| frames::headers(id, 0, &[(":method".into(), b"POST".to_vec())]);
        let settings = [frames::settings(&[]), frames::frame(frames::SETTINGS, frames::ACK, 0, &[])].concat();
        io.write_all(&[&frames::PREFACE[..], &settings, &stream(1), &stream(3)].concat()).await.unwrap();
        let mut rest = vec![];
        assert_eq!(timeout(Duration::from_millis(500), io.read_to_end(&mut rest)).await.is_ok(), ended);
    }
}

#[tokio::test]
async fn serve_may_answer_with_a_message() {
    assert_eq!(play(json!(["open", {"serve": "other"}])).await.body, b"\0\0\0\0\x05other");
}
