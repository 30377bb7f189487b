//! The rules that hold for every cause.
use std::{
    collections::BTreeSet,
    time::{Duration, UNIX_EPOCH},
};

use super::*;
use crate::failure::{
    CertificateProblem, Leaf, Loss, MessageProblem, NameAnswer, Phase, ProxyProblem, Pushback, ResolverProblem,
    ServerHealth, Sized, Speaks, Unusable,
};

/// At least one value of every variant, with a canary wherever a secret or a peer's word could stand.
fn every_evidence() -> Vec<Evidence> {
    use Evidence as E;
    let text = || "CANARY\n".to_owned();
    let address = || "10.0.0.1:1".to_owned();
    let waited = Duration::from_millis(5);
    let leaf = Leaf {
        subject: text(),
        issuer: text(),
        names: vec![text()],
        not_before: UNIX_EPOCH,
        not_after: UNIX_EPOCH,
        chain_length: 1,
    };
    let certificate = |problem| E::Certificate {
        problem,
        expected: "users".into(),
        leaf: Some(Box::new(leaf.clone())),
        now: UNIX_EPOCH,
        roots: 0,
    };
    let go_away = |code, unprocessed, pings: bool| E::GoAway {
        code,
        last_stream: 3,
        debug: b"x".to_vec(),
        unprocessed,
        pings: pings.then_some(Duration::from_secs(10)),
    };
    let http = |status| E::Http {
        status,
        content_type: Some(text()),
        server: Some(text()),
        auth_scheme: Some(text()),
        length: 9,
    };
    let too_large = (Sized::Message, 5, 4, "max_send_message_bytes");
    let (what, actual, limit, option) = too_large;
    let mut all = vec![
        E::Target { target: "http://u:p@h".into(), reason: "x".into() },
        E::Option { field: "keepalive.time_ms".into(), value: None, reason: "x".into() },
        E::TlsMaterial { field: "tls.ca_pem".into(), reason: "x".into() },
        E::Request { field: "metadata".into(), reason: "x".into() },
        E::Unusable { why: Unusable::Closed },
        E::Core { site: "x" },
        E::Name { host: "h".into(), answer: NameAnswer::NoData },
        E::Resolver { host: "h".into(), problem: ResolverProblem::Timeout },
        E::Connect { address: address(), errno: None, waited },
        E::ClosedEarly { address: address(), errno: Some(104) },
        E::Lost { address: address(), how: Loss::Reset, errno: Some(104) },
        E::Keepalive { address: address(), waited },
        E::ServiceConfig { field: "service_config".into(), reason: "must be a JSON object".into() },
        E::Proxy { proxy: "p:1".into(), problem: ProxyProblem::Closed, said: None, source: "option" },
        E::Proxy { proxy: "p:1".into(), problem: ProxyProblem::Timeout, said: None, source: "option" },
        E::Proxy { proxy: "p:1".into(), problem: ProxyProblem::Status(407), said: None, source: "option" },
        certificate(CertificateProblem::Expired),
        certificate(CertificateProblem::NotYetValid),
        certificate(CertificateProblem::NameMismatch),
        certificate(CertificateProblem::UnknownCa),
        certificate(CertificateProblem::Weak),
        E::Alert { alert: 116, certificate_sent: false, ours_expires: None },
        E::Alert { alert: 48, certificate_sent: true, ours_expires: None },
        E::TlsProtocol { what: "x" },
        E::NotTls { address: address(), speaks: Speaks::Ssh },
        E::NoAlpn { offered: Some(text()) },
        E::TlsInterrupted { address: address() },
        E::TlsTimeout { address: address(), waited },
        E::NotHttp2 { address: address(), speaks: Speaks::Tls },
        E::NotHttp2 { address: address(), speaks: Speaks::Http1 },
        E::NoSettings { address: address(), waited },
        go_away(0, true, false),
        go_away(0, false, false),
        go_away(11, true, true),
        E::Violation { what: "x", code: 1, opening: true },
        E::NotGrpc { content_type: Some(text()), server: None, length: u64::MAX },
        E::StatusMissing { trailers: false },
        E::StatusMalformed { raw: text(), count: 1 },
        E::Message { problem: MessageProblem::Flag(3) },
        E::Cardinality { received: 0 },
        E::Decode { type_name: Some(text()) },
        E::RequestTooLarge { what, actual, limit, option },
        E::ResponseTooLarge { what, actual, limit, option },
        E::LocalResources { what: "memory", errno: None },
        E::InsecureCredentials,
        E::CredentialsRefused { provider: "p".into() },
        E::CredentialsUnavailable { provider: "p".into() },
        E::NotServing { address: address(), service: text(), health: ServerHealth::NotServing },
        E::Ejected { address: address(), failed: 9, total: 10 },
        E::Deadline { budget: waited, already_past: false },
        E::Cancelled { reason: None },
    ];
    all.extend([2, 7, 8, 11, 12].map(|code| E::Reset { code }));
    all.extend([401, 403, 404, 503, 500].map(http));
    all.extend([1, 3, 7, 8, 12, 14, 16].map(|code| E::Status {
        code,
        retry_after: None,
        pushback: Pushback::Absent,
        request_id: Some(text()),
    }));
    all.extend([1, 13, 111, 101].map(|errno| E::Connect { address: address(), errno: Some(errno), waited }));
    all
}

