//! From rustls's error types to causes. No text is read.
use crate::failure::evidence::CertificateProblem;
use rustls::{
    AlertDescription, CertificateError, DistinguishedName, Error, PeerMisbehaved, RootCertStore,
    pki_types::CertificateDer,
};
use std::io;
use x509_parser::{
    oid_registry::OID_X509_ORGANIZATION_NAME,
    prelude::{FromDer, ParsedExtension, X509Certificate, X509Name},
};

/// RFC 7301.
pub(super) const NO_APPLICATION_PROTOCOL: u8 = 120;
const MAX_TEXT: usize = 256;

pub(super) fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// The number of the alert that the peer sent.
pub(super) fn alert(error: &io::Error) -> Option<u8> {
    match tls_error(error)? {
        Error::AlertReceived(alert) => Some(AlertDescription::into(*alert)),
        _ => None,
    }
}

/// The peer insists on another protocol than h2.
pub(super) fn is_alpn(error: &Error) -> bool {
    matches!(
        error,
        Error::NoApplicationProtocol | Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol)
    )
}

pub(super) fn protocol(error: &Error) -> &'static str {
    match error {
        Error::PeerIncompatible(_) => "no common version, cipher suite or extension",
        Error::PeerMisbehaved(_) => "the peer broke the protocol",
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => "an unexpected message",
        Error::InvalidMessage(_) => "a message that does not parse",
        Error::DecryptError | Error::PeerSentOversizedRecord => "corrupted records",
        Error::NoCertificatesPresented => "the peer sent no certificate",
        Error::InvalidCertificate(_) => "a handshake signature that does not match the certificate",
        _ => "the handshake failed",
    }
}

pub(super) fn certificate(
    error: &CertificateError,
    leaf: Option<&X509Certificate<'_>>,
    others: &[CertificateDer<'_>],
    roots: &RootCertStore,
) -> CertificateProblem {
    use CertificateError as E;
    match error {
        E::BadEncoding => CertificateProblem::Malformed,
        E::Expired | E::ExpiredContext { .. } => CertificateProblem::Expired,
        E::NotValidYet | E::NotValidYetContext { .. } => CertificateProblem::NotYetValid,
        E::NotValidForName | E::NotValidForNameContext { .. } => CertificateProblem::NameMismatch,
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => CertificateProblem::Purpose,
        E::Revoked => CertificateProblem::Revoked,
        E::UnsupportedSignatureAlgorithmContext { .. } | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            CertificateProblem::Weak
        }
        E::UnknownIssuer | E::BadSignature => {
            leaf.map_or(CertificateProblem::UnknownCa, |leaf| issuer(leaf, others, roots))
        }
        // Verifiers hide behind "other" what the certificate itself can tell.
        _ => leaf.map_or(CertificateProblem::Other, |leaf| other(leaf, roots)),
    }
}

fn issuer(leaf: &X509Certificate<'_>, others: &[CertificateDer<'_>], roots: &RootCertStore) -> CertificateProblem {
    if is_self_issued(leaf) {
        return CertificateProblem::SelfSigned;
    }
    // A chain that goes on after the leaf was sent on purpose, and a server may leave out the root. A lone leaf lacks
    // its intermediate if it says where to fetch it, or was issued within an organization whose root we have.
    if others.is_empty() && (has_issuer_url(leaf) || is_of_a_root(leaf, roots)) {
        return CertificateProblem::ChainIncomplete;
    }
    CertificateProblem::UnknownCa
}

fn other(leaf: &X509Certificate<'_>, roots: &RootCertStore) -> CertificateProblem {
    let known = roots.roots.iter().any(|root| in_sequence(&root.subject).as_ref() == leaf.subject().as_raw());
    if is_self_issued(leaf) && !known {
        CertificateProblem::SelfSigned
    } else if leaf.is_ca() || !serves(leaf) {
        CertificateProblem::Purpose
    } else {
        CertificateProblem::Other
    }
}

fn is_self_issued(leaf: &X509Certificate<'_>) -> bool {
    leaf.subject().as_raw() == leaf.issuer().as_raw()
}

fn serves(leaf: &X509Certificate<'_>) -> bool {
    match leaf.extended_key_usage() {
        Ok(Some(usage)) => usage.value.server_auth || usage.value.any,
        _ => true,
    }
}

fn has_issuer_url(leaf: &X509Certificate<'_>) -> bool {
    leaf.extensions()
        .iter()
        .any(|extension| matches!(extension.parsed_extension(), ParsedExtension::AuthorityInfoAccess(_)))
}

fn is_of_a_root(leaf: &X509Certificate<'_>, roots: &RootCertStore) -> bool {
    let Some(ours) = organization(leaf.issuer()) else { return false };
    roots.roots.iter().any(|root| {
        let subject = in_sequence(&root.subject);
        X509Name::from_der(subject.as_ref()).is_ok_and(|(_, name)| organization(&name) == Some(ours))
    })
}

fn organization<'a>(name: &X509Name<'a>) -> Option<&'a [u8]> {
    name.iter_by_oid(&OID_X509_ORGANIZATION_NAME).next().map(|organization| organization.attr_value().data)
}

fn in_sequence(subject: &[u8]) -> DistinguishedName {
    DistinguishedName::in_sequence(subject)
}

/// A peer's text made harmless: printable ASCII of bounded length.
pub(super) fn printable(text: &[u8]) -> String {
    text.iter().take(MAX_TEXT).map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '?' }).collect()
}
