//! Heads and trailers as servers, proxies and broken peers send them (failures.md F72 to F86).
use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_STANDARD_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use proptest::prelude::*;
use prost::Message;
use prost_types::Any;

use super::{
    decode::{DetailsBin, Head, http_status, response, rst, trailers},
    proto,
};
use crate::failure::{Cause, Code, Detail, DetailsState, Evidence, Pushback, Retry, Situation, diagnose};

const OK: StatusCode = StatusCode::OK;

fn headers(list: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in list {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    map
}

const GRPC: (&str, &str) = ("content-type", "application/grpc");
const HTML: (&str, &str) = ("content-type", "text/html");

#[test]
fn a_grpc_head_is_read_on() {
    for content_type in ["application/grpc", "application/grpc+proto", "Application/gRPC;charset=utf-8"] {
        assert_eq!(response(OK, &headers(&[("content-type", content_type)]), false), Head::Grpc, "{content_type}");
    }
    // A grpc-status may still follow in the trailers.
    assert_eq!(response(StatusCode::SERVICE_UNAVAILABLE, &headers(&[GRPC]), false), Head::Grpc);
}

#[test]
fn a_foreign_head_becomes_evidence_with_the_length_of_its_body() {
    for content_type in ["text/html", "application/grpc-web", "application/grpcx", "application/json", ""] {
        let Head::NotGrpc(foreign) = response(OK, &headers(&[("content-type", content_type)]), false) else {
            panic!("{content_type}")
        };
        let expected = Evidence::NotGrpc { content_type: Some(content_type.into()), server: None, length: 162 };
        assert_eq!(foreign.finish(162), expected);
    }
    let Head::NotGrpc(foreign) = response(OK, &HeaderMap::new(), false) else { panic!() };
    assert_eq!(foreign.finish(0), Evidence::NotGrpc { content_type: None, server: None, length: 0 });
}

#[test]
fn an_http_error_keeps_server_and_scheme_and_no_parameter() {
    let head = headers(&[HTML, ("server", "nginx/1.2"), ("www-authenticate", "Bearer realm=\"CANARY\"")]);
    let expected = Evidence::Http {
        status: 401,
        content_type: Some("text/html".into()),
        server: Some("nginx/1.2".into()),
        auth_scheme: Some("Bearer".into()),
        length: 162,
    };
    let Head::NotGrpc(foreign) = response(StatusCode::UNAUTHORIZED, &head, false) else { panic!() };
    assert_eq!(foreign.clone().finish(162), expected);
    assert!(!format!("{foreign:?}").contains("CANARY"));
    // The same without a body, with END_STREAM on the head.
    let Head::TrailersOnly(Err(Evidence::Http { status: 401, length: 0, auth_scheme, .. })) =
        response(StatusCode::UNAUTHORIZED, &head, true)
    else {
        panic!()
    };
    assert_eq!(auth_scheme.as_deref(), Some("Bearer"));
}

#[test]
fn the_maps_of_http_and_rst_are_those_of_the_diagnosis() {
    let code = |evidence| diagnose(evidence, Situation::default()).code();
    for status in 100..600 {
        let http = Evidence::Http { status, content_type: None, server: None, auth_scheme: None, length: 0 };
        assert_eq!(code(http), http_status(status), "{status}");
    }
    for number in 0..300 {
        assert_eq!(code(Evidence::Reset { code: number }), rst(number), "{number}");
    }
}

#[test]
fn a_grpc_status_always_wins_over_http() {
    let head = headers(&[("grpc-status", "8"), ("grpc-message", "quota")]);
    for status in [StatusCode::SERVICE_UNAVAILABLE, OK, StatusCode::NOT_FOUND] {
        let Head::TrailersOnly(Ok(decoded)) = response(status, &head, true) else { panic!("{status}") };
        assert_eq!((decoded.code, decoded.message.as_str()), (Code::ResourceExhausted, "quota"));
        assert_eq!(trailers(Some(&head), status).unwrap().code, Code::ResourceExhausted);
    }
}

#[test]
fn a_head_that_ends_the_stream_without_a_status() {
    let missing = Head::TrailersOnly(Err(Evidence::StatusMissing { trailers: true }));
    assert_eq!(response(OK, &headers(&[GRPC]), true), missing);
    assert!(matches!(response(OK, &headers(&[HTML]), true), Head::TrailersOnly(Err(Evidence::NotGrpc { .. }))));
    let unavailable = response(StatusCode::SERVICE_UNAVAILABLE, &headers(&[GRPC]), true);
    assert!(matches!(unavailable, Head::TrailersOnly(Err(Evidence::Http { status: 503, .. }))));
    let malformed = response(StatusCode::SERVICE_UNAVAILABLE, &headers(&[("grpc-status", "x")]), true);
    assert!(matches!(malformed, Head::TrailersOnly(Err(Evidence::StatusMalformed { .. }))));
}

#[test]
fn trailers_without_a_status() {
    assert_eq!(trailers(None, OK), Err(Evidence::StatusMissing { trailers: false }));
    assert_eq!(trailers(Some(&headers(&[("x", "y")])), OK), Err(Evidence::StatusMissing { trailers: true }));
    let http = trailers(None, StatusCode::BAD_GATEWAY).unwrap_err();
    assert!(matches!(http, Evidence::Http { status: 502, .. }));
}

#[test]
fn a_status_is_one_decimal_number_up_to_16() {
    for number in 0..=16u8 {
        let decoded = trailers(Some(&headers(&[("grpc-status", &number.to_string())])), OK).unwrap();
        assert_eq!(decoded.code.as_u8(), number);
    }
    for raw in ["abc", "007", "00", "01", "17", "99", "-1", "+1", "1 ", "", "0x1", "256"] {
        let expected = Evidence::StatusMalformed { raw: raw.into(), count: 1 };
        assert_eq!(trailers(Some(&headers(&[("grpc-status", raw)])), OK), Err(expected));
    }
    for (first, second) in [("0", "0"), ("0", "14"), ("14", "0")] {
        let twice = headers(&[("grpc-status", first), ("grpc-status", second)]);
        assert_eq!(trailers(Some(&twice), OK), Err(Evidence::StatusMalformed { raw: first.into(), count: 2 }));
    }
}

#[test]
fn a_bad_message_never_costs_the_code() {
    for (raw, message) in [("a%2Fb%3Bc%23d", "a/b;c#d"), ("%zz", "%zz"), ("%ff", "\u{fffd}"), ("\u{e9}", "\u{e9}")] {
        let decoded = trailers(Some(&headers(&[("grpc-status", "5"), ("grpc-message", raw)])), OK).unwrap();
        assert_eq!((decoded.code, decoded.message.as_str()), (Code::NotFound, message));
    }
}

#[test]
fn pushback() {
    let read = |values: &[&str]| {
        let mut list = vec![("grpc-status", "14")];
        list.extend(values.iter().map(|value| ("grpc-retry-pushback-ms", *value)));
        trailers(Some(&headers(&list)), OK).unwrap().pushback
    };
    let after = |ms| Pushback::After(std::time::Duration::from_millis(ms));
    assert_eq!(read(&[]), Pushback::Absent);
    assert_eq!((read(&["0"]), read(&["50"]), read(&["2147483647"])), (after(0), after(50), after(2_147_483_647)));
    for never in [&["-1"][..], &["junk"], &[""], &["2147483648"], &["1.5"], &["50", "50"]] {
        assert_eq!(read(never), Pushback::Never, "{never:?}");
    }
}

fn packed(name: &str, message: &impl Message) -> Any {
    Any { type_url: format!("type.googleapis.com/{name}"), value: message.encode_to_vec() }
}

fn all_details() -> Vec<Any> {
    let text = |text: &str| text.to_owned();
    let delay = prost_types::Duration { seconds: 1, nanos: 500_000_000 };
    let localized = proto::LocalizedMessage { locale: text("de"), message: text("Schlüssel") };
    let metadata = [(text("k\n"), text("v\u{1b}"))].into_iter().collect();
    vec![
        packed("google.rpc.ErrorInfo", &proto::ErrorInfo { reason: text("R"), domain: text("d"), metadata }),
        packed("google.rpc.RetryInfo", &proto::RetryInfo { retry_delay: Some(delay) }),
        packed("google.rpc.DebugInfo", &proto::DebugInfo { stack_entries: vec![text("at")], detail: text("x") }),
        packed(
            "google.rpc.QuotaFailure",
            &proto::QuotaFailure {
                violations: vec![proto::QuotaViolation { subject: text("s"), description: text("d") }],
            },
        ),
        packed(
            "google.rpc.PreconditionFailure",
            &proto::PreconditionFailure {
                violations: vec![proto::PreconditionViolation {
                    kind: text("TOS"),
                    subject: text("s"),
                    description: text("d"),
                }],
            },
        ),
        packed(
            "google.rpc.BadRequest",
            &proto::BadRequest {
                field_violations: vec![proto::FieldViolation {
                    field: text("a.b"),
                    description: text("d"),
                    reason: text("R"),
                    localized_message: Some(localized.clone()),
                }],
            },
        ),
        packed("google.rpc.RequestInfo", &proto::RequestInfo { request_id: text("r-1"), serving_data: text("s") }),
        packed(
            "google.rpc.ResourceInfo",
            &proto::ResourceInfo {
                resource_type: text("t"),
                resource_name: text("n"),
                owner: text("o"),
                description: text("d"),
            },
        ),
        packed(
            "google.rpc.Help",
            &proto::Help { links: vec![proto::HelpLink { description: text("d"), url: text("https://x") }] },
        ),
        packed("google.rpc.LocalizedMessage", &localized),
        Any { type_url: text("type.googleapis.com/acme.Reason"), value: vec![0, 1] },
    ]
}

fn answer(code: i32, message: &str, details: Vec<Any>) -> HeaderMap {
    let status = proto::Status { code, message: message.into(), details };
    let bin = BASE64_STANDARD_NO_PAD.encode(status.encode_to_vec());
    headers(&[("grpc-status", "8"), ("grpc-message", "quota"), ("grpc-status-details-bin", &bin)])
}

#[test]
fn all_ten_standard_details_are_values_and_others_stay_packed() {
    let decoded = trailers(Some(&answer(8, "quota", all_details())), OK).unwrap();
    let (details, state) = decoded.details();
    assert_eq!(state, DetailsState::Decoded);
    let expected = concat!(
        r#"[{"type":"google.rpc.ErrorInfo","reason":"R","domain":"d","metadata":{"k\\n":"v\\x1b"}},"#,
        r#"{"type":"google.rpc.RetryInfo","retry_delay_ms":1500},"#,
        r#"{"type":"google.rpc.DebugInfo","stack_entries":["at"],"detail":"x"},"#,
        r#"{"type":"google.rpc.QuotaFailure","violations":[{"subject":"s","description":"d"}]},"#,
        r#"{"type":"google.rpc.PreconditionFailure","violations":[{"type":"TOS","subject":"s","description":"d"}]},"#,
        r#"{"type":"google.rpc.BadRequest","field_violations":[{"field":"a.b","description":"d","reason":"R","#,
        r#""localized_message":{"locale":"de","message":"Schlüssel"}}]},"#,
        r#"{"type":"google.rpc.RequestInfo","request_id":"r-1","serving_data":"s"},"#,
        r#"{"type":"google.rpc.ResourceInfo","resource_type":"t","resource_name":"n","owner":"o","description":"d"},"#,
        r#"{"type":"google.rpc.Help","links":[{"description":"d","url":"https://x"}]},"#,
        r#"{"type":"google.rpc.LocalizedMessage","locale":"de","message":"Schlüssel"},"#,
        r#"{"type_url":"type.googleapis.com/acme.Reason","value":"AAE="}]"#,
    );
    assert_eq!(serde_json::to_string(&details).unwrap(), expected);
    assert_eq!(serde_json::from_str::<Vec<Detail>>(expected).unwrap(), details);
}

#[test]
fn the_failure_of_a_status_has_everything_the_server_said() {
    let mut map = answer(8, "quota", all_details());
    map.append("grpc-retry-pushback-ms", HeaderValue::from_static("70"));
    let decoded = trailers(Some(&map), OK).unwrap();
    let failure = decoded.failure(Situation::default());
    let record = failure.record();
    assert_eq!((record.cause, record.retry), (Cause::AppOverloaded, Retry::Delay));
    assert_eq!(record.evidence("retry_after_ms").and_then(|it| it.as_u64()), Some(1500));
    assert_eq!(record.evidence("pushback_ms").and_then(|it| it.as_u64()), Some(70));
    assert_eq!(record.evidence("request_id").and_then(|it| it.as_str()), Some("r-1"));
    assert_eq!(record.peer_text.as_deref(), Some("quota"));
    assert_eq!((record.details.len(), record.details_state), (11, Some(DetailsState::Decoded)));
}

#[test]
fn bad_details_never_cost_the_code() {
    let with = |bin: &str| {
        let map = headers(&[("grpc-status", "9"), ("grpc-message", "m"), ("grpc-status-details-bin", bin)]);
        trailers(Some(&map), OK).unwrap()
    };
    let status = |code, details| proto::Status { code, message: "m".into(), details }.encode_to_vec();
    let broken = Any { type_url: "type.googleapis.com/google.rpc.RetryInfo".into(), value: vec![0xff] };
    for (bin, state, count) in [
        ("!!!not base64!!!".to_owned(), DetailsState::Malformed, 0),
        (BASE64_STANDARD.encode([0xff, 0xff]), DetailsState::Malformed, 0),
        (BASE64_STANDARD.encode(status(9, vec![broken])), DetailsState::Malformed, 1),
        (BASE64_STANDARD.encode(status(5, vec![])), DetailsState::Mismatch, 0),
        (
            BASE64_STANDARD.encode(proto::Status { code: 9, ..Default::default() }.encode_to_vec()),
            DetailsState::Mismatch,
            0,
        ),
        (BASE64_STANDARD.encode(status(9, vec![])), DetailsState::Decoded, 0),
    ] {
        let decoded = with(&bin);
        let failure = decoded.failure(Situation::default());
        assert_eq!((failure.cause(), failure.code()), (Cause::AppRejected, Code::FailedPrecondition), "{bin}");
        assert_eq!(failure.record().details_state, Some(state), "{bin}");
        assert_eq!(failure.record().details.len(), count, "{bin}");
    }
    let absent = trailers(Some(&headers(&[("grpc-status", "9")])), OK).unwrap();
    assert_eq!(absent.details(), (vec![], DetailsState::Absent));
}

#[test]
fn a_retry_delay_is_bounded_on_both_sides() {
    for (seconds, nanos, ms) in [(-5, 0, 0), (i64::MAX, 0, 315_576_000_000_000), (0, 1_999_999, 1)] {
        let info = proto::RetryInfo { retry_delay: Some(prost_types::Duration { seconds, nanos }) };
        let decoded = trailers(Some(&answer(8, "quota", vec![packed("google.rpc.RetryInfo", &info)])), OK).unwrap();
        let (details, _) = decoded.details();
        assert!(matches!(&details[..], [Detail::RetryInfo(info)] if info.retry_delay_ms == ms), "{details:?}");
    }
}

#[test]
fn debug_shows_no_word_of_the_server() {
    let map = headers(&[("grpc-status", "5"), ("grpc-message", "CANARY"), ("grpc-status-details-bin", "Q0FOQVJZ")]);
    let decoded = trailers(Some(&map), OK).unwrap();
    assert_eq!(decoded.details_bin, DetailsBin::Bytes(Bytes::from_static(b"CANARY")));
    let shown = format!("{decoded:?}");
    assert!(!shown.contains("CANARY") && !shown.contains("67, 65"), "{shown}");
}

proptest! {
    #![proptest_config(crate::failure::seeded())]

    #[test]
    fn no_trailers_panic_and_the_code_is_kept(
        status in "[0-9a-z]{0,3}",
        message in proptest::collection::vec(any::<u8>(), 0..60),
        bin in proptest::collection::vec(any::<u8>(), 0..60),
        push in "[-0-9]{0,12}",
        end in any::<bool>(),
        http in 100u16..600,
    ) {
        let mut map = HeaderMap::new();
        for (name, value) in [
            ("grpc-status", status.as_bytes()),
            ("grpc-message", &message),
            ("grpc-status-details-bin", &bin),
            ("grpc-retry-pushback-ms", push.as_bytes()),
            ("server", &message),
        ] {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
            }
        }
        let http = StatusCode::from_u16(http).unwrap();
        let valid = status.parse::<u8>().ok().filter(|it| *it <= 16 && it.to_string() == status);
        match trailers(Some(&map), http) {
            Ok(decoded) => {
                prop_assert_eq!(Some(decoded.code.as_u8()), valid);
                let _ = decoded.failure(Situation::default()).to_json();
            }
            Err(evidence) => {
                prop_assert!(valid.is_none());
                let _ = diagnose(evidence, Situation::default()).diagnostic();
            }
        }
        let _ = response(http, &map, end);
    }

    #[test]
    fn no_details_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (details, state) = super::details::decode(Code::Aborted, "", &bytes);
        prop_assert!(state != DetailsState::Absent);
        prop_assert!(serde_json::to_string(&details).is_ok());
    }

    #[test]
    fn no_packed_detail_panics(index in 0usize..11, cut in any::<usize>(), byte in any::<u8>()) {
        let mut any = all_details().remove(index);
        if let Some(place) = cut.checked_rem(any.value.len()).and_then(|place| any.value.get_mut(place)) {
            *place = byte;
        }
        let status = proto::Status { code: 10, message: String::new(), details: vec![any] };
        let (details, _) = super::details::decode(Code::Aborted, "", &status.encode_to_vec());
        prop_assert_eq!(details.len(), 1);
    }
}
