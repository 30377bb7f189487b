use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::failure::{
    CertificateProblem as P, Leaf, Loss, NameAnswer, Origin, ProxyProblem, ResolverProblem, Speaks,
    errno::{System, lookup},
};

const UNAV: Code = Code::Unavailable;

fn number(name: &str) -> i32 {
    (0..200).find(|number| lookup(*number, System::HERE).is_some_and(|(known, _)| known == name)).unwrap()
}

fn connect(errno: Option<i32>) -> Evidence {
    Evidence::Connect { address: "10.0.0.1:443".into(), errno, waited: Duration::from_millis(20_000) }
}

#[test]
fn names() {
    let missing = |answer| Evidence::Name { host: "nx.test".into(), answer };
    let broken = |problem| Evidence::Resolver { host: "nx.test".into(), problem };
    let not_found = (Cause::NameNotFound, UNAV, Category::Config, Retry::Safe, Reached::No);
    let failed = (Cause::ResolverFailed, UNAV, Category::Network, Retry::Safe, Reached::No);
    check(vec![(missing(NameAnswer::NxDomain), not_found), (missing(NameAnswer::NoData), not_found)]);
    for (problem, word) in [
        (ResolverProblem::ServFail, "servfail"),
        (ResolverProblem::Refused, "refused"),
        (ResolverProblem::Timeout, "timeout"),
        (ResolverProblem::Io, "io"),
        (ResolverProblem::Plugin, "plugin"),
    ] {
        check(vec![(broken(problem), failed)]);
        let record = record(broken(problem), Situation::default());
        assert_eq!(record.evidence("problem").unwrap().as_str(), Some(word));
    }
}

#[test]
fn errno_decides_what_a_failed_dial_was() {
    let refused = (Cause::ConnectRefused, UNAV, Category::Network, Retry::Safe, Reached::No);
    let timeout = (Cause::ConnectTimeout, UNAV, Category::Network, Retry::Safe, Reached::No);
    let unreachable = (Cause::NetworkUnreachable, UNAV, Category::Network, Retry::Safe, Reached::No);
    let blocked = (Cause::ConnectBlockedLocally, UNAV, Category::Config, Retry::Fix, Reached::No);
    let exhausted = (Cause::LocalResourcesExhausted, UNAV, Category::Client, Retry::Delay, Reached::No);
    let early = (Cause::PeerClosedEarly, UNAV, Category::Server, Retry::Safe, Reached::No);
    for (names, expected) in [
        (vec!["ECONNREFUSED", "ENOENT", "ENOTDIR", "ENOTSOCK"], refused),
        (vec!["ETIMEDOUT"], timeout),
        (
            vec!["EHOSTUNREACH", "ENETUNREACH", "ENETDOWN", "EHOSTDOWN", "EADDRNOTAVAIL", "EINVAL", "EAFNOSUPPORT"],
            unreachable,
        ),
        (vec!["EACCES", "EPERM"], blocked),
        (vec!["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EADDRINUSE"], exhausted),
        (vec!["ECONNRESET", "ECONNABORTED", "EPIPE"], early),
    ] {
        for name in names {
            check(vec![(connect(Some(number(name))), expected)]);
            let record = record(connect(Some(number(name))), Situation::default());
            assert_eq!(record.evidence("errno_name").unwrap().as_str(), Some(name));
        }
    }
    check(vec![(connect(None), timeout)]);
}

#[test]
fn an_unknown_errno_keeps_its_number() {
    let record = record(connect(Some(4242)), Situation::default());
    assert_eq!((record.cause, record.reached), (Cause::NetworkUnreachable, Reached::No));
    assert_eq!(record.evidence("errno").unwrap().as_u64(), Some(4242));
    assert!(record.evidence("errno_name").is_none());
}

#[test]
fn errno_numbers_are_those_of_both_systems() {
    for (name, linux, apple) in
        [("ECONNREFUSED", 111, 61), ("ETIMEDOUT", 110, 60), ("EHOSTUNREACH", 113, 65), ("EMFILE", 24, 24)]
    {
        assert_eq!(lookup(linux, System::Linux).unwrap().0, name);
        assert_eq!(lookup(apple, System::Apple).unwrap().0, name);
    }
    assert_eq!(lookup(61, System::Linux), None);
}

