//! What a record tells of a certificate.
use super::classify;
use crate::failure::evidence::Leaf;
use rustls::pki_types::CertificateDer;
use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};
use x509_parser::{
    prelude::{FromDer, GeneralName, X509Certificate},
    time::ASN1Time,
};

/// Names kept of a certificate, which may hold thousands.
const MAX_NAMES: usize = 32;

/// Absent, if it does not parse.
pub(super) fn leaf(certificate: &CertificateDer<'_>, chain_length: usize) -> Option<Leaf> {
    X509Certificate::from_der(certificate).ok().map(|(_, leaf)| describe(&leaf, chain_length))
}

pub(super) fn not_after(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(time(&certificate.validity().not_after))
}

pub(super) fn describe(leaf: &X509Certificate<'_>, chain_length: usize) -> Leaf {
    let names = leaf.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names).filter_map(name).take(MAX_NAMES);
    Leaf {
        subject: classify::printable(leaf.subject().to_string().as_bytes()),
        issuer: classify::printable(leaf.issuer().to_string().as_bytes()),
        names: names.collect(),
        not_before: time(&leaf.validity().not_before),
        not_after: time(&leaf.validity().not_after),
        chain_length,
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(classify::printable(name.as_bytes())),
        GeneralName::IPAddress(octets) => match octets.len() {
            4 => <[u8; 4]>::try_from(*octets).ok().map(|octets| IpAddr::from(octets).to_string()),
            _ => <[u8; 16]>::try_from(*octets).ok().map(|octets| IpAddr::from(octets).to_string()),
        },
        _ => None,
    }
}

fn time(time: &ASN1Time) -> SystemTime {
    let seconds = Duration::from_secs(time.timestamp().unsigned_abs());
    let time = match time.timestamp() {
        0.. => SystemTime::UNIX_EPOCH.checked_add(seconds),
        _ => SystemTime::UNIX_EPOCH.checked_sub(seconds),
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}
