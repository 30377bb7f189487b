//! A panic of ours ends the calls it carried with CORE_FAULT, and nothing else.
use causewire::{Channel, ChannelOptions, Request, failure::Cause, options::PanicSite};
use causewire_testbed::pb::testbed::{EchoRequest, EchoResponse};
use causewire_tests::Server;

const UNARY: &str = "/causewire.testbed.v1.Testbed/Echo";
const STREAM: &str = "/causewire.testbed.v1.Testbed/EchoServerStream";

async fn connect(site: PanicSite) -> (Server, Channel) {
    let server = Server::echo().await.unwrap();
    let options = ChannelOptions { tls: None, plant_panic: Some(site), ..ChannelOptions::default() };
    let channel = Channel::builder(server.target()).options(options).build().unwrap();
    (server, channel)
}

fn request() -> Request<EchoRequest> {
    Request::new(EchoRequest { payload: b"x".to_vec(), ..EchoRequest::default() })
}

async fn assert_next_call_works(channel: &Channel) {
    let response = channel.unary::<_, EchoResponse>(UNARY, request()).await.unwrap();
    assert_eq!(response.message.payload, b"x");
}

#[tokio::test]
async fn in_a_unary_call() {
    let (_server, channel) = connect(PanicSite::Call).await;
    let error = channel.unary::<_, EchoResponse>(UNARY, request()).await.unwrap_err();
    assert_eq!(error.failure().cause(), Cause::CoreFault);
    assert_next_call_works(&channel).await;
}

#[tokio::test]
async fn in_the_task_of_a_stream() {
    let (_server, channel) = connect(PanicSite::Call).await;
    let mut call = channel.server_streaming::<_, EchoResponse>(STREAM, request()).unwrap();
    assert_eq!(call.message().await.unwrap_err().failure().cause(), Cause::CoreFault);
    assert_next_call_works(&channel).await;
}

#[tokio::test]
async fn in_a_connection() {
    let (server, channel) = connect(PanicSite::Connection).await;
    let error = channel.unary::<_, EchoResponse>(UNARY, request()).await.unwrap_err();
    assert_eq!(error.failure().cause(), Cause::CoreFault);
    assert_next_call_works(&channel).await;
    assert_eq!(server.counts().connections, 2);
}
