//! What becomes of the attempts of a call: the server tells them apart by `grpc-previous-rpc-attempts` (gRFC A6).
use crate::{script::Planned, text::Text};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::{BodyExt, Empty};
use std::{sync::Arc, time::Duration};
use tonic::{Status, body::Body};

const PREVIOUS: &str = "grpc-previous-rpc-attempts";
/// In the headers of every response: what the request had in its own.
const SEEN: &str = "x-previous-attempts";

#[derive(Clone, Debug, Default)]
pub(crate) struct Plan(Arc<Vec<Planned>>);

impl Plan {
    pub(crate) fn new(attempts: &[Planned]) -> Self {
        Plan(Arc::new(attempts.to_vec()))
    }

    /// The planned end of this attempt, or none: the service answers.
    pub(crate) async fn end(&self, request: &HeaderMap) -> Option<Response<Body>> {
        let planned = self.0.get(previous(request).min(self.0.len().checked_sub(1)?))?;
        tokio::time::sleep(Duration::from_millis(planned.delay_ms)).await;
        let status = planned.status?;
        Some(refusal(status, planned).unwrap_or_else(|e| Status::internal(e.to_string()).into_http()))
    }

    /// Shows what the request had.
    pub(crate) fn mark(&self, seen: Option<HeaderValue>, response: &mut Response<Body>) {
        if !self.0.is_empty() {
            response.headers_mut().insert(SEEN, seen.unwrap_or(HeaderValue::from_static("none")));
        }
    }
}

pub(crate) fn seen(request: &HeaderMap) -> Option<HeaderValue> {
    request.get(PREVIOUS).cloned()
}

fn previous(request: &HeaderMap) -> usize {
    request.get(PREVIOUS).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}

fn refusal(status: u32, planned: &Planned) -> crate::Result<Response<Body>> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", status.into());
    for (name, value) in &planned.trailers {
        trailers.append(HeaderName::try_from(name)?, header(value)?);
    }
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    if planned.headers {
        let end = Empty::<Bytes>::new().with_trailers(async move { Some(Ok(trailers)) });
        *response.body_mut() = Body::new(end.map_err(|never| match never {}));
    } else {
        response.headers_mut().extend(trailers);
    }
    Ok(response)
}

fn header(text: &Text) -> crate::Result<HeaderValue> {
    Ok(HeaderValue::from_bytes(&text.bytes()?)?)
}
