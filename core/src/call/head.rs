//! The head of a request. What all calls of a channel have in common is put together once.
use super::request::Request;
use crate::{
    clock::Instant,
    compress::{self, Compression},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use std::time::Duration;

static TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
static ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
static PREVIOUS_ATTEMPTS: HeaderName = HeaderName::from_static("grpc-previous-rpc-attempts");
static ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Room for a call's own entries beside the fixed ones: more make the map grow.
const ROOM: usize = 12;
/// Of a grpc-timeout: eight digits and a unit.
const LONGEST_TIMEOUT: usize = 9;

/// The fixed headers of a channel's calls.
#[derive(Debug)]
pub(crate) struct Template {
    plain: HeaderMap,
    /// With a place for the timeout in front.
    timed: HeaderMap,
}

impl Template {
    /// grpc-timeout first, then the rest of Call-Definition (PROTOCOL-HTTP2.md).
    pub(crate) fn new(user_agent: &HeaderValue) -> Self {
        let with = |first: Option<&HeaderName>| {
            let mut headers = HeaderMap::with_capacity(ROOM);
            headers.extend(first.map(|name| (name.clone(), HeaderValue::from_static("0n"))));
            headers.insert(header::TE, HeaderValue::from_static("trailers"));
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            headers.insert(header::USER_AGENT, user_agent.clone());
            headers.insert(&ACCEPT_ENCODING, HeaderValue::from_static(compress::accept_encoding()));
            headers
        };
        Template { plain: with(None), timed: with(Some(&TIMEOUT)) }
    }

    /// The caller's entries come last.
    pub(super) fn headers(&self, request: &Request) -> HeaderMap {
        let template = if request.deadline.is_some() { &self.timed } else { &self.plain };
        let mut headers = template.clone();
        if request.compression != Compression::Identity {
            headers.insert(&ENCODING, HeaderValue::from_static(request.compression.name()));
        }
        request.metadata.append_to(&mut headers);
        headers
    }
}

/// Tells the server of the attempts before, unless there are none (gRFC A6).
pub(super) fn previous_attempts(count: u32, headers: &mut HeaderMap) {
    if count > 0 {
        headers.insert(&PREVIOUS_ATTEMPTS, count.into());
    }
}

/// What h2 sends. The timeout is what is left when the stream opens, not what was left when the call was made.
pub(super) fn head(request: &Request, mut headers: HeaderMap, now: Instant) -> http::Request<()> {
    if let Some(deadline) = request.deadline
        && let Some(place) = headers.get_mut(&TIMEOUT)
    {
        *place = timeout_value(deadline.remaining(now));
    }
    let mut head = http::Request::new(());
    *head.method_mut() = Method::POST;
    *head.uri_mut() = request.uri.as_ref().unwrap_or(&request.method.uri).clone();
    *head.headers_mut() = headers;
    head
}

fn timeout_value(left: Duration) -> HeaderValue {
    let mut text = [0; LONGEST_TIMEOUT];
    let mut value =
        HeaderValue::from_bytes(timeout(left, &mut text)).unwrap_or_else(|_| HeaderValue::from_static("1n")); // digits and a letter always are a value
    // Never the same twice: indexed, each would push a useful entry out of both HPACK tables (RFC 7541, 7.1.3), and
    // be compared with all that came before.
    value.set_sensitive(true);
    value
}

/// At most eight digits and a unit, rounded up so that the server's deadline is never before ours.
fn timeout(left: Duration, text: &mut [u8; LONGEST_TIMEOUT]) -> &[u8] {
    const MOST: u64 = 99_999_999;
    const UNITS: [(u8, u64); 4] = [(b'n', 1), (b'u', 1_000), (b'm', 1_000_000), (b'S', 1_000_000_000)];
    let nanos = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX).max(1);
    let (unit, count) = UNITS
        .into_iter()
        .map(|(unit, size)| (unit, nanos.div_ceil(size)))
        .chain([(b'M', seconds(left).div_ceil(60)), (b'H', seconds(left).div_ceil(3600).min(MOST))])
        .find(|(_, count)| *count <= MOST)
        .unwrap_or((b'H', MOST));
    write(text, count, unit)
}

fn seconds(left: Duration) -> u64 {
    left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0))
}

/// The decimal digits and the unit, at the end of `text`.
fn write(text: &mut [u8; LONGEST_TIMEOUT], mut count: u64, unit: u8) -> &[u8] {
    let mut digits = 0;
    let mut places = text.iter_mut().rev();
    places.next().into_iter().for_each(|last| *last = unit);
    for place in places {
        *place = b'0' + (count % 10) as u8;
        digits += 1;
        count /= 10;
        if count == 0 {
            break;
        }
    }
    text.get(LONGEST_TIMEOUT - 1 - digits..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_TIMEOUT, timeout};
    use std::time::Duration;

    #[test]
    fn grpc_timeout_rounds_up_into_eight_digits() {
        for (left, expected) in [
            (Duration::ZERO, "1n"),
            (Duration::from_nanos(10), "10n"),
            (Duration::from_nanos(99_999_999), "99999999n"),
            (Duration::from_nanos(100_000_001), "100001u"),
            (Duration::from_secs(99), "99000000u"),
            (Duration::from_millis(100_000), "100000m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::from_secs(99_999_999) + Duration::from_nanos(1), "1666667M"),
            (Duration::from_secs(u64::MAX), "99999999H"),
        ] {
            assert_eq!(timeout(left, &mut [0; LONGEST_TIMEOUT]), expected.as_bytes());
        }
    }
}
