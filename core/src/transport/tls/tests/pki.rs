//! Certificates made for a test, and servers that use them.
use crate::{
    options::PlantedPanic,
    transport::{
        Address, DialSpec, Limits,
        tls::{TlsMaterial, TlsPem},
    },
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};
use std::{sync::Arc, time::Duration};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

pub(super) type Ca = CertifiedIssuer<'static, KeyPair>;

pub(super) fn ca_params(name: &str, organization: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.distinguished_name.push(DnType::OrganizationName, organization);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

pub(super) fn ca(name: &str) -> Ca {
    CertifiedIssuer::self_signed(ca_params(name, name), KeyPair::generate().unwrap()).unwrap()
}

/// A certificate with its chain, and its key.
#[derive(Clone)]
pub(super) struct Cert {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) pem: String,
    pub(super) key_pem: String,
    key: Vec<u8>,
}

pub(super) fn cert(issuer: Option<&Ca>, edit: impl FnOnce(&mut CertificateParams)) -> Cert {
    let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "the leaf");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    edit(&mut params);
    let key = KeyPair::generate().unwrap();
    let cert = match issuer {
        Some(issuer) => params.signed_by(&key, issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    Cert { chain: vec![cert.der().clone()], pem: cert.pem(), key_pem: key.serialize_pem(), key: key.serialize_der() }
}

pub(super) fn private(cert: &Cert) -> PrivateKeyDer<'static> {
    PrivateKeyDer::try_from(cert.key.clone()).unwrap()
}

/// TLS versions, client CA, ALPN.
pub(super) struct Server {
    pub(super) cert: Cert,
    pub(super) client_ca: Option<CertificateDer<'static>>,
    pub(super) alpn: &'static [&'static [u8]],
    pub(super) tls12: bool,
}

impl Server {
    pub(super) fn new(cert: Cert) -> Server {
        Server { cert, client_ca: None, alpn: &[b"h2"], tls12: false }
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let provider = Arc::new(ring::default_provider());
        let versions = if self.tls12 { &[&rustls::version::TLS12][..] } else { rustls::ALL_VERSIONS };
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions).unwrap();
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                roots.add(ca.clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(self.cert.chain.clone(), private(&self.cert)).unwrap();
        config.alpn_protocols = self.alpn.iter().map(|name| name.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

pub(super) fn trusting(ca: &Ca) -> TlsMaterial {
    TlsMaterial::parse(&TlsPem { ca_pem: Some(ca.pem().as_bytes()), ..TlsPem::default() }).unwrap()
}

pub(super) async fn listener(material: TlsMaterial) -> (TcpListener, DialSpec) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let spec = DialSpec {
        address: Address::Tcp(address),
        authority: format!("localhost:{}", address.port()).into(),
        tls: Some(Arc::new(Arc::new(material))),
        timeout: Duration::from_secs(10),
        limits: Limits::default(),
        keepalive: None,
        planted: PlantedPanic::default(),
    };
    (listener, spec)
}

pub(super) async fn accept(listener: &TcpListener) -> TcpStream {
    let socket = listener.accept().await.unwrap().0;
    socket.set_nodelay(true).unwrap();
    socket
}
