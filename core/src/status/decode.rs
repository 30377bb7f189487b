//! From response heads and trailers to a status or to the evidence of why there is none.
use base64::Engine;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, header};

use super::{details, percent};
use crate::{
    failure::{Code, Detail, DetailsState, Evidence, Failure, Pushback, Situation, diagnose, peer_text},
    metadata::BASE64,
};

static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
static GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
static GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
static GRPC_PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// What the response head says.
#[derive(Clone, Debug, PartialEq)]
pub enum Head {
    /// A gRPC response: read messages, then give the trailers to [`trailers`].
    Grpc,
    /// The head is all there is, and has the status; or has none and shows why.
    TrailersOnly(Result<Decoded, Evidence>),
    /// Not gRPC. Count the bytes of the body without keeping them, then [`Foreign::finish`].
    NotGrpc(Foreign),
}

/// The status that a server sent, code 0 included.
#[derive(Clone, PartialEq, Eq)]
pub struct Decoded {
    /// grpc-status.
    pub code: Code,
    /// grpc-message, percent-decoded, otherwise exactly as sent. For the caller's eyes, never for the record.
    pub message: String,
    /// grpc-status-details-bin.
    pub details_bin: DetailsBin,
    /// grpc-retry-pushback-ms (gRFC A6).
    pub pushback: Pushback,
}

/// grpc-status-details-bin, base64-decoded.
#[derive(Clone, PartialEq, Eq)]
pub enum DetailsBin {
    /// Not sent.
    Absent,
    /// A `google.rpc.Status`, still to be parsed.
    Bytes(Bytes),
    /// Not base64.
    Malformed,
}

/// An answer that is not gRPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    status: u16,
    content_type: Option<String>,
    server: Option<String>,
    auth_scheme: Option<String>,
}

/// Judges the response head. 1xx heads are for the caller to skip. `end_stream`: nothing follows the head.
pub fn response(status: StatusCode, headers: &HeaderMap, end_stream: bool) -> Head {
    if end_stream {
        return Head::TrailersOnly(trailers(Some(headers), status).map_err(|evidence| {
            // Without grpc-status the head is an HTTP answer like any other.
            match evidence {
                Evidence::StatusMissing { .. } | Evidence::Http { .. } if status != 200 || !is_grpc(headers) => {
                    Foreign::new(status, headers).finish(0)
                }
                other => other,
            }
        }));
    }
    match is_grpc(headers) {
        // A grpc-status in the trailers of an HTTP error still counts (http-grpc-status-mapping.md).
        true => Head::Grpc,
        false => Head::NotGrpc(Foreign::new(status, headers)),
    }
}

/// Reads the trailers; `None` when the stream ended without any. `http` is the status of the head.
///
/// # Errors
/// The evidence: no grpc-status, more than one, or one that is no code.
pub fn trailers(trailers: Option<&HeaderMap>, http: StatusCode) -> Result<Decoded, Evidence> {
    let Some(trailers) = trailers else { return Err(missing(false, http)) };
    let mut statuses = trailers.get_all(&GRPC_STATUS).iter();
    let Some(raw) = statuses.next() else { return Err(missing(!trailers.is_empty(), http)) };
    let count = 1 + statuses.count();
    let code = code(raw.as_bytes()).filter(|_| count == 1);
    let code = code.ok_or_else(|| Evidence::StatusMalformed { raw: peer_text(raw.as_bytes()), count })?;
    if trailers.len() == 1 {
        // the usual end, without a search for what is not there
        return Ok(Decoded {
            code,
            message: String::new(),
            details_bin: DetailsBin::Absent,
            pushback: Pushback::Absent,
        });
    }
    let message = trailers.get(&GRPC_MESSAGE).map(|value| percent::decode(value.as_bytes())).unwrap_or_default();
    Ok(Decoded { code, message, details_bin: details_bin(trailers), pushback: pushback(trailers) })
}