#[test]
fn broken_connections() {
    let address = || "10.0.0.1:443".to_owned();
    let lost = |how| Evidence::Lost { address: address(), how, errno: Some(number("ECONNRESET")) };
    let keepalive = || Evidence::Keepalive { address: address(), waited: Duration::from_secs(20) };
    // What the kernel's own probes found.
    let unanswered = || Evidence::Lost { address: address(), how: Loss::Other, errno: Some(number("ETIMEDOUT")) };
    let early = || Evidence::ClosedEarly { address: address(), errno: None };
    for how in [Loss::Reset, Loss::Eof, Loss::Other] {
        check(vec![(lost(how), (Cause::ConnectionLost, UNAV, Category::Network, Retry::Idempotent, Reached::Maybe))]);
    }
    check(vec![
        (keepalive(), (Cause::KeepaliveTimeout, UNAV, Category::Network, Retry::Idempotent, Reached::Maybe)),
        (unanswered(), (Cause::KeepaliveTimeout, UNAV, Category::Network, Retry::Idempotent, Reached::Maybe)),
        (early(), (Cause::PeerClosedEarly, UNAV, Category::Server, Retry::Safe, Reached::No)),
    ]);
    for evidence in [lost(Loss::Eof), keepalive()] {
        let seen = record(evidence.clone(), with_headers());
        assert_eq!((seen.retry, seen.reached), (Retry::Idempotent, Reached::Yes));
        let unsent = record(evidence, reached(Reached::No));
        assert_eq!((unsent.retry, unsent.reached), (Retry::Safe, Reached::No));
    }
}

#[test]
fn proxies() {
    let proxy = |problem| Evidence::Proxy {
        proxy: "http://me:CANARY@proxy:3128".into(),
        problem,
        said: None,
        source: "https_proxy",
    };
    let unreachable = (Cause::ProxyUnreachable, UNAV, Category::Network, Retry::Safe, Reached::No);
    let denied = (Cause::ProxyDenied, UNAV, Category::Security, Retry::Fix, Reached::No);
    let failed = (Cause::ProxyFailed, UNAV, Category::Network, Retry::Safe, Reached::No);
    check(vec![
        (proxy(ProxyProblem::Unreachable { errno: Some(number("ECONNREFUSED")) }), unreachable),
        (proxy(ProxyProblem::Unresolved), unreachable),
        (proxy(ProxyProblem::Timeout), unreachable),
        (proxy(ProxyProblem::Status(407)), denied),
        (proxy(ProxyProblem::Status(403)), denied),
        (proxy(ProxyProblem::Status(401)), denied),
        (proxy(ProxyProblem::Status(502)), failed),
        (proxy(ProxyProblem::Closed), failed),
        (proxy(ProxyProblem::NotHttp), failed),
        (proxy(ProxyProblem::HeadTooLarge), failed),
    ]);
    let failure = diagnose(proxy(ProxyProblem::Status(407)), Situation::default());
    assert_eq!(failure.record().evidence("proxy").unwrap().as_str(), Some("proxy:3128"));
    assert!(!failure.to_json().contains("CANARY"));
}

