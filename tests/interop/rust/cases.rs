//! The cases of unary calls.
use crate::{Result, ensure, streaming};
use causewire::{Channel, Metadata, Request, Response, metadata::Value, status::Code};
use causewire_testbed::pb::interop::{
    EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, SimpleResponse, StreamingOutputCallRequest,
};
use std::time::Duration;
use tokio::{task::JoinSet, time::sleep};

pub(crate) const UNARY_CALL: &str = "/grpc.testing.TestService/UnaryCall";
pub(crate) const REQUEST_SIZE: usize = 271_828;
pub(crate) const RESPONSE_SIZE: i32 = 314_159;

const ECHO_INITIAL: (&str, &[u8]) = ("x-grpc-test-echo-initial", b"test_initial_metadata_value");
const ECHO_TRAILING: (&str, &[u8]) = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab");

pub(crate) fn payload(size: usize) -> Option<Payload> {
    Some(Payload { body: vec![0; size], ..Payload::default() })
}

/// 271,828 zeros, to be answered with 314,159.
pub(crate) fn large_request() -> SimpleRequest {
    SimpleRequest { response_size: RESPONSE_SIZE, payload: payload(REQUEST_SIZE), ..SimpleRequest::default() }
}

pub(crate) fn expect_zeros(payload: Option<Payload>, size: i32) -> Result {
    let body = payload.unwrap_or_default().body;
    ensure!(body.len() == size as usize, "a payload of {} bytes instead of {size}", body.len());
    ensure!(body.iter().all(|byte| *byte == 0), "a payload that is not all zeros");
    Ok(())
}

pub(crate) async fn unary(channel: &Channel, request: SimpleRequest) -> Result<Response<SimpleResponse>> {
    Ok(channel.unary(UNARY_CALL, Request::new(request)).await?)
}

pub(crate) async fn empty_unary(channel: &Channel) -> Result {
    let response: Response<Empty> =
        channel.unary("/grpc.testing.TestService/EmptyCall", Request::new(Empty {})).await?;
    ensure!(response.message == Empty {}, "a response that is not empty");
    Ok(())
}

pub(crate) async fn large_unary(channel: &Channel) -> Result {
    let response = unary(channel, large_request()).await?;
    expect_zeros(response.message.payload, RESPONSE_SIZE)
}

pub(crate) async fn concurrent_large_unary(channel: &Channel) -> Result {
    let mut calls = JoinSet::new();
    for _ in 0..1000 {
        let channel = channel.clone();
        calls.spawn(async move { large_unary(&channel).await });
    }
    while let Some(ended) = calls.join_next().await {
        ended??;
    }
    Ok(())
}

pub(crate) async fn custom_metadata(channel: &Channel) -> Result {
    let request = Request::new(large_request()).metadata(echoed()?);
    let response: Response<SimpleResponse> = channel.unary(UNARY_CALL, request).await?;
    expect_zeros(response.message.payload, RESPONSE_SIZE)?;
    expect_echoed(&response.headers, &response.trailers)?;

    let mut call = streaming::full_duplex(channel, Request::new(()).metadata(echoed()?))?;
    let request = StreamingOutputCallRequest {
        response_parameters: vec![ResponseParameters { size: RESPONSE_SIZE, ..ResponseParameters::default() }],
        payload: payload(REQUEST_SIZE),
        ..StreamingOutputCallRequest::default()
    };
    call.send(request).await?;
    call.close_send();
    let headers = call.headers().await.ok_or("no headers")?;
    let response = call.message().await?.ok_or("no response")?;
    expect_zeros(response.payload, RESPONSE_SIZE)?;
    ensure!(call.message().await?.is_none(), "more than one response");
    expect_echoed(&headers, &call.trailers().ok_or("no trailers")?)
}

fn echoed() -> Result<Metadata> {
    let mut metadata = Metadata::new();
    for (key, value) in [ECHO_INITIAL, ECHO_TRAILING] {
        metadata.append(key, value)?;
    }
    Ok(metadata)
}

fn expect_echoed(headers: &Metadata, trailers: &Metadata) -> Result {
    for (what, metadata, (key, value)) in [("headers", headers, ECHO_INITIAL), ("trailers", trailers, ECHO_TRAILING)] {
        let found = metadata.get(key);
        ensure!(found.as_ref().map(Value::as_bytes) == Some(value), "{key} in the {what} is {found:?}");
    }
    Ok(())
}

pub(crate) async fn status_code_and_message(channel: &Channel) -> Result {
    let status = EchoStatus { code: 2, message: "test status message".into() };
    expect_status(channel, &status).await?;

    let mut call = streaming::full_duplex(channel, Request::new(()))?;
    let request = StreamingOutputCallRequest { response_status: Some(status.clone()), ..Default::default() };
    call.send(request).await?;
    call.close_send();
    let error = call.message().await.err().ok_or("FullDuplexCall did not fail")?;
    ensure!(error.code() == Code::Unknown && error.details() == status.message, "FullDuplexCall: {error}");
    Ok(())
}

pub(crate) async fn special_status_message(channel: &Channel) -> Result {
    let message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
    expect_status(channel, &EchoStatus { code: 2, message: message.into() }).await
}

async fn expect_status(channel: &Channel, status: &EchoStatus) -> Result {
    let request = SimpleRequest { response_status: Some(status.clone()), ..SimpleRequest::default() };
    let ended = channel.unary::<_, SimpleResponse>(UNARY_CALL, Request::new(request)).await;
    let error = ended.err().ok_or("UnaryCall did not fail")?;
    ensure!(error.code() == Code::Unknown && error.details() == status.message, "UnaryCall: {error}");
    Ok(())
}

pub(crate) async fn unimplemented(channel: &Channel, method: &str) -> Result {
    let ended = channel.unary::<_, Empty>(method, Request::new(Empty {})).await;
    let error = ended.err().ok_or("the call did not fail")?;
    ensure!(error.code() == Code::Unimplemented, "{error}");
    Ok(())
}

/// All calls must go to one server, also once other servers could be connected.
pub(crate) async fn pick_first_unary(channel: &Channel) -> Result {
    let request =
        SimpleRequest { response_size: 1, payload: payload(1), fill_server_id: true, ..SimpleRequest::default() };
    let first = unary(channel, request.clone()).await?.message.server_id;
    ensure!(!first.is_empty(), "the server does not say its server_id");
    sleep(Duration::from_secs(5)).await;
    for _ in 0..100 {
        let other = unary(channel, request.clone()).await?.message.server_id;
        ensure!(other == first, "server_id is {first}, then {other}");
    }
    Ok(())
}