/// The gRPC code of an HTTP status without grpc-status (doc/http-grpc-status-mapping.md; 431 is UNKNOWN as in grpc-go,
/// C-core and the conformance suite).
pub fn http_status(status: u16) -> Code {
    match status {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

/// The gRPC code of a RST_STREAM (PROTOCOL-HTTP2.md); codes without a mapping are INTERNAL.
pub fn rst(code: u32) -> Code {
    match code {
        7 => Code::Unavailable,
        8 => Code::Cancelled,
        11 => Code::ResourceExhausted,
        12 => Code::PermissionDenied,
        _ => Code::Internal,
    }
}

impl Decoded {
    /// The decoded details and what became of them.
    pub fn details(&self) -> (Vec<Detail>, DetailsState) {
        match &self.details_bin {
            DetailsBin::Absent => (Vec::new(), DetailsState::Absent),
            DetailsBin::Bytes(bytes) => details::decode(self.code, &self.message, bytes),
            DetailsBin::Malformed => (Vec::new(), DetailsState::Malformed),
        }
    }

    /// The failure that this status is. Its record has the details and the peer's words, made harmless.
    pub fn failure(&self, situation: Situation) -> Failure {
        let (details, state) = self.details();
        let retry_after = details.iter().find_map(|detail| match detail {
            Detail::RetryInfo(info) => Some(std::time::Duration::from_millis(info.retry_delay_ms)),
            _ => None,
        });
        let request_id = details.iter().find_map(|detail| match detail {
            Detail::RequestInfo(info) => Some(info.request_id.clone()),
            _ => None,
        });
        let evidence = Evidence::Status { code: self.code.as_u8(), retry_after, pushback: self.pushback, request_id };
        let mut failure = diagnose(evidence, situation);
        let record = failure.record_mut();
        record.details = details;
        record.details_state = Some(state);
        record.peer_text = (!self.message.is_empty()).then(|| peer_text(self.message.as_bytes()));
        failure
    }
}

/// Message and details are the service's own words, which may hold anything.
impl std::fmt::Debug for Decoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoded")
            .field("code", &self.code)
            .field("message_bytes", &self.message.len())
            .field("details_bin", &self.details_bin)
            .field("pushback", &self.pushback)
            .finish()
    }
}

impl std::fmt::Debug for DetailsBin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent => f.write_str("Absent"),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Malformed => f.write_str("Malformed"),
        }
    }
}

impl Foreign {
    fn new(status: StatusCode, headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).map(|value: &http::HeaderValue| peer_text(value.as_bytes()));
        Self {
            status: status.as_u16(),
            content_type: text(header::CONTENT_TYPE),
            server: text(header::SERVER),
            auth_scheme: headers.get(header::WWW_AUTHENTICATE).map(|value| scheme(value.as_bytes())),
        }
    }

    /// The evidence, once the length of the body in bytes is known.
    pub fn finish(self, length: u64) -> Evidence {
        let Self { status, content_type, server, auth_scheme } = self;
        match status {
            200 => Evidence::NotGrpc { content_type, server, length },
            _ => Evidence::Http { status, content_type, server, auth_scheme, length },
        }
    }
}

/// The first word of `www-authenticate`: the parameters after it may name internal hosts.
fn scheme(value: &[u8]) -> String {
    peer_text(value.split(|byte| matches!(byte, b' ' | b',')).next().unwrap_or_default())
}

fn missing(trailers: bool, http: StatusCode) -> Evidence {
    match http.as_u16() {
        200 => Evidence::StatusMissing { trailers },
        status => Evidence::Http { status, content_type: None, server: None, auth_scheme: None, length: 0 },
    }
}

/// `application/grpc`, with or without `+proto` or parameters; not `application/grpc-web`.
fn is_grpc(headers: &HeaderMap) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let Some(value) = headers.get(header::CONTENT_TYPE).map(http::HeaderValue::as_bytes) else { return false };
    let Some((start, rest)) = value.split_at_checked(GRPC.len()) else { return false };
    start.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
}

/// Decimal without leading zeros, 0 to 16.
fn code(raw: &[u8]) -> Option<Code> {
    let number = match raw {
        [digit @ b'0'..=b'9'] => digit - b'0',
        [b'1', digit @ b'0'..=b'6'] => 10 + digit - b'0',
        _ => return None,
    };
    Code::from_u8(number)
}

fn details_bin(trailers: &HeaderMap) -> DetailsBin {
    match trailers.get(&GRPC_DETAILS) {
        None => DetailsBin::Absent,
        Some(value) => {
            BASE64.decode(value.as_bytes()).map_or(DetailsBin::Malformed, |bytes| DetailsBin::Bytes(bytes.into()))
        }
    }
}

/// A signed 32-bit number of milliseconds; negative, unparseable or repeated means never (gRFC A6).
fn pushback(trailers: &HeaderMap) -> Pushback {
    let mut values = trailers.get_all(&GRPC_PUSHBACK).iter();
    let Some(value) = values.next() else { return Pushback::Absent };
    let millis = value.to_str().ok().and_then(|text| text.parse::<i32>().ok()).and_then(|ms| u64::try_from(ms).ok());
    match (millis, values.next()) {
        (Some(millis), None) => Pushback::After(std::time::Duration::from_millis(millis)),
        _ => Pushback::Never,
    }
}
