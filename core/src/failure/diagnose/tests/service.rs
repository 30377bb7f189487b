use std::time::Duration;

use super::*;
use crate::failure::{Origin, Phase, Pushback, ServerHealth, Unusable};

fn status(code: u8, pushback: Pushback) -> Evidence {
    Evidence::Status { code, retry_after: Some(Duration::from_millis(50)), pushback, request_id: Some("r-1".into()) }
}

#[test]
fn arguments() {
    let is = |cause, category| (cause, Code::Internal, category, Retry::Fix, Reached::No);
    check(vec![
        (
            Evidence::Target { target: "foo:///x".into(), reason: "unknown scheme".into() },
            is(Cause::TargetInvalid, Category::Config),
        ),
        (
            Evidence::Option { field: "keepalive.time_ms".into(), value: Some("-1".into()), reason: "x".into() },
            is(Cause::OptionInvalid, Category::Config),
        ),
        (
            Evidence::TlsMaterial { field: "tls.key_pem".into(), reason: "does not match".into() },
            is(Cause::TlsConfigInvalid, Category::Config),
        ),
        (
            Evidence::Request { field: "metadata.x".into(), reason: "x".into() },
            is(Cause::RequestInvalid, Category::Client),
        ),
        (
            Evidence::Core { site: "call task" },
            (Cause::CoreFault, Code::Internal, Category::Client, Retry::Never, Reached::Maybe),
        ),
    ]);
}

#[test]
fn a_channel_that_is_gone() {
    for (why, word) in [(Unusable::Closed, "closed"), (Unusable::Forked, "forked")] {
        let evidence = Evidence::Unusable { why };
        let gone = (Cause::ChannelUnusable, Code::Cancelled, Category::Client, Retry::Never, Reached::No);
        check(vec![(evidence.clone(), gone)]);
        let in_flight = record(evidence, reached(Reached::Maybe));
        assert_eq!((in_flight.retry, in_flight.reached), (Retry::Never, Reached::Maybe));
        assert_eq!(in_flight.evidence("state").unwrap().as_str(), Some(word));
    }
}

#[test]
fn a_server_that_is_left_out() {
    let is = |cause| (cause, Code::Unavailable, Category::Server, Retry::Safe, Reached::No);
    let not_serving =
        |service: &str, health| Evidence::NotServing { address: "a:1".into(), service: service.into(), health };
    check(vec![
        (not_serving("x", ServerHealth::Unknown), is(Cause::ServerNotServing)),
        (Evidence::Ejected { address: "a:1".into(), failed: 9, total: 10 }, is(Cause::ServerEjected)),
    ]);
    for (health, word) in [
        (ServerHealth::Unknown, "unknown"),
        (ServerHealth::NotServing, "not_serving"),
        (ServerHealth::ServiceUnknown, "service_unknown"),
        (ServerHealth::CheckFailed, "check_failed"),
    ] {
        let record = record(not_serving("", health), Situation::default());
        assert_eq!(record.evidence("health").unwrap().as_str(), Some(word));
        assert!(record.evidence("service").is_none(), "the server as a whole has no name");
    }
}

#[test]
fn credentials() {
    let is = |cause, code, category, retry| (cause, code, category, retry, Reached::No);
    check(vec![
        (
            Evidence::InsecureCredentials,
            is(Cause::CredentialsOnInsecureChannel, Code::Unauthenticated, Category::Security, Retry::Fix),
        ),
        (
            Evidence::CredentialsRefused { provider: "oauth".into() },
            is(Cause::CredentialsFailed, Code::Unauthenticated, Category::Security, Retry::Fix),
        ),
        (
            Evidence::CredentialsUnavailable { provider: "oauth".into() },
            is(Cause::CredentialsUnavailable, Code::Unavailable, Category::Network, Retry::Safe),
        ),
    ]);
}

#[test]
fn the_services_own_status() {
    for code in Code::ALL.iter().copied().skip(1) {
        let (cause, category, retry) = match code.as_u8() {
            16 => (Cause::AppUnauthenticated, Category::Security, Retry::Fix),
            7 => (Cause::AppPermissionDenied, Category::Security, Retry::Fix),
            12 => (Cause::AppUnimplemented, Category::Config, Retry::Fix),
            8 => (Cause::AppOverloaded, Category::Server, Retry::Delay),
            14 => (Cause::AppUnavailable, Category::Server, Retry::Idempotent),
            3 | 5 | 6 | 9 | 10 | 11 => (Cause::AppRejected, Category::Client, Retry::Never),
            _ => (Cause::AppFailed, Category::Server, Retry::Idempotent),
        };
        check(vec![(status(code.as_u8(), Pushback::Absent), (cause, code, category, retry, Reached::Yes))]);
        assert_eq!(record(status(code.as_u8(), Pushback::Absent), Situation::default()).origin, Origin::PeerApp);
    }
}

