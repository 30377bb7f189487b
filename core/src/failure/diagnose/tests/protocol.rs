use std::time::Duration;

use super::*;
use crate::failure::{MessageProblem, Origin, Sized, Speaks};

fn address() -> String {
    "10.0.0.1:50051".to_owned()
}

fn go_away(code: u32, unprocessed: bool, too_many_pings: bool) -> Evidence {
    let pings = too_many_pings.then_some(Duration::from_secs(10));
    Evidence::GoAway { code, last_stream: 1, debug: b"too_many_pings\n".to_vec(), unprocessed, pings }
}

#[test]
fn openings() {
    let config = |cause| (cause, Code::Unavailable, Category::Config, Retry::Fix, Reached::No);
    check(vec![
        (Evidence::NotHttp2 { address: address(), speaks: Speaks::Tls }, config(Cause::H2PeerExpectsTls)),
        (Evidence::NotHttp2 { address: address(), speaks: Speaks::Http1 }, config(Cause::H2PeerNotHttp2)),
        (Evidence::NotHttp2 { address: address(), speaks: Speaks::Unknown }, config(Cause::H2PeerNotHttp2)),
        (
            Evidence::NoSettings { address: address(), waited: Duration::from_secs(20) },
            (Cause::H2PrefaceTimeout, Code::Unavailable, Category::Server, Retry::Safe, Reached::No),
        ),
    ]);
}

#[test]
fn a_violation_before_the_first_settings_met_no_request() {
    let violation = |opening| Evidence::Violation { what: "bad SETTINGS", code: 6, opening };
    check(vec![
        (violation(true), (Cause::H2PeerViolation, Code::Unavailable, Category::Server, Retry::Safe, Reached::No)),
        (
            violation(false),
            (Cause::H2PeerViolation, Code::Internal, Category::Server, Retry::Idempotent, Reached::Maybe),
        ),
    ]);
    assert_eq!(record(violation(false), with_headers()).reached, Reached::Yes);
}

#[test]
fn goaway() {
    let unav = |cause, category, retry, reached| (cause, Code::Unavailable, category, retry, reached);
    check(vec![
        (
            go_away(0, true, false),
            unav(Cause::H2GoawayUnprocessed, Category::Server, Retry::Safe, Reached::Unprocessed),
        ),
        (go_away(0, false, false), unav(Cause::H2GoawayClosed, Category::Server, Retry::Idempotent, Reached::Maybe)),
        (go_away(2, false, false), unav(Cause::H2GoawayClosed, Category::Server, Retry::Idempotent, Reached::Maybe)),
        (go_away(2, true, false), unav(Cause::H2GoawayClosed, Category::Server, Retry::Safe, Reached::Unprocessed)),
        (
            go_away(11, true, true),
            unav(Cause::H2GoawayTooManyPings, Category::Config, Retry::Safe, Reached::Unprocessed),
        ),
        (
            go_away(11, false, true),
            unav(Cause::H2GoawayTooManyPings, Category::Config, Retry::Idempotent, Reached::Maybe),
        ),
        (go_away(11, true, false), unav(Cause::H2GoawayClosed, Category::Server, Retry::Safe, Reached::Unprocessed)),
        (
            go_away(12, true, false),
            unav(Cause::H2InadequateSecurity, Category::Security, Retry::Fix, Reached::Unprocessed),
        ),
        (go_away(12, false, false), unav(Cause::H2InadequateSecurity, Category::Security, Retry::Fix, Reached::Maybe)),
        (go_away(999, false, false), unav(Cause::H2GoawayClosed, Category::Server, Retry::Idempotent, Reached::Maybe)),
    ]);
}

#[test]
fn goaway_after_headers_was_processed_whatever_it_says() {
    let record = record(go_away(0, true, false), with_headers());
    assert_eq!((record.cause, record.retry, record.reached), (Cause::H2GoawayClosed, Retry::Idempotent, Reached::Yes));
}

#[test]
fn goaway_on_a_connection_that_the_request_never_left_for() {
    for (code, unprocessed, cause) in [
        (0, true, Cause::H2GoawayUnprocessed),
        (0, false, Cause::H2GoawayUnprocessed),
        (2, true, Cause::H2GoawayClosed),
        (2, false, Cause::H2GoawayClosed),
    ] {
        let record = record(go_away(code, unprocessed, false), reached(Reached::No));
        assert_eq!((record.cause, record.retry, record.reached), (cause, Retry::Safe, Reached::No));
    }
}

#[test]
fn debug_data_is_peer_text_and_in_no_hint() {
    let record = record(go_away(2, false, false), Situation::default());
    assert_eq!(record.peer_text.as_deref(), Some("too_many_pings\\n"));
    assert!(!record.hint().contains("too_many_pings"));
    assert_eq!(record.evidence("h2_name").unwrap().as_str(), Some("INTERNAL_ERROR"));
}

#[test]
fn resets() {
    let reset = |code| Evidence::Reset { code };
    let server = |cause, code, retry, reached| (cause, code, Category::Server, retry, reached);
    for code in [0, 1, 2, 3, 4, 5, 6, 9, 10, 13, 14, 255] {
        let expected = server(Cause::H2StreamReset, Code::Internal, Retry::Idempotent, Reached::Maybe);
        check(vec![(reset(code), expected)]);
        let record = record(reset(code), Situation::default());
        assert_eq!(record.evidence("h2_code").unwrap().as_u64(), Some(u64::from(code)));
        assert_eq!(record.evidence("h2_name").is_some(), code <= 13);
    }
    check(vec![
        (reset(7), server(Cause::H2StreamRefused, Code::Unavailable, Retry::Safe, Reached::Unprocessed)),
        (reset(8), server(Cause::H2StreamCancelled, Code::Cancelled, Retry::Idempotent, Reached::Maybe)),
        (reset(11), server(Cause::H2StreamOverloaded, Code::ResourceExhausted, Retry::Delay, Reached::Maybe)),
        (
            reset(12),
            (Cause::H2InadequateSecurity, Code::PermissionDenied, Category::Security, Retry::Fix, Reached::Maybe),
        ),
    ]);
    for code in [0, 7, 8, 11, 12] {
        let record = record(reset(code), with_headers());
        assert_eq!(record.reached, Reached::Yes, "{code}");
        assert_ne!(record.retry, Retry::Safe, "{code}");
        assert_eq!(record.origin, Origin::PeerTransport);
    }
}

