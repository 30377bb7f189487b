//! One attempt up to its open stream: pick, credentials, slot, HEADERS.
use super::{Context, Deadline, Fault, Request, Trace, receive::Receiver};
use crate::{
    balance::{Picked, Waiting},
    compress::{self, Compression},
    credentials::{self, TokenRequest},
    failure::{Evidence, Phase, Reached},
    transport::{SendHalf, framing::Framed},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use std::{sync::Arc, time::Duration};

/// An open stream; dropping it before its end cancels it on the wire.
pub(crate) struct Opened {
    pub(crate) send: SendHalf,
    pub(crate) receiver: Receiver,
}

/// Brings an attempt to its stream.
pub(crate) async fn open(context: &Context, request: &Request, trace: &Trace) -> Result<Opened, Fault> {
    let Picked { connection, charge } = pick(context, request, trace).await?;
    trace.picked(&connection, charge);
    let mut headers = headers(context, request);
    if let Some(provider) = &context.credentials {
        trace.enter(Phase::Credentials);
        let asked = credentials::apply(&**provider, token_request(request), connection.is_secure(), &mut headers);
        asked.await.map_err(|evidence| trace.fault(evidence, Reached::No))?;
    }
    let slot = match connection.try_slot() {
        Some(slot) => slot,
        None => {
            trace.enter(Phase::StreamSlot);
            connection.slot().await.map_err(|fault| trace.broken(fault))?
        }
    };
    trace.enter(Phase::Send);
    set_timeout(&mut headers, request.deadline);
    let mut head = http::Request::new(());
    *head.method_mut() = Method::POST;
    *head.uri_mut() = request.uri.as_ref().unwrap_or(&request.method.uri).clone();
    *head.headers_mut() = headers;
    let (send, receive) = connection.open(slot, head, false).map_err(|fault| trace.broken(fault))?;
    trace.opened(send.id());
    Ok(Opened { send, receiver: Receiver::new(receive, context.receive_limit(&request.method)) })
}

async fn pick(context: &Context, request: &Request, trace: &Trace) -> Result<Picked, Fault> {
    let mut on_wait = |waiting: &Waiting| trace.waiting(waiting.phase, waiting.problem.clone());
    let picked = context.picker.pick(request.wait_for_ready, &mut on_wait).await;
    picked.map_err(|failure| trace.unpicked(failure))
}

/// A message as it leaves: compressed, framed.
pub(crate) fn framed(compression: Compression, message: &Bytes) -> Framed {
    match compression {
        Compression::Identity => Framed::new(false, message.clone()),
        algorithm => match compress::compress(algorithm, message) {
            Some(compressed) => Framed::new(true, compressed),
            None => Framed::new(false, message.clone()),
        },
    }
}

/// grpc-timeout first, then Call-Definition, then the caller's (PROTOCOL-HTTP2.md).
fn headers(context: &Context, request: &Request) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8 + request.metadata.len());
    if request.deadline.is_some() {
        headers.insert(&TIMEOUT, HeaderValue::from_static("0n")); // keeps the place; set when the stream opens
    }
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(header::USER_AGENT, context.user_agent.clone());
    if request.compression != Compression::Identity {
        headers.insert(&ENCODING, HeaderValue::from_static(request.compression.name()));
    }
    headers.insert(&ACCEPT_ENCODING, HeaderValue::from_static(compress::accept_encoding()));
    request.metadata.clone().extend_headers(&mut headers);
    headers
}

static TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
static ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
static ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// What is left when the stream opens, not what was left when the call was made.
fn set_timeout(headers: &mut HeaderMap, deadline: Option<Deadline>) {
    let value = deadline.and_then(|d| HeaderValue::try_from(timeout(d.remaining())).ok());
    if let Some(mut value) = value {
        // Never the same twice: indexed, each would push a useful entry out of both HPACK tables (RFC 7541, 7.1.3), and
        // be compared with all that came before.
        value.set_sensitive(true);
        headers.insert(&TIMEOUT, value);
    }
}

/// At most eight digits and a unit, rounded up so that the server's deadline is never before ours.
fn timeout(left: Duration) -> String {
    const MOST: u128 = 99_999_999;
    let nanos = left.as_nanos().max(1);
    let units = [('n', 1), ('u', 1_000), ('m', 1_000_000), ('S', 1_000_000_000), ('M', 60_000_000_000)];
    for (unit, size) in units {
        let count = nanos.div_ceil(size);
        if count <= MOST {
            return format!("{count}{unit}");
        }
    }
    format!("{}H", nanos.div_ceil(3_600_000_000_000).min(MOST))
}

fn token_request(request: &Request) -> TokenRequest {
    let uri: &Uri = request.uri.as_ref().unwrap_or(&request.method.uri);
    let service = request.method.path.rsplit_once('/').map_or("", |(service, _)| service);
    let host = uri.authority().map_or("", |a| a.as_str());
    let audience: Arc<str> = format!("https://{}{service}", host.strip_suffix(":443").unwrap_or(host)).into();
    TokenRequest { method: request.method.path.clone(), audience }
}

/// A message that is over our own limit ends the call before it is sent.
pub(crate) fn too_large(context: &Context, request: &Request, message: &Bytes) -> Option<Evidence> {
    context.check_size(&request.method, message.len()).err()
}

#[cfg(test)]
mod tests {
    use super::timeout;
    use std::time::Duration;

    #[test]
    fn grpc_timeout_rounds_up_into_eight_digits() {
        for (left, expected) in [
            (Duration::ZERO, "1n"),
            (Duration::from_nanos(99_999_999), "99999999n"),
            (Duration::from_nanos(100_000_001), "100001u"),
            (Duration::from_secs(99), "99000000u"),
            (Duration::from_millis(100_000), "100000m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::from_secs(99_999_999) + Duration::from_nanos(1), "1666667M"),
            (Duration::from_secs(u64::MAX), "99999999H"),
        ] {
            assert_eq!(timeout(left), expected);
        }
    }
}
