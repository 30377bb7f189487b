//! Our channel as a tower service, so that clients which tonic generated run on it unchanged.
//!
//! tonic frames its messages and reads a response body frame by frame; we take the frames apart and put them together
//! again, so that deadline, cardinality of trailers, limits and evidence are ours. A failed call is an
//! `Err(tonic::Status)` whose `source()` is our [`RpcError`], from the body too: tonic never sees error trailers.
mod body;
mod pump;
mod status;

pub use body::ResponseBody;

use crate::{
    Channel, RpcError,
    call::Kind,
    channel::{Call, Request},
    compress::Compression,
    metadata::Metadata,
    options::CallOptions,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use http_body::Body;
use std::{
    error::Error,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tonic::Status;

/// What tonic's client sets and we set ourselves.
const OURS: [&str; 6] = ["te", "content-type", "user-agent", "grpc-timeout", "grpc-encoding", "grpc-accept-encoding"];

impl<B> tower_service::Service<http::Request<B>> for Channel
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = http::Response<ResponseBody>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let channel = self.clone();
        Box::pin(async move { respond(&channel, request).await.map_err(status::from_error) })
    }
}

async fn respond<B>(channel: &Channel, request: http::Request<B>) -> Result<http::Response<ResponseBody>, RpcError>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let compression = compression(&head.headers);
    let options = CallOptions {
        timeout: timeout(&head.headers),
        compression: (compression != Compression::Identity).then_some(compression),
        ..CallOptions::default()
    };
    let request = Request { message: None, metadata: metadata(head.headers), options, canceller: None };
    // tonic checks the number of messages itself, so every kind is one that streams both ways
    let mut call: Call<(), ()> = channel.start(head.uri.path(), Kind::Bidi, request)?;
    channel.spawn("service.pump", pump::pump(body, call.sender(), compression));
    let Some(headers) = call.headers().await else {
        return ended_at_once(call).await;
    };
    Ok(response(headers, ResponseBody::new(call)))
}

/// Trailers-Only, or a failure before the headers.
async fn ended_at_once(mut call: Call<(), ()>) -> Result<http::Response<ResponseBody>, RpcError> {
    call.message_bytes().await?;
    let headers = call.trailers().unwrap_or_default();
    Ok(response(headers, ResponseBody::new(call)))
}

fn response(headers: Metadata, body: ResponseBody) -> http::Response<ResponseBody> {
    let mut response = http::Response::new(body);
    headers.extend_headers(response.headers_mut());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response.headers_mut().remove("grpc-encoding"); // messages reach tonic decompressed
    response
}

fn metadata(mut headers: HeaderMap) -> Metadata {
    for name in OURS {
        headers.remove(name);
    }
    Metadata::from_headers(headers)
}

fn compression(headers: &HeaderMap) -> Compression {
    let name = headers.get("grpc-encoding").and_then(|v| v.to_str().ok());
    name.and_then(Compression::parse).unwrap_or(Compression::Identity)
}

/// `grpc-timeout`: at most eight digits and a unit (PROTOCOL-HTTP2.md).
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count.checked_mul(3600)?)),
        "M" => Some(Duration::from_secs(count.checked_mul(60)?)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}
