//! Certificates that are refused, by either side.
use super::{super::*, pki::*};
use crate::{
    failure::evidence::{CertificateProblem, Evidence, Leaf},
    transport::{DialFailed, DialPhase, dial, tls::classify},
};
use rcgen::{CertifiedIssuer, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd};
use rustls::{CertificateError, RootCertStore, pki_types::CertificateDer};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

async fn refused(material: TlsMaterial, server: &Server) -> DialFailed {
    let (listener, spec) = listener(material).await;
    let acceptor = server.acceptor();
    let (failed, _) = tokio::join!(dial(&spec), async { acceptor.accept(accept(&listener).await).await.is_err() });
    *failed.map(|_| ()).expect_err("refused")
}

async fn problem(material: TlsMaterial, cert: Cert) -> (CertificateProblem, Option<Leaf>) {
    let failed = refused(material, &Server::new(cert)).await;
    assert_eq!(failed.phase, DialPhase::Tls);
    let Evidence::Certificate { problem, leaf, expected, now, roots } = failed.evidence else { panic!("{failed:?}") };
    assert_eq!((expected.as_str(), roots), ("localhost", 1));
    assert!(std::time::SystemTime::now().duration_since(now).unwrap() < Duration::from_secs(60));
    (problem, leaf.map(|leaf| *leaf))
}

fn day(year: i32) -> SystemTime {
    SystemTime::from(date_time_ymd(year, 1, 1))
}

#[tokio::test]
async fn each_fault_of_a_server_certificate_is_told_apart() {
    use CertificateProblem as P;
    let (known, other) = (ca("Known"), ca("Other"));
    let middle =
        CertifiedIssuer::signed_by(ca_params("Middle", "Known"), KeyPair::generate().unwrap(), &known).unwrap();
    let far = CertifiedIssuer::signed_by(ca_params("Far", "Else"), KeyPair::generate().unwrap(), &known).unwrap();
    let with_url = CustomExtension::from_oid_content(
        &[1, 3, 6, 1, 5, 5, 7, 1, 1],
        [&[0x30, 18, 0x30, 16, 6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2, 0x86, 4][..], b"http"].concat(),
    );
    let mut long = cert(Some(&other), |_| {});
    long.chain.push(other.der().clone());
    let cases = [
        ("expired", cert(Some(&known), |p| p.not_after = date_time_ymd(2020, 1, 1)), P::Expired),
        ("not yet", cert(Some(&known), |p| p.not_before = date_time_ymd(2100, 1, 1)), P::NotYetValid),
        (
            "name",
            cert(Some(&known), |p| {
                p.subject_alt_names = vec![rcgen::SanType::DnsName("other.example".try_into().unwrap())]
            }),
            P::NameMismatch,
        ),
        ("self-signed", cert(None, |_| {}), P::SelfSigned),
        (
            "self-signed, as openssl makes it",
            cert(None, |p| p.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained)),
            P::SelfSigned,
        ),
        ("unknown, leaf only", cert(Some(&other), |_| {}), P::UnknownCa),
        ("unknown, with its root", long, P::UnknownCa),
        ("intermediate missing, same organization", cert(Some(&middle), |_| {}), P::ChainIncomplete),
        (
            "intermediate missing, says where it is",
            cert(Some(&far), |p| p.custom_extensions = vec![with_url]),
            P::ChainIncomplete,
        ),
        (
            "purpose",
            cert(Some(&known), |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            P::Purpose,
        ),
        (
            "a CA as a server",
            cert(Some(&known), |p| p.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained)),
            P::Purpose,
        ),
    ];
    for (name, cert, expected) in cases {
        let chain_length = cert.chain.len();
        let (problem, leaf) = problem(trusting(&known), cert).await;
        assert_eq!(problem, expected, "{name}");
        assert_eq!(leaf.expect("it parses").chain_length, chain_length, "{name}");
    }
}