#[test]
fn certificates() {
    let leaf = Leaf {
        subject: "CN=users".into(),
        issuer: "CN=ca".into(),
        names: (0..40).map(|index| format!("n{index}\n")).collect(),
        not_before: UNIX_EPOCH,
        not_after: UNIX_EPOCH + Duration::from_secs(86_400),
        chain_length: 2,
    };
    let certificate = |problem, leaf| Evidence::Certificate {
        problem,
        expected: "users".into(),
        leaf,
        now: UNIX_EPOCH + Duration::from_secs(86_400 * 52),
        roots: 3,
    };
    for (problem, cause, word) in [
        (P::Expired, Cause::TlsCertExpired, "expired"),
        (P::NotYetValid, Cause::TlsCertNotYetValid, "not_yet_valid"),
        (P::NameMismatch, Cause::TlsNameMismatch, "name_mismatch"),
        (P::SelfSigned, Cause::TlsUntrustedIssuer, "self_signed"),
        (P::ChainIncomplete, Cause::TlsUntrustedIssuer, "chain_incomplete"),
        (P::UnknownCa, Cause::TlsUntrustedIssuer, "unknown_ca"),
        (P::Purpose, Cause::TlsCertUnacceptable, "purpose"),
        (P::Revoked, Cause::TlsCertUnacceptable, "revoked"),
        (P::Malformed, Cause::TlsCertUnacceptable, "malformed"),
        (P::Weak, Cause::TlsCertUnacceptable, "weak"),
        (P::Other, Cause::TlsCertUnacceptable, "other"),
    ] {
        check(vec![(certificate(problem, None), (cause, UNAV, Category::Security, Retry::Fix, Reached::No))]);
        let record = record(certificate(problem, Some(Box::new(leaf.clone()))), Situation::default());
        assert_keys(&record);
        assert_eq!(record.evidence("problem").unwrap().as_str(), Some(word));
    }
    let failure = diagnose(certificate(P::Expired, Some(Box::new(leaf))), Situation::default());
    assert_eq!(
        failure.record().hint(),
        "Server certificate expired 1970-01-02T00:00:00Z (51 days ago); local time 1970-02-22T00:00:00Z. \
         Renew it; a retry will not help."
    );
    let names = failure.record().evidence("names").unwrap().to_string();
    assert!(names.starts_with("n0\\n, n1\\n") && !names.contains("n16"), "{names}");
}

#[test]
fn alerts_are_about_our_certificate_only_when_we_sent_one() {
    let alert = |alert, certificate_sent| Evidence::Alert { alert, certificate_sent, ours_expires: Some(UNIX_EPOCH) };
    let is = |cause| (cause, UNAV, Category::Security, Retry::Fix, Reached::No);
    for number in [42, 43, 44, 45, 46, 48, 49, 116] {
        check(vec![(alert(number, true), is(Cause::TlsClientCertRejected))]);
    }
    for number in [41, 42, 116] {
        check(vec![(alert(number, false), is(Cause::TlsClientCertRequired))]);
    }
    for number in [10, 40, 43, 48, 70, 80, 200] {
        check(vec![(alert(number, false), is(Cause::TlsProtocolError))]);
    }
    check(vec![(alert(40, true), is(Cause::TlsProtocolError))]);
    check(vec![(alert(120, false), (Cause::TlsAlpnNoH2, UNAV, Category::Config, Retry::Fix, Reached::No))]);
    let rejected = record(alert(48, true), Situation::default());
    assert_eq!(rejected.evidence("alert_name").unwrap().as_str(), Some("unknown_ca"));
    assert!(rejected.evidence("ours_expires").is_some());
    let unknown = record(alert(200, false), Situation::default());
    assert_eq!(unknown.evidence("alert").unwrap().as_u64(), Some(200));
    assert!(unknown.evidence("alert_name").is_none());
}

#[test]
fn handshakes() {
    let address = || "10.0.0.1:443".to_owned();
    let config = |cause| (cause, UNAV, Category::Config, Retry::Fix, Reached::No);
    let network = |cause| (cause, UNAV, Category::Network, Retry::Safe, Reached::No);
    check(vec![
        (Evidence::NotTls { address: address(), speaks: Speaks::Http1 }, config(Cause::TlsPeerNotTls)),
        (Evidence::NoAlpn { offered: None }, config(Cause::TlsAlpnNoH2)),
        (Evidence::NoAlpn { offered: Some("http/1.1".into()) }, config(Cause::TlsAlpnNoH2)),
        (Evidence::TlsInterrupted { address: address() }, network(Cause::TlsInterrupted)),
        (Evidence::TlsTimeout { address: address(), waited: Duration::from_secs(20) }, network(Cause::TlsTimeout)),
        (
            Evidence::TlsProtocol { what: "no common cipher suite" },
            (Cause::TlsProtocolError, UNAV, Category::Security, Retry::Fix, Reached::No),
        ),
    ]);
    for (speaks, word) in
        [(Speaks::Http1, "http1"), (Speaks::Http2, "h2c"), (Speaks::Ssh, "ssh"), (Speaks::Unknown, "other")]
    {
        let record = record(Evidence::NotTls { address: address(), speaks }, Situation::default());
        assert_eq!(record.evidence("speaks").unwrap().as_str(), Some(word));
    }
    let ours = record(Evidence::TlsProtocol { what: "x" }, Situation::default());
    assert_eq!(ours.origin, Origin::Local);
}