#[test]
fn http_statuses() {
    let http = |status| Evidence::Http {
        status,
        content_type: Some("text/html".into()),
        server: Some("nginx\u{1b}".into()),
        auth_scheme: Some("Bearer".into()),
        length: 162,
    };
    let is = |cause, code, category, retry| (cause, code, category, retry, Reached::Maybe);
    let unexpected = |code, retry| is(Cause::HttpUnexpectedStatus, code, Category::Config, retry);
    let unavailable = |retry| is(Cause::HttpUnavailable, Code::Unavailable, Category::Server, retry);
    check(vec![
        (http(401), is(Cause::HttpUnauthenticated, Code::Unauthenticated, Category::Security, Retry::Fix)),
        (http(403), is(Cause::HttpForbidden, Code::PermissionDenied, Category::Security, Retry::Fix)),
        (http(404), is(Cause::HttpNotFound, Code::Unimplemented, Category::Config, Retry::Fix)),
        (http(429), unavailable(Retry::Delay)),
        (http(502), unavailable(Retry::Idempotent)),
        (http(503), unavailable(Retry::Idempotent)),
        (http(504), unavailable(Retry::Idempotent)),
        (http(400), unexpected(Code::Internal, Retry::Fix)),
        (http(431), unexpected(Code::Unknown, Retry::Fix)),
        (http(302), unexpected(Code::Unknown, Retry::Fix)),
        (http(415), unexpected(Code::Unknown, Retry::Fix)),
        (http(500), unexpected(Code::Unknown, Retry::Idempotent)),
        (http(599), unexpected(Code::Unknown, Retry::Idempotent)),
        (http(200), is(Cause::NotGrpcResponse, Code::Unknown, Category::Config, Retry::Fix)),
    ]);
    for status in 100..600 {
        let record = record(http(status), Situation::default());
        assert_eq!(record.origin, Origin::Intermediary);
        assert_eq!(record.evidence("auth_scheme").is_some(), status == 401);
        assert_eq!(record.evidence("server").unwrap().as_str(), Some("nginx\\x1b"));
        assert_eq!(record.evidence("length").unwrap().as_str(), Some("162"));
    }
}

#[test]
fn answers_that_are_no_grpc() {
    let config = |cause, retry, reached| (cause, Code::Unknown, Category::Config, retry, reached);
    check(vec![
        (
            Evidence::NotGrpc { content_type: None, server: None, length: 0 },
            config(Cause::NotGrpcResponse, Retry::Fix, Reached::Maybe),
        ),
        (Evidence::StatusMissing { trailers: true }, config(Cause::StatusMissing, Retry::Idempotent, Reached::Yes)),
        (
            Evidence::StatusMalformed { raw: "007".into(), count: 2 },
            (Cause::StatusMalformed, Code::Unknown, Category::Server, Retry::Idempotent, Reached::Yes),
        ),
    ]);
}

#[test]
fn messages() {
    let malformed = (Cause::MessageMalformed, Code::Internal, Category::Server, Retry::Idempotent, Reached::Yes);
    for (problem, word) in [
        (MessageProblem::Truncated, "truncated"),
        (MessageProblem::Flag(2), "flag"),
        (MessageProblem::CompressedWithoutEncoding, "compressed_without_encoding"),
        (MessageProblem::UnknownEncoding, "encoding"),
        (MessageProblem::Decompress, "decompress"),
    ] {
        check(vec![(Evidence::Message { problem }, malformed)]);
        let record = record(Evidence::Message { problem }, Situation::default());
        assert_eq!(record.evidence("problem").unwrap().as_str(), Some(word));
        assert_eq!(record.evidence("flag").is_some(), word == "flag");
    }
    check(vec![
        (
            Evidence::Cardinality { received: 2 },
            (Cause::ResponseCardinality, Code::Unimplemented, Category::Server, Retry::Idempotent, Reached::Yes),
        ),
        (
            Evidence::Decode { type_name: Some("acme.User".into()) },
            (Cause::ResponseDecodeFailed, Code::Internal, Category::Config, Retry::Fix, Reached::Yes),
        ),
    ]);
}

#[test]
fn limits() {
    let limit = 4 << 20;
    let is = |cause, reached| (cause, Code::ResourceExhausted, Category::Client, Retry::Fix, reached);
    for what in [Sized::Message, Sized::Decompressed, Sized::Metadata] {
        let option = "max_receive_message_bytes";
        check(vec![
            (
                Evidence::RequestTooLarge { what, actual: u64::MAX, limit, option },
                is(Cause::RequestTooLarge, Reached::No),
            ),
            (
                Evidence::ResponseTooLarge { what, actual: u64::MAX, limit, option },
                is(Cause::ResponseTooLarge, Reached::Yes),
            ),
        ]);
    }
    check(vec![(
        Evidence::LocalResources { what: "file descriptors", errno: Some(24) },
        (Cause::LocalResourcesExhausted, Code::Unavailable, Category::Client, Retry::Delay, Reached::No),
    )]);
}