#[tokio::test]
async fn the_public_facts_of_the_leaf_are_kept() {
    let known = ca("Known");
    let cert = cert(Some(&known), |p| {
        p.not_before = date_time_ymd(2019, 1, 1);
        p.not_after = date_time_ymd(2020, 1, 1);
        p.distinguished_name.push(DnType::CommonName, "evil\n\u{1b}[31m");
    });
    let (_, leaf) = problem(trusting(&known), cert).await;
    let leaf = leaf.unwrap();
    assert_eq!((leaf.not_before, leaf.not_after, leaf.chain_length), (day(2019), day(2020), 1));
    assert_eq!(leaf.names, ["localhost", "127.0.0.1"]);
    assert!(leaf.issuer.contains("CN=Known"));
    assert!(leaf.subject.contains("evil") && leaf.subject.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
}

#[tokio::test]
async fn an_override_names_what_is_expected() {
    let known = ca("Known");
    let pem = known.pem();
    let with = |name| {
        TlsMaterial::parse(&TlsPem { ca_pem: Some(pem.as_bytes()), server_name: Some(name), ..TlsPem::default() })
    };
    let failed = refused(with("users.internal").unwrap(), &Server::new(cert(Some(&known), |_| {}))).await;
    let Evidence::Certificate { problem: CertificateProblem::NameMismatch, expected, leaf, .. } = failed.evidence
    else {
        panic!("{failed:?}")
    };
    assert_eq!((expected.as_str(), leaf.unwrap().names.len()), ("users.internal", 2));
}

/// The same words whether webpki or the platform's verifier refuses, which hides the purpose.
#[tokio::test]
async fn the_platform_verifier_is_read_the_same_way() {
    use CertificateProblem as P;
    let (known, other) = (ca("Known"), ca("Other"));
    let cases = [
        (cert(Some(&known), |p| p.not_after = date_time_ymd(2020, 1, 1)), P::Expired),
        (cert(Some(&known), |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]), P::Purpose),
        (cert(Some(&other), |_| {}), P::UnknownCa),
        (cert(None, |_| {}), P::SelfSigned),
    ];
    for (cert, expected) in cases {
        let mut material = trusting(&known);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = [CertificateDer::from(known.der().to_vec())];
        material.verifier =
            Arc::new(rustls_platform_verifier::Verifier::new_with_extra_roots(roots, provider).unwrap());
        assert_eq!(problem(material, cert).await.0, expected);
    }
}

#[test]
fn errors_that_no_server_of_ours_can_cause_are_classified_too() {
    use CertificateError as E;
    let classify = |error| classify::certificate(&error, None, &[], &RootCertStore::empty());
    assert_eq!(classify(E::Revoked), CertificateProblem::Revoked);
    assert_eq!(classify(E::BadEncoding), CertificateProblem::Malformed);
    let signature_algorithm_id = vec![];
    let weak = E::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, supported_algorithms: vec![] };
    assert_eq!(classify(weak), CertificateProblem::Weak);
    assert_eq!(classify(E::UnknownIssuer), CertificateProblem::UnknownCa);
    assert_eq!(classify(E::ApplicationVerificationFailure), CertificateProblem::Other);
}

fn with_identity(ca: &Ca, ours: &Cert) -> TlsMaterial {
    TlsMaterial::parse(&TlsPem {
        ca_pem: Some(ca.pem().as_bytes()),
        cert_pem: Some(ours.pem.as_bytes()),
        key_pem: Some(ours.key_pem.as_bytes()),
        server_name: None,
    })
    .unwrap()
}

fn demanding(ca: &Ca, tls12: bool) -> Server {
    let client_ca = Some(CertificateDer::from(ca.der().to_vec()));
    Server { client_ca, tls12, ..Server::new(cert(Some(ca), |_| {})) }
}

/// In TLS 1.3 our handshake is complete before the server refuses: the alert is found while SETTINGS are awaited.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_client_certificate_is_found_every_time() {
    let ca = ca("Known");
    for _ in 0..50 {
        let failed = refused(trusting(&ca), &demanding(&ca, false)).await;
        assert_eq!(
            failed.evidence,
            Evidence::Alert { alert: 116, certificate_sent: false, ours_expires: None },
            "{failed:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_client_certificate_is_ours() {
    let (known, other) = (ca("Known"), ca("Other"));
    let until = |p: &mut rcgen::CertificateParams, year| p.not_after = date_time_ymd(year, 1, 1);
    for tls12 in [false, true] {
        let cases =
            [(cert(Some(&other), |p| until(p, 2040)), 48, 2040), (cert(Some(&known), |p| until(p, 2020)), 45, 2020)];
        for (ours, alert, expires) in cases {
            let failed = refused(with_identity(&known, &ours), &demanding(&known, tls12)).await;
            let ours_expires = Some(day(expires));
            assert_eq!(failed.evidence, Evidence::Alert { alert, certificate_sent: true, ours_expires }, "{failed:?}");
        }
        let failed = refused(trusting(&known), &demanding(&known, tls12)).await;
        assert!(matches!(failed.evidence, Evidence::Alert { certificate_sent: false, .. }), "{failed:?}");
    }
}

#[tokio::test]
async fn a_client_certificate_that_nobody_asked_for_is_not_sent() {
    let (known, other) = (ca("Known"), ca("Other"));
    let server = Server::new(cert(Some(&other), |_| {}));
    let failed = refused(with_identity(&known, &cert(Some(&known), |_| {})), &server).await;
    assert!(matches!(failed.evidence, Evidence::Certificate { .. }), "{failed:?}");
}

#[test]
fn a_damaged_certificate_is_described_without_panic() {
    let known = ca("Known");
    let der = cert(Some(&known), |_| {}).chain[0].to_vec();
    let roots = trusting(&known).roots;
    let mut rng = fastrand::Rng::with_seed(7);
    let mut parsed = 0;
    for _ in 0..3000 {
        let mut der = der.clone();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..der.len());
            der[at] = rng.u8(..);
        }
        parsed += usize::from(super::super::verify::read(&CertificateDer::from(der), &roots));
    }
    assert!(parsed > 100, "{parsed}");
}
