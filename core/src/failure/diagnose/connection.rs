//! Names, sockets, the proxy, TLS.
use std::time::{Duration, SystemTime};

use super::{Finding, names};
use crate::failure::{
    Cause, CertificateProblem, Evidence, Leaf, Loss, NameAnswer, Origin, ProxyProblem, ResolverProblem, Speaks,
    errno::{self, Meaning, System},
    redact::{peer_text, url_host_port},
};

/// More names of a certificate than these help nobody.
const MAX_NAMES: usize = 16;

pub(super) fn name(evidence: Evidence) -> Finding {
    match evidence {
        Evidence::Name { host, answer } => Finding::of(Cause::NameNotFound).fact("host", host.to_string()).fact(
            "answer",
            match answer {
                NameAnswer::NxDomain => "nxdomain",
                NameAnswer::NoData => "nodata",
            },
        ),
        Evidence::Resolver { host, problem } => Finding::of(Cause::ResolverFailed).fact("host", host.to_string()).fact(
            "problem",
            match problem {
                ResolverProblem::ServFail => "servfail",
                ResolverProblem::Refused => "refused",
                ResolverProblem::Timeout => "timeout",
                ResolverProblem::Io => "io",
                ResolverProblem::Plugin => "plugin",
            },
        ),
        _ => Finding::of(Cause::ResolverFailed),
    }
}

pub(super) fn connect(address: String, errno: Option<i32>, waited: Duration) -> Finding {
    let meaning = errno.and_then(|number| errno::lookup(number, System::HERE)).map(|(_, meaning)| meaning);
    match meaning {
        None if errno.is_none() => {
            Finding::of(Cause::ConnectTimeout).fact("address", address).fact("waited_ms", waited)
        }
        Some(Meaning::TimedOut) => {
            with_errno(Finding::of(Cause::ConnectTimeout).fact("address", address).fact("waited_ms", waited), errno)
        }
        Some(Meaning::Exhausted(what)) => {
            with_errno(Finding::of(Cause::LocalResourcesExhausted).fact("what", what), errno)
        }
        Some(Meaning::Refused) => with_errno(Finding::of(Cause::ConnectRefused).fact("address", address), errno),
        Some(Meaning::Forbidden) => {
            with_errno(Finding::of(Cause::ConnectBlockedLocally).fact("address", address), errno)
        }
        Some(Meaning::Closed) => with_errno(Finding::of(Cause::PeerClosedEarly).fact("address", address), errno),
        // A number that the table does not know keeps itself; that no connection was made is certain.
        Some(Meaning::Unreachable) | None => {
            with_errno(Finding::of(Cause::NetworkUnreachable).fact("address", address), errno)
        }
    }
}

pub(super) fn broken(evidence: Evidence) -> Finding {
    match evidence {
        Evidence::ClosedEarly { address, errno } => {
            with_errno(Finding::of(Cause::PeerClosedEarly).fact("address", address), errno)
        }
        Evidence::Lost { address, how, errno } => {
            let how = match how {
                Loss::Reset => "rst",
                Loss::Eof => "eof",
                Loss::Other => "error",
            };
            let meaning = errno.and_then(|number| errno::lookup(number, System::HERE)).map(|(_, meaning)| meaning);
            if meaning == Some(Meaning::TimedOut) {
                return with_errno(Finding::of(Cause::KeepaliveTimeout).fact("address", address), errno);
            }
            with_errno(Finding::of(Cause::ConnectionLost).fact("address", address).fact("how", how), errno)
        }
        Evidence::Keepalive { address, waited } => {
            Finding::of(Cause::KeepaliveTimeout).fact("address", address).fact("waited_ms", waited)
        }
        _ => Finding::of(Cause::ConnectionLost),
    }
}

pub(super) fn proxy(proxy: &str, problem: ProxyProblem, said: Option<String>, source: &'static str) -> Finding {
    let of = |cause| Finding::of(cause).fact("proxy", url_host_port(proxy));
    let finding = match problem {
        ProxyProblem::Unreachable { errno } => {
            with_errno(of(Cause::ProxyUnreachable).fact("problem", "unreachable"), errno)
        }
        ProxyProblem::Unresolved => of(Cause::ProxyUnreachable).fact("problem", "unresolved"),
        ProxyProblem::Timeout => of(Cause::ProxyUnreachable).fact("problem", "timeout"),
        ProxyProblem::Status(status @ (401 | 403 | 407)) => {
            of(Cause::ProxyDenied).fact("http_status", u32::from(status))
        }
        ProxyProblem::Status(status) => {
            of(Cause::ProxyFailed).fact("problem", "status").fact("http_status", u32::from(status))
        }
        ProxyProblem::Closed => of(Cause::ProxyFailed).fact("problem", "closed"),
        ProxyProblem::NotHttp => of(Cause::ProxyFailed).fact("problem", "not_http"),
        ProxyProblem::HeadTooLarge => of(Cause::ProxyFailed).fact("problem", "head_too_large"),
    };
    let mut finding = finding.fact("source", source);
    finding.record.via_proxy = Some(url_host_port(proxy).into());
    finding.record.peer_text = said.map(|line| peer_text(line.as_bytes()));
    finding
}