fn every_situation() -> Vec<Situation> {
    let phases: Vec<Option<Phase>> = Phase::ALL.iter().copied().map(Some).chain([None]).collect();
    let reached: Vec<Option<Reached>> = Reached::ALL.iter().copied().map(Some).chain([None]).collect();
    let secure = diagnose(Evidence::InsecureCredentials, Situation::default());
    let mut all = Vec::new();
    for phase in phases {
        for reached in &reached {
            for headers in [false, true] {
                for underlying in [None, Some(secure.clone())] {
                    all.push(Situation { phase, reached: *reached, headers, underlying, ..Situation::default() });
                }
            }
        }
    }
    all
}

#[test]
fn every_cause_can_be_diagnosed() {
    let mut found: BTreeSet<Cause> = BTreeSet::new();
    for evidence in every_evidence() {
        for situation in every_situation() {
            found.insert(diagnose(evidence.clone(), situation).cause());
        }
    }
    let missing: Vec<&Cause> = Cause::ALL.iter().filter(|cause| !found.contains(cause)).collect();
    assert_eq!(missing, Vec::<&Cause>::new());
}

#[test]
fn rules_hold_for_everything() {
    for evidence in every_evidence() {
        for situation in every_situation() {
            let secure = situation.underlying.is_some();
            let record = record(evidence.clone(), situation);
            assert_keys(&record);
            let context = format!("{evidence:?} {record:?} {:?}", record.reached);
            let unsent = matches!(record.reached, Reached::No | Reached::Unprocessed);
            assert!(record.retry != Retry::Safe || unsent, "safe means unprocessed: {context}");
            if secure && record.cause != Cause::CancelledByCaller {
                let dominated = (record.category, record.retry) == (Category::Security, Retry::Fix);
                assert!(dominated, "a security fault stands behind: {context}");
            }
            if record.category == Category::Security {
                assert_eq!(record.retry, Retry::Fix, "security is never retried: {context}");
            }
            let info = record.cause.info();
            assert!(info.code_varies || record.code == info.code || record.code == Code::Unavailable, "{context}");
            assert!(info.reached_varies || record.reached == info.reached, "{context}");
            assert!(secure || info.category_varies || record.category == info.category, "{context}");
        }
    }
}

#[test]
fn hints_are_sentences_for_everybody() {
    for evidence in every_evidence() {
        let failure = diagnose(evidence, Situation::default());
        for text in [failure.record().hint().into_owned(), failure.public()] {
            assert!(text.ends_with('.') || text.ends_with('?'), "{text}");
            for wrong in ["{", "}", "[", "]", "|", "  ", " .", " ,", " unknown ", " unknown.", "()"] {
                assert!(!text.contains(wrong), "`{wrong}` in {text}");
            }
        }
        let public = failure.public();
        for private in ["10.0.0.1", "users", "CANARY", "u:p", "p:1"] {
            assert!(!public.contains(private), "{private} in {public}");
        }
    }
}

#[test]
fn a_target_loses_its_password() {
    let situation = Situation { target: Some("http://me:CANARY@host:1".into()), ..Situation::default() };
    let failure = diagnose(Evidence::Target { target: "me:CANARY@h".into(), reason: "x".into() }, situation);
    for text in [failure.to_json(), failure.line(), failure.diagnostic(), format!("{failure:?}")] {
        assert!(!text.contains("CANARY"), "{text}");
    }
}
