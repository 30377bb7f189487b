use super::{
    classify,
    facts::{Facts, Refusal},
    leaf::describe,
    presented::Presented,
};
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::{
        ResolvesClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    sign::CertifiedKey,
};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Leaves every decision to the real verifier, and keeps what it refused or accepted.
#[derive(Debug)]
pub(super) struct Recorder {
    inner: Arc<dyn ServerCertVerifier>,
    roots: Arc<RootCertStore>,
    facts: Arc<Facts>,
}

impl Recorder {
    pub(super) fn new(inner: Arc<dyn ServerCertVerifier>, roots: Arc<RootCertStore>, facts: Arc<Facts>) -> Recorder {
        Recorder { inner, roots, facts }
    }

    fn record(&self, error: &Error, leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>], now: UnixTime) {
        let Error::InvalidCertificate(error) = error else { return };
        let parsed = X509Certificate::from_der(leaf).ok().map(|(_, leaf)| leaf);
        self.facts.refuse(Refusal {
            problem: classify::certificate(error, parsed.as_ref(), others, &self.roots),
            leaf: parsed.map(|leaf| describe(&leaf, others.len() + 1)),
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs()),
        });
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.inner
            .verify_server_cert(leaf, others, name, ocsp, now)
            .inspect(|_| self.facts.accept(Presented::new(leaf, others.len() + 1, self.roots.len())))
            .inspect_err(|error| self.record(error, leaf, others, now))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.inner.root_hint_subjects()
    }
}

/// Gives our certificate when asked, and notes that it did.
#[derive(Debug)]
pub(super) struct Identity {
    inner: Arc<dyn ResolvesClientCert>,
    facts: Arc<Facts>,
}

impl Identity {
    pub(super) fn new(inner: Arc<dyn ResolvesClientCert>, facts: Arc<Facts>) -> Identity {
        Identity { inner, facts }
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.inner.resolve(hints, schemes).inspect(|_| self.facts.sent_certificate())
    }

    fn has_certs(&self) -> bool {
        self.inner.has_certs()
    }
}

/// Reads a certificate as a refusal would; true if it parses.
#[cfg(test)]
pub(super) fn read(certificate: &CertificateDer<'_>, roots: &RootCertStore) -> bool {
    let parsed = X509Certificate::from_der(certificate).ok().map(|(_, leaf)| leaf);
    for error in [rustls::CertificateError::UnknownIssuer, rustls::CertificateError::ApplicationVerificationFailure] {
        classify::certificate(&error, parsed.as_ref(), &[], roots);
    }
    parsed.is_some_and(|leaf| !describe(&leaf, 1).subject.contains('\n'))
}
