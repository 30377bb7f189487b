//! `grpc.testing.TestService` of gRPC's interop tests (grpc/grpc doc/interop-test-descriptions.md), with all features that
//! the document names, among them those that no published server has: CompressedRequest, and CompressedResponse of
//! streams. Both are about single messages, which tonic's server neither shows nor lets choose; so messages are read and
//! written here by hand.
mod messages;

use crate::pb::interop::{
    BoolValue, EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, SimpleResponse,
    StreamingInputCallRequest, StreamingInputCallResponse, StreamingOutputCallRequest, StreamingOutputCallResponse,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use messages::{Reader, Writer};
use std::time::Duration;
use tokio::time::sleep;
use tonic::{Code, Status, body::Body};

const ECHO_INITIAL: HeaderName = HeaderName::from_static("x-grpc-test-echo-initial");
const ECHO_TRAILING: HeaderName = HeaderName::from_static("x-grpc-test-echo-trailing-bin");
/// Responses larger than this are refused: a request may ask for 2 GiB.
const LARGEST: i32 = 64 << 20;

/// Answers a request of any method of the service.
pub(crate) fn answer(request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let method = head.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
    let reader = Reader::new(body, &head.headers);
    let (writer, response) = messages::response(&head.headers, echoed(&head.headers, &ECHO_INITIAL));
    let trailers = echoed(&head.headers, &ECHO_TRAILING);
    tokio::spawn(async move {
        let ended = call(&method, reader, &writer).await;
        writer.end(ended, trailers).await;
    });
    response
}

fn echoed(headers: &HeaderMap, name: &HeaderName) -> HeaderMap {
    headers.get_all(name).iter().map(|value| (name.clone(), value.clone())).collect::<HeaderMap<HeaderValue>>()
}

async fn call(method: &str, mut reader: Reader, writer: &Writer) -> Result<(), Status> {
    match method {
        "EmptyCall" => {
            reader.only::<Empty>().await?;
            writer.send(&Empty {}, false).await
        }
        "UnaryCall" => unary(reader, writer).await,
        "StreamingInputCall" => streaming_input(reader, writer).await,
        "StreamingOutputCall" => {
            let (request, _) = reader.only::<StreamingOutputCallRequest>().await?;
            streaming_output(&request, writer).await
        }
        "FullDuplexCall" => {
            while let Some((request, _)) = reader.next::<StreamingOutputCallRequest>().await? {
                streaming_output(&request, writer).await?;
            }
            Ok(())
        }
        "HalfDuplexCall" => {
            let mut requests = vec![];
            while let Some((request, _)) = reader.next::<StreamingOutputCallRequest>().await? {
                requests.push(request);
            }
            for request in requests {
                streaming_output(&request, writer).await?;
            }
            Ok(())
        }
        _ => Err(Status::unimplemented("this server has no such method")),
    }
}

async fn unary(mut reader: Reader, writer: &Writer) -> Result<(), Status> {
    let (request, compressed) = reader.only::<SimpleRequest>().await?;
    expect(request.expect_compressed, compressed)?;
    wanted(&request.response_status)?;
    let response = SimpleResponse {
        payload: Some(payload(request.response_size)?),
        server_id: if request.fill_server_id { format!("testbed-{}", std::process::id()) } else { String::new() },
        ..SimpleResponse::default()
    };
    writer.send(&response, is_true(request.response_compressed)).await
}

async fn streaming_input(mut reader: Reader, writer: &Writer) -> Result<(), Status> {
    let mut size = 0;
    while let Some((request, compressed)) = reader.next::<StreamingInputCallRequest>().await? {
        expect(request.expect_compressed, compressed)?;
        size += request.payload.map_or(0, |payload| payload.body.len());
    }
    let aggregated_payload_size = i32::try_from(size).map_err(|_| Status::out_of_range("more than 2 GiB"))?;
    writer.send(&StreamingInputCallResponse { aggregated_payload_size }, false).await
}

async fn streaming_output(request: &StreamingOutputCallRequest, writer: &Writer) -> Result<(), Status> {
    wanted(&request.response_status)?;
    for ResponseParameters { size, interval_us, compressed } in &request.response_parameters {
        sleep(Duration::from_micros(u64::try_from(*interval_us).unwrap_or_default())).await;
        let response = StreamingOutputCallResponse { payload: Some(payload(*size)?) };
        writer.send(&response, is_true(*compressed)).await?;
    }
    Ok(())
}

/// The feature CompressedRequest.
fn expect(expected: Option<BoolValue>, compressed: bool) -> Result<(), Status> {
    match expected {
        Some(BoolValue { value }) if value != compressed => {
            Err(Status::invalid_argument(format!("expect_compressed is {value}, the message's flag is {compressed}")))
        }
        _ => Ok(()),
    }
}

/// The feature Echo Status.
fn wanted(status: &Option<EchoStatus>) -> Result<(), Status> {
    match status {
        Some(EchoStatus { code, message }) if *code != 0 => Err(Status::new(Code::from_i32(*code), message)),
        _ => Ok(()),
    }
}

fn is_true(value: Option<BoolValue>) -> bool {
    value.is_some_and(|b| b.value)
}

fn payload(size: i32) -> Result<Payload, Status> {
    match usize::try_from(size) {
        Ok(bytes) if size <= LARGEST => Ok(Payload { body: vec![0; bytes], ..Payload::default() }),
        _ => Err(Status::invalid_argument("a response cannot have this size")),
    }
}
