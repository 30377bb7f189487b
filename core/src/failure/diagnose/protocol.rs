//! HTTP/2, the HTTP answer, gRPC framing.
use super::{Finding, connection::spoken, names};
use crate::failure::{Cause, Code, Evidence, Json, MessageProblem, Reached, Retry, Speaks, redact::peer_text};
use std::time::Duration;

/// RFC 9113 section 7.
mod h2_code {
    pub(super) const NO_ERROR: u32 = 0;
    pub(super) const REFUSED_STREAM: u32 = 7;
    pub(super) const CANCEL: u32 = 8;
    pub(super) const ENHANCE_YOUR_CALM: u32 = 11;
    pub(super) const INADEQUATE_SECURITY: u32 = 12;
}

pub(super) fn http2(evidence: Evidence) -> Finding {
    match evidence {
        Evidence::NotHttp2 { address, speaks: Speaks::Tls } => {
            Finding::of(Cause::H2PeerExpectsTls).fact("address", address)
        }
        Evidence::NotHttp2 { address, speaks } => {
            Finding::of(Cause::H2PeerNotHttp2).fact("address", address).fact("speaks", spoken(speaks))
        }
        Evidence::NoSettings { address, waited } => {
            Finding::of(Cause::H2PrefaceTimeout).fact("address", address).fact("waited_ms", waited)
        }
        Evidence::Violation { what, code, opening } => {
            let finding = with_code(Finding::of(Cause::H2PeerViolation).fact("what", what), code);
            // No HEADERS leave before the peer's SETTINGS, so a violation before them met no request.
            if opening { finding.code(Code::Unavailable).reached(Reached::No) } else { finding }
        }
        _ => Finding::of(Cause::H2PeerViolation),
    }
}

pub(super) fn go_away(code: u32, last_stream: u32, debug: &[u8], reached: Reached, pings: Option<Duration>) -> Finding {
    let cause = match code {
        h2_code::ENHANCE_YOUR_CALM if pings.is_some() => Cause::H2GoawayTooManyPings,
        h2_code::INADEQUATE_SECURITY => Cause::H2InadequateSecurity,
        h2_code::NO_ERROR if reached != Reached::Maybe => Cause::H2GoawayUnprocessed,
        _ => Cause::H2GoawayClosed,
    };
    let mut finding = with_code(Finding::of(cause), code).fact("last_stream", last_stream).reached(reached);
    if let Some(time) = pings {
        finding = finding.fact("keepalive_ms", time).fact("next_keepalive_ms", time.saturating_mul(2));
    }
    // The connection went, not this stream: 610 has PERMISSION_DENIED for RST_STREAM only (PROTOCOL-HTTP2.md).
    finding.record.code = Code::Unavailable;
    finding.record.peer_text = (!debug.is_empty()).then(|| peer_text(debug));
    finding
}

pub(super) fn reset(code: u32) -> Finding {
    let cause = match code {
        h2_code::REFUSED_STREAM => Cause::H2StreamRefused,
        h2_code::CANCEL => Cause::H2StreamCancelled,
        h2_code::ENHANCE_YOUR_CALM => Cause::H2StreamOverloaded,
        h2_code::INADEQUATE_SECURITY => Cause::H2InadequateSecurity,
        _ => Cause::H2StreamReset,
    };
    // The server has seen the stream, so nothing that this side knows makes it less than `maybe`.
    let reached = if cause == Cause::H2StreamRefused { Reached::Unprocessed } else { Reached::Maybe };
    with_code(Finding::of(cause), code).reached(reached)
}

/// doc/http-grpc-status-mapping.md, except that 431 is UNKNOWN as in grpc-go, C-core and the conformance suite.
pub(super) fn http(
    status: u16,
    content_type: Option<String>,
    server: Option<String>,
    auth_scheme: Option<String>,
    length: u64,
) -> Finding {
    let finding = match status {
        200 => return foreign(Finding::of(Cause::NotGrpcResponse), content_type, server, length, None),
        401 => Finding::of(Cause::HttpUnauthenticated),
        403 => Finding::of(Cause::HttpForbidden),
        404 => Finding::of(Cause::HttpNotFound),
        429 => Finding::of(Cause::HttpUnavailable).retry(Retry::Delay),
        502..=504 => Finding::of(Cause::HttpUnavailable),
        400 => Finding::of(Cause::HttpUnexpectedStatus).code(Code::Internal),
        500..=599 => Finding::of(Cause::HttpUnexpectedStatus).retry(Retry::Idempotent),
        _ => Finding::of(Cause::HttpUnexpectedStatus),
    };
    let auth_scheme = auth_scheme.filter(|_| status == 401);
    foreign(finding.fact("http_status", u32::from(status)), content_type, server, length, auth_scheme)
}

fn foreign(
    finding: Finding,
    content_type: Option<String>,
    server: Option<String>,
    length: u64,
    auth_scheme: Option<String>,
) -> Finding {
    finding
        .said("content_type", content_type)
        .said("server", server)
        .said("auth_scheme", auth_scheme)
        // Absent where the peer did not say: its body is not waited for.
        .maybe("length", (length > 0).then(|| Json::big(length)))
}

pub(super) fn answer(evidence: Evidence) -> Finding {
    match evidence {
        Evidence::NotGrpc { content_type, server, length } => {
            foreign(Finding::of(Cause::NotGrpcResponse), content_type, server, length, None)
        }
        Evidence::StatusMissing { trailers } => Finding::of(Cause::StatusMissing).fact("trailers", trailers),
        Evidence::StatusMalformed { raw, count } => Finding::of(Cause::StatusMalformed)
            .said("raw", Some(raw))
            .fact("count", u32::try_from(count).unwrap_or(u32::MAX)),
        _ => Finding::of(Cause::StatusMalformed),
    }
}

pub(super) fn message(evidence: Evidence) -> Finding {
    match evidence {
        Evidence::Message { problem } => {
            let (word, flag) = match problem {
                MessageProblem::Truncated => ("truncated", None),
                MessageProblem::Flag(flag) => ("flag", Some(u32::from(flag))),
                MessageProblem::CompressedWithoutEncoding => ("compressed_without_encoding", None),
                MessageProblem::UnknownEncoding => ("encoding", None),
                MessageProblem::Decompress => ("decompress", None),
            };
            Finding::of(Cause::MessageMalformed).fact("problem", word).maybe("flag", flag)
        }
        Evidence::Cardinality { received } => {
            Finding::of(Cause::ResponseCardinality).fact("received", Json::big(received))
        }
        Evidence::Decode { type_name } => Finding::of(Cause::ResponseDecodeFailed).said("type_name", type_name),
        _ => Finding::of(Cause::MessageMalformed),
    }
}

fn with_code(finding: Finding, code: u32) -> Finding {
    finding.fact("h2_code", code).maybe("h2_name", names::h2(code))
}
