use super::{
    TlsMaterial, classify,
    facts::Facts,
    name::host,
    verify::{Identity, Recorder},
};
use crate::{
    clock::{self, Instant},
    failure::evidence::{Evidence, Reason, Speaks},
    transport::{
        io::Socket,
        tap::{RawTap, speaks},
    },
};
use rustls::{ClientConfig, pki_types::ServerName};
use std::{io, sync::Arc};
use tokio::time::timeout_at;
use tokio_rustls::{TlsConnector, client::TlsStream};

const H2: &[u8] = b"h2";

type Secured = (TlsStream<RawTap<Socket>>, Arc<Facts>);

/// TLS with h2 agreed on.
///
/// # Errors
/// What was seen, by types and numbers.
pub(in crate::transport) async fn handshake(
    socket: Socket,
    material: &TlsMaterial,
    authority: &str,
    address: &str,
    deadline: Instant,
) -> Result<Secured, Box<Evidence>> {
    let expected = material.server_name.as_deref().unwrap_or_else(|| host(authority));
    let name = ServerName::try_from(expected.to_owned()).map_err(|_| nameless())?;
    let started = clock::now();
    let (socket, wire) = RawTap::new(socket);
    let facts = Arc::new(Facts::new(material.ours_expires, wire.clone()));
    let connecting = TlsConnector::from(recording(material, &facts)).connect(name, socket);
    let failed = |evidence| Err(Box::new(evidence));
    match timeout_at(deadline, connecting).await {
        Ok(Ok(stream)) => match stream.get_ref().1.alpn_protocol() {
            Some(H2) => Ok((stream, facts)),
            other => failed(Evidence::NoAlpn { offered: other.map(classify::printable) }),
        },
        Ok(Err(error)) => failed(explain(&error, &facts, material, expected, address, &wire.first_bytes())),
        Err(_) => failed(foreign(&wire.first_bytes(), address).unwrap_or_else(|| {
            let waited = clock::now().saturating_duration_since(started);
            Evidence::TlsTimeout { address: address.to_owned(), waited }
        })),
    }
}

fn explain(
    error: &io::Error,
    facts: &Facts,
    material: &TlsMaterial,
    expected: &str,
    address: &str,
    first: &[u8],
) -> Evidence {
    if let Some(refusal) = facts.take_refusal() {
        return Evidence::Certificate {
            problem: refusal.problem,
            expected: expected.to_owned(),
            leaf: refusal.leaf.map(Box::new),
            now: refusal.now,
            roots: material.roots.len(),
        };
    }
    if let Some(alert) = classify::alert(error) {
        return match alert {
            classify::NO_APPLICATION_PROTOCOL => Evidence::NoAlpn { offered: None },
            alert => facts.alert_evidence(alert),
        };
    }
    if let Some(foreign) = foreign(first, address) {
        return foreign;
    }
    match classify::tls_error(error) {
        Some(error) if classify::is_alpn(error) => Evidence::NoAlpn { offered: None },
        Some(error) => Evidence::TlsProtocol { what: classify::protocol(error) },
        None => Evidence::TlsInterrupted { address: address.to_owned() },
    }
}

/// The first bytes are no TLS record.
fn foreign(first: &[u8], address: &str) -> Option<Evidence> {
    let tls = match first {
        [] | [0x14..=0x17] => true,
        first => speaks(first) == Speaks::Tls,
    };
    (!tls).then(|| Evidence::NotTls { address: address.to_owned(), speaks: speaks(first) })
}

fn recording(material: &TlsMaterial, facts: &Arc<Facts>) -> Arc<ClientConfig> {
    let mut config = ClientConfig::clone(&material.config);
    let recorder = Recorder::new(material.verifier.clone(), material.roots.clone(), facts.clone());
    config.dangerous().set_certificate_verifier(Arc::new(recorder));
    config.client_auth_cert_resolver = Arc::new(Identity::new(config.client_auth_cert_resolver.clone(), facts.clone()));
    Arc::new(config)
}

fn nameless() -> Box<Evidence> {
    Box::new(Evidence::TlsMaterial {
        field: "tls.server_name".into(),
        reason: Reason::Borrowed("is required: the authority is neither a DNS name nor an IP address"),
    })
}
