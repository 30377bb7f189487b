//! The cases of streams. Whether a request was accepted is not asked: where it was not, reading tells why.
use crate::{
    Result,
    cases::{expect_zeros, payload},
    ensure,
};
use causewire::{Call, Channel, Request, status::Code};
use causewire_testbed::pb::interop::{
    ResponseParameters, StreamingInputCallRequest, StreamingInputCallResponse, StreamingOutputCallRequest,
    StreamingOutputCallResponse,
};
use std::time::Duration;

pub(crate) const STREAMING_INPUT_CALL: &str = "/grpc.testing.TestService/StreamingInputCall";
pub(crate) const STREAMING_OUTPUT_CALL: &str = "/grpc.testing.TestService/StreamingOutputCall";

const REQUEST_SIZES: [usize; 4] = [27_182, 8, 1_828, 45_904];
const RESPONSE_SIZES: [i32; 4] = [31_415, 9, 2_653, 58_979];

type FullDuplex = Call<StreamingOutputCallRequest, StreamingOutputCallResponse>;
pub(crate) type StreamingInput = Call<StreamingInputCallRequest, StreamingInputCallResponse>;

pub(crate) fn full_duplex(channel: &Channel, request: Request<()>) -> Result<FullDuplex> {
    Ok(channel.bidirectional("/grpc.testing.TestService/FullDuplexCall", request)?)
}

fn parameters(size: i32) -> ResponseParameters {
    ResponseParameters { size, ..ResponseParameters::default() }
}

/// A request of ping_pong and of the cases that cancel.
fn ping(response_size: i32, request_size: usize) -> StreamingOutputCallRequest {
    StreamingOutputCallRequest {
        response_parameters: vec![parameters(response_size)],
        payload: payload(request_size),
        ..StreamingOutputCallRequest::default()
    }
}

/// The one response of a stream of requests.
pub(crate) async fn only(call: &mut StreamingInput) -> Result<StreamingInputCallResponse> {
    let response = call.message().await?.ok_or("no response")?;
    ensure!(call.message().await?.is_none(), "more than one response");
    Ok(response)
}

pub(crate) async fn client_streaming(channel: &Channel) -> Result {
    let mut call: StreamingInput = channel.client_streaming(STREAMING_INPUT_CALL, Request::new(()))?;
    for size in REQUEST_SIZES {
        let request = StreamingInputCallRequest { payload: payload(size), ..StreamingInputCallRequest::default() };
        call.send(request).await?;
    }
    call.close_send();
    let size = only(&mut call).await?.aggregated_payload_size;
    ensure!(size == 74_922, "aggregated_payload_size is {size}");
    Ok(())
}

pub(crate) async fn server_streaming(channel: &Channel) -> Result {
    let request = StreamingOutputCallRequest {
        response_parameters: RESPONSE_SIZES.map(parameters).to_vec(),
        ..StreamingOutputCallRequest::default()
    };
    let mut call: FullDuplex = channel.server_streaming(STREAMING_OUTPUT_CALL, Request::new(request))?;
    for size in RESPONSE_SIZES {
        let response = call.message().await?.ok_or("too few responses")?;
        expect_zeros(response.payload, size)?;
    }
    ensure!(call.message().await?.is_none(), "too many responses");
    Ok(())
}

pub(crate) async fn ping_pong(channel: &Channel) -> Result {
    let mut call = full_duplex(channel, Request::new(()))?;
    for (response_size, request_size) in RESPONSE_SIZES.into_iter().zip(REQUEST_SIZES) {
        call.send(ping(response_size, request_size)).await?;
        let response = call.message().await?.ok_or("too few responses")?;
        expect_zeros(response.payload, response_size)?;
    }
    call.close_send();
    ensure!(call.message().await?.is_none(), "too many responses");
    Ok(())
}

/// Three streams at a time where a connection has room for two. That there is a second connection is asked of the channel.
pub(crate) async fn max_concurrent_streams_connection_scaling(channel: &Channel) -> Result {
    let mut calls = Vec::new();
    for _ in 0..3 {
        let mut call = full_duplex(channel, Request::new(()).timeout(Duration::from_secs(10)))?;
        call.send(ping(1, 1)).await?;
        expect_zeros(call.message().await?.ok_or("no response")?.payload, 1)?;
        calls.push(call);
    }
    let connections = channel.stats().connections;
    ensure!(connections == 2, "connections: {connections} instead of 2");
    for call in &mut calls {
        call.close_send();
        ensure!(call.message().await?.is_none(), "too many responses");
    }
    Ok(())
}

pub(crate) async fn empty_stream(channel: &Channel) -> Result {
    let mut call = full_duplex(channel, Request::new(()))?;
    call.close_send();
    ensure!(call.message().await?.is_none(), "a response");
    Ok(())
}

pub(crate) async fn cancel_after_begin(channel: &Channel) -> Result {
    let mut call: StreamingInput = channel.client_streaming(STREAMING_INPUT_CALL, Request::new(()))?;
    call.cancel();
    let error = call.message().await.err().ok_or("the call did not fail")?;
    ensure!(error.code() == Code::Cancelled, "{error}");
    Ok(())
}

pub(crate) async fn cancel_after_first_response(channel: &Channel) -> Result {
    let mut call = full_duplex(channel, Request::new(()))?;
    call.send(ping(31_415, 27_182)).await?;
    let response = call.message().await?.ok_or("no response")?;
    expect_zeros(response.payload, 31_415)?;
    call.cancel();
    let error = call.message().await.err().ok_or("the call did not fail")?;
    ensure!(error.code() == Code::Cancelled, "{error}");
    Ok(())
}

pub(crate) async fn timeout_on_sleeping_server(channel: &Channel) -> Result {
    let mut call = full_duplex(channel, Request::new(()).timeout(Duration::from_millis(1)))?;
    let request = StreamingOutputCallRequest { payload: payload(27_182), ..StreamingOutputCallRequest::default() };
    call.send(request).await?;
    let error = call.message().await.err().ok_or("the call did not fail")?;
    ensure!(error.code() == Code::DeadlineExceeded, "{error}");
    Ok(())
}