pub(super) fn certificate(
    problem: CertificateProblem,
    expected: String,
    leaf: Option<Box<Leaf>>,
    now: SystemTime,
    roots: usize,
) -> Finding {
    use CertificateProblem as P;
    let (cause, word) = match problem {
        P::Expired => (Cause::TlsCertExpired, "expired"),
        P::NotYetValid => (Cause::TlsCertNotYetValid, "not_yet_valid"),
        P::NameMismatch => (Cause::TlsNameMismatch, "name_mismatch"),
        P::SelfSigned => (Cause::TlsUntrustedIssuer, "self_signed"),
        P::ChainIncomplete => (Cause::TlsUntrustedIssuer, "chain_incomplete"),
        P::UnknownCa => (Cause::TlsUntrustedIssuer, "unknown_ca"),
        P::Purpose => (Cause::TlsCertUnacceptable, "purpose"),
        P::Revoked => (Cause::TlsCertUnacceptable, "revoked"),
        P::Malformed => (Cause::TlsCertUnacceptable, "malformed"),
        P::Weak => (Cause::TlsCertUnacceptable, "weak"),
        P::Other => (Cause::TlsCertUnacceptable, "other"),
    };
    let mut finding = Finding::of(cause).fact("problem", word).fact("expected", expected);
    if let Some(leaf) = leaf {
        let names: Vec<String> = leaf.names.iter().take(MAX_NAMES).map(|name| peer_text(name.as_bytes())).collect();
        finding = finding
            .fact("names", names)
            .said("subject", Some(leaf.subject))
            .said("issuer", Some(leaf.issuer))
            .at("not_before", Some(leaf.not_before))
            .at("not_after", Some(leaf.not_after))
            .fact("chain_length", small(leaf.chain_length));
    }
    finding.fact("roots", small(roots)).at("now", Some(now))
}

/// RFC 8446 section 6.2. Only an alert that speaks of a certificate is about ours, and only when we sent one.
pub(super) fn alert(alert: u8, certificate_sent: bool, ours_expires: Option<SystemTime>) -> Finding {
    const BAD_CERTIFICATE: u8 = 42;
    const CERTIFICATE_REQUIRED: u8 = 116;
    const NO_APPLICATION_PROTOCOL: u8 = 120;
    let cause = match (alert, certificate_sent) {
        (NO_APPLICATION_PROTOCOL, _) => Cause::TlsAlpnNoH2,
        // 41 is no_certificate of SSL 3. Without a certificate of ours, `bad_certificate` complains that there is none.
        (41 | BAD_CERTIFICATE | CERTIFICATE_REQUIRED, false) => Cause::TlsClientCertRequired,
        // bad, unsupported, revoked, expired, unknown certificate; unknown_ca; access_denied.
        (41..=46 | 48 | 49 | CERTIFICATE_REQUIRED, true) => Cause::TlsClientCertRejected,
        _ => Cause::TlsProtocolError,
    };
    let finding = Finding::of(cause).fact("alert", u32::from(alert)).maybe("alert_name", names::alert(alert));
    if cause == Cause::TlsClientCertRejected { finding.at("ours_expires", ours_expires) } else { finding }
}

pub(super) fn tls(evidence: Evidence) -> Finding {
    match evidence {
        Evidence::NotTls { address, speaks } => {
            Finding::of(Cause::TlsPeerNotTls).fact("address", address).fact("speaks", spoken(speaks))
        }
        Evidence::NoAlpn { offered } => Finding::of(Cause::TlsAlpnNoH2).said("offered", offered),
        Evidence::TlsInterrupted { address } => Finding::of(Cause::TlsInterrupted).fact("address", address),
        Evidence::TlsTimeout { address, waited } => {
            Finding::of(Cause::TlsTimeout).fact("address", address).fact("waited_ms", waited)
        }
        Evidence::TlsProtocol { what } => Finding::of(Cause::TlsProtocolError).fact("what", what).origin(Origin::Local),
        _ => Finding::of(Cause::TlsProtocolError),
    }
}

pub(super) fn spoken(speaks: Speaks) -> &'static str {
    match speaks {
        Speaks::Http1 => "http1",
        Speaks::Http2 => "h2c",
        Speaks::Tls => "tls",
        Speaks::Ssh => "ssh",
        Speaks::Unknown => "other",
    }
}

pub(super) fn with_errno(finding: Finding, errno: Option<i32>) -> Finding {
    let name = errno.and_then(|number| errno::lookup(number, System::HERE)).map(|(name, _)| name);
    finding.maybe("errno", errno).maybe("errno_name", name)
}

fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
