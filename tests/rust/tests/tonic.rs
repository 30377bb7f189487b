//! A client that tonic generated, on our channel, unchanged: all four kinds, and a failure of each.
use causewire::{Channel, ChannelOptions, RpcError, failure::Cause};
use causewire_testbed::pb::{
    rpc,
    testbed::{EchoRequest, testbed_client::TestbedClient},
};
use causewire_tests::Server;
use std::{error::Error, time::Duration};
use tokio_stream::{StreamExt, iter};
use tonic::{Code, Request, Status};

type Client = TestbedClient<Channel>;

async fn connect() -> (Server, Client) {
    let server = Server::echo().await.unwrap();
    let client = TestbedClient::new(plaintext(server.target()));
    (server, client)
}

fn plaintext(target: &str) -> Channel {
    Channel::builder(target).options(ChannelOptions { tls: None, ..ChannelOptions::default() }).build().unwrap()
}

fn say(payload: &str) -> EchoRequest {
    EchoRequest { payload: payload.as_bytes().to_vec(), ..EchoRequest::default() }
}

fn refused() -> EchoRequest {
    let status = rpc::Status { code: 7, message: "not you / ever".into(), details: vec![] };
    EchoRequest { status: Some(status), ..say("x") }
}

/// The status has the code and the words, and its source is our error.
fn assert_ours(status: &Status) {
    assert_eq!((status.code(), status.message()), (Code::PermissionDenied, "not you / ever"));
    let ours = status.source().and_then(|s| s.downcast_ref::<RpcError>()).expect("our error is the source");
    assert_eq!(ours.failure().cause(), Cause::AppPermissionDenied);
}

#[tokio::test]
async fn unary() {
    let (_server, mut client) = connect().await;
    let mut request = Request::new(say("hello"));
    request.metadata_mut().insert("x-tenant", "t".parse().unwrap());
    let response = client.echo(request).await.unwrap();
    assert_eq!(response.get_ref().payload, b"hello");
    assert_ours(&client.echo(refused()).await.unwrap_err());
}

#[tokio::test]
async fn server_streaming() {
    let (_server, mut client) = connect().await;
    let request = EchoRequest { count: 3, ..say("s") };
    let responses: Vec<_> = client.echo_server_stream(request).await.unwrap().into_inner().collect().await;
    assert_eq!(responses.into_iter().map(|r| r.unwrap().index).collect::<Vec<_>>(), [0, 1, 2]);
    let failed = match client.echo_server_stream(refused()).await {
        Err(status) => status,
        Ok(stream) => stream.into_inner().filter_map(Result::err).next().await.expect("an error"),
    };
    assert_ours(&failed);
}

#[tokio::test]
async fn client_streaming() {
    let (_server, mut client) = connect().await;
    let response = client.echo_client_stream(iter([say("a"), say("b")])).await.unwrap();
    assert_eq!((response.get_ref().payload.as_slice(), response.get_ref().received), (&b"ab"[..], 2));
    assert_ours(&client.echo_client_stream(iter([refused()])).await.unwrap_err());
}

#[tokio::test]
async fn bidi() {
    let (_server, mut client) = connect().await;
    let mut stream = client.echo_bidi(iter([say("1"), say("2"), refused()])).await.unwrap().into_inner();
    let mut payloads = vec![];
    let failed = loop {
        match stream.message().await {
            Ok(Some(message)) => payloads.push(message.payload),
            Ok(None) => panic!("the stream ended well"),
            Err(status) => break status,
        }
    };
    assert!(payloads.starts_with(&[b"1".to_vec(), b"2".to_vec()]));
    assert_ours(&failed);
}

#[tokio::test]
async fn a_deadline_is_deadline_exceeded_and_names_its_phase() {
    let (_server, mut client) = connect().await;
    let mut request = Request::new(EchoRequest { delay_ms: 10_000, ..say("late") });
    request.set_timeout(Duration::from_millis(200));
    let status = client.echo(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let ours = status.source().and_then(|s| s.downcast_ref::<RpcError>()).unwrap();
    assert_eq!(ours.failure().cause(), Cause::DeadlineAwaitingResponse);
}

#[tokio::test]
async fn nobody_listens() {
    let script = serde_json::from_value(serde_json::json!({"listen": "refused"})).unwrap();
    let server = Server::script(script).await.unwrap();
    let status = TestbedClient::new(plaintext(server.target())).echo(say("x")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let ours = status.source().and_then(|s| s.downcast_ref::<RpcError>()).unwrap();
    assert_eq!(ours.failure().cause(), Cause::ConnectRefused);
}

/// Says nothing and never ends; tells when it is dropped.
struct Silent(Option<tokio::sync::oneshot::Sender<()>>);

impl tokio_stream::Stream for Silent {
    type Item = EchoRequest;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<EchoRequest>> {
        std::task::Poll::Pending
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = self.0.take().map(|tell| tell.send(()));
    }
}

/// A request stream that says nothing is let go of when its call is over: given up by its caller, or ended by the server.
#[tokio::test]
async fn a_silent_request_stream_ends_with_its_call() {
    let (_server, mut client) = connect().await;
    let (tell, dropped) = tokio::sync::oneshot::channel();
    drop(client.echo_bidi(Silent(Some(tell))).await.unwrap());
    tokio::time::timeout(Duration::from_secs(10), dropped).await.expect("still held").unwrap();
    let (tell, dropped) = tokio::sync::oneshot::channel();
    let stream = iter([refused()]).chain(Silent(Some(tell)));
    let _answer = client.echo_bidi(stream).await;
    tokio::time::timeout(Duration::from_secs(10), dropped).await.expect("still held").unwrap();
}