#[test]
fn pushback() {
    for code in [8, 13, 14] {
        let never = record(status(code, Pushback::Never), Situation::default());
        assert_eq!(never.retry, Retry::Never, "{code}");
        assert_eq!(never.evidence("pushback").unwrap().as_str(), Some("never"));
    }
    let after = record(status(8, Pushback::After(Duration::from_millis(70))), Situation::default());
    assert_eq!(after.retry, Retry::Delay);
    assert_eq!(after.evidence("pushback_ms").unwrap().as_u64(), Some(70));
    assert_eq!(record(status(16, Pushback::Never), Situation::default()).retry, Retry::Fix);
}

#[test]
fn numbers_that_are_no_failure_status() {
    assert_eq!(record(status(0, Pushback::Absent), Situation::default()).cause, Cause::CoreFault);
    assert_eq!(record(status(17, Pushback::Absent), Situation::default()).cause, Cause::StatusMalformed);
}

fn deadline() -> Evidence {
    Evidence::Deadline { budget: Duration::from_millis(1500), already_past: false }
}

#[test]
fn which_deadline_follows_from_what_was_proved() {
    let is = |cause, category, retry, reached| (cause, Code::DeadlineExceeded, category, retry, reached);
    let not_sent = is(Cause::DeadlineNotSent, Category::Network, Retry::Safe, Reached::No);
    let awaiting = is(Cause::DeadlineAwaitingResponse, Category::Server, Retry::Idempotent, Reached::Maybe);
    let mid = is(Cause::DeadlineMidResponse, Category::Server, Retry::Idempotent, Reached::Yes);
    assert_eq!(verdict(deadline(), reached(Reached::No)), not_sent);
    assert_eq!(verdict(deadline(), reached(Reached::Maybe)), awaiting);
    assert_eq!(verdict(deadline(), with_headers()), mid);
    assert_eq!(verdict(deadline(), Situation::default()), awaiting);
    let unprocessed = verdict(deadline(), reached(Reached::Unprocessed));
    assert_eq!(unprocessed, is(Cause::DeadlineNotSent, Category::Network, Retry::Safe, Reached::Unprocessed));
}

#[test]
fn without_proof_the_phase_tells() {
    for phase in Phase::ALL.iter().copied() {
        let situation = Situation { phase: Some(phase), ..Situation::default() };
        let expected = match phase {
            Phase::Send | Phase::AwaitHeaders | Phase::Receive | Phase::Backoff => Cause::DeadlineAwaitingResponse,
            _ => Cause::DeadlineNotSent,
        };
        let record = record(deadline(), situation);
        assert_eq!((record.cause, record.phase), (expected, Some(phase)));
    }
}

#[test]
fn a_deadline_that_was_not_sent_takes_its_category_from_what_stood_behind() {
    let behind = |evidence| Situation {
        reached: Some(Reached::No),
        underlying: Some(diagnose(evidence, Situation::default())),
        ..Situation::default()
    };
    let past = Evidence::Deadline { budget: Duration::ZERO, already_past: true };
    let past = record(past, Situation::default());
    assert_eq!((past.cause, past.category, past.retry), (Cause::DeadlineNotSent, Category::Client, Retry::Fix));

    let refused = Evidence::Connect { address: "a:1".into(), errno: None, waited: Duration::ZERO };
    let refused = record(deadline(), behind(refused));
    assert_eq!((refused.category, refused.retry), (Category::Network, Retry::Safe));

    let no_alpn = record(deadline(), behind(Evidence::NoAlpn { offered: None }));
    assert_eq!((no_alpn.category, no_alpn.retry), (Category::Config, Retry::Fix));

    let slot = Situation { phase: Some(Phase::StreamSlot), ..Situation::default() };
    let slot = record(deadline(), slot);
    assert_eq!((slot.cause, slot.category, slot.retry), (Cause::DeadlineNotSent, Category::Server, Retry::Safe));
}

#[test]
fn cancelled() {
    check(vec![(
        Evidence::Cancelled { reason: Some("signal") },
        (Cause::CancelledByCaller, Code::Cancelled, Category::Client, Retry::Never, Reached::Maybe),
    )]);
}
