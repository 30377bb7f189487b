//! The echo service, called by tonic's own client.
use crate::common::serve;
use causewire_testbed::pb::{
    rpc,
    testbed::{EchoRequest, Header, WhoAmIRequest, testbed_client::TestbedClient},
};
use prost::Message;
use serde_json::json;
use tonic::{Code, Request, transport::Channel};

async fn client(running: &causewire_testbed::server::Running) -> TestbedClient<Channel> {
    let channel = Channel::from_shared(format!("http://{}", running.place.address)).unwrap();
    TestbedClient::new(channel.connect().await.unwrap())
}

fn say(payload: &str) -> EchoRequest {
    EchoRequest { payload: payload.into(), ..Default::default() }
}

#[tokio::test]
async fn echo_in_all_four_kinds() {
    let running = serve(json!({})).await;
    let mut client = client(&running).await;
    assert_eq!(client.echo(say("a")).await.unwrap().into_inner().payload, b"a");

    let request = EchoRequest { count: 3, ..say("b") };
    let mut stream = client.echo_server_stream(request).await.unwrap().into_inner();
    let mut indices = vec![];
    while let Some(message) = stream.message().await.unwrap() {
        indices.push(message.index);
    }
    assert_eq!(indices, [0, 1, 2]);

    let joined = client.echo_client_stream(tokio_stream::iter([say("c"), say("d")])).await.unwrap().into_inner();
    assert_eq!((&joined.payload[..], joined.received), (&b"cd"[..], 2));

    let mut stream = client.echo_bidi(tokio_stream::iter([say("e"), say("f")])).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().payload, b"e");
    assert_eq!(stream.message().await.unwrap().unwrap().payload, b"f");
    assert!(stream.message().await.unwrap().is_none());
}

#[tokio::test]
async fn headers_trailers_and_status_are_as_wished() {
    let running = serve(json!({})).await;
    let mut client = client(&running).await;
    let header = |key: &str, value: &[u8]| Header { key: key.into(), value: value.into() };
    let wish = EchoRequest {
        headers: vec![header("h", b"1"), header("h", b"2")],
        trailers: vec![header("t-bin", &[0, 255])],
        ..say("x")
    };
    let response = client.echo_server_stream(wish.clone()).await.unwrap();
    assert_eq!(response.metadata().get_all("h").iter().count(), 2);
    let mut stream = response.into_inner();
    while stream.message().await.unwrap().is_some() {}
    let trailers = stream.trailers().await.unwrap().unwrap();
    assert_eq!(trailers.get_bin("t-bin").unwrap().to_bytes().unwrap(), &[0, 255][..]);

    let status = rpc::Status { code: 8, message: "quota: 100 %".into(), details: vec![] };
    let failed = client.echo(EchoRequest { status: Some(status.clone()), ..wish.clone() }).await.unwrap_err();
    assert_eq!((failed.code(), failed.message()), (Code::ResourceExhausted, "quota: 100 %"));
    assert!(failed.details().is_empty() && failed.metadata().get_bin("t-bin").is_some());

    let detail = prost_types::Any { type_url: "x/y".into(), value: vec![1] };
    let status = rpc::Status { details: vec![detail], ..status };
    let failed = client.echo(EchoRequest { status: Some(status.clone()), ..wish }).await.unwrap_err();
    assert_eq!(rpc::Status::decode(failed.details()).unwrap(), status);
}

#[tokio::test]
async fn who_am_i_tells_what_came_over_the_wire() {
    let running = serve(json!({})).await;
    let mut client = client(&running).await;
    let mut request = Request::new(WhoAmIRequest {
        headers: vec!["k".into(), "te".into()],
        min_timeout_ms: 4000,
        max_timeout_ms: 5000,
    });
    request.metadata_mut().append("k", "1".parse().unwrap());
    request.metadata_mut().append("k", "2".parse().unwrap());
    request.set_timeout(std::time::Duration::from_secs(5));
    let seen = client.who_am_i(request).await.unwrap().into_inner();
    assert_eq!(seen.headers.iter().filter(|h| h.key == "k").count(), 2);
    assert!(seen.headers.iter().any(|h| h.key == "te" && h.value == b"trailers"));
    assert_eq!((&seen.authority[..], &seen.scheme[..]), (&running.place.address[..], "http"));
    assert!(seen.timeout_sent && seen.timeout_in_range && !seen.user_agent_valid && !seen.tls);
}

#[tokio::test]
async fn cancelled_calls_are_counted_by_their_reset() {
    let running = serve(json!({})).await;
    let mut client = client(&running).await;
    let slow = EchoRequest { count: 2, delay_ms: 60_000, ..say("") };
    drop(client.echo_server_stream(slow).await.unwrap());
    for _ in 0..100 {
        if running.counts().resets.get(&8) == Some(&1) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{:?}", running.counts());
}
