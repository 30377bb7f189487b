//! Certificates made at start-up; none is committed.
use crate::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// The names for which `good` holds.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "testbed.test"];

/// What a scripted TLS server presents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presented {
    #[default]
    Good,
    Expired,
    NotYetValid,
    /// Holds for `other.example` only.
    WrongName,
    /// Issued by the authority `other_ca`.
    UnknownCa,
    SelfSigned,
    /// Issued by an intermediate that is not sent.
    ChainIncomplete,
    /// Its only extended key usage is clientAuth.
    ClientAuthOnly,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    pub certificate: Presented,
    /// Protocols offered; absent: h2.
    pub alpn: Option<Vec<String>>,
    /// Demands a client certificate that `client_ca` issued.
    pub client_certificate: bool,
    /// `1.2` or `1.3`; absent: both.
    pub version: Option<String>,
}

/// All key material of one run, as PEM.
#[derive(Clone, Debug, Serialize)]
pub struct Certificates {
    #[serde(flatten)]
    pem: BTreeMap<&'static str, String>,
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str, parent: Option<&Authority>) -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = named(name, &[])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = match parent {
            Some(parent) => params.signed_by(&key, &parent.issuer)?,
            None => params.self_signed(&key)?,
        };
        Ok(Authority { issuer: Issuer::new(params, key), pem: certificate.pem() })
    }

    fn issue(&self, params: CertificateParams) -> Result<(String, String)> {
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.issuer)?.pem(), key.serialize_pem()))
    }
}

fn named(common_name: &str, names: &[&str]) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(names.iter().map(|n| n.to_string()).collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2044, 1, 1);
    Ok(params)
}

fn server(names: &[&str]) -> Result<CertificateParams> {
    let mut params = named("testbed server", names)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn client() -> Result<CertificateParams> {
    let mut params = named("testbed client", &["client.testbed.test"])?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

fn expired(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
    params
}

impl Certificates {
    pub fn generate() -> Result<Self> {
        let ca = Authority::new("Testbed CA", None)?;
        let other = Authority::new("Another CA", None)?;
        let client_ca = Authority::new("Testbed client CA", None)?;
        let intermediate = Authority::new("Testbed intermediate", Some(&ca))?;
        let mut all = Certificates { pem: BTreeMap::new() };
        all.add("good", "good_key", ca.issue(server(&NAMES)?)?);
        all.add("expired", "expired_key", ca.issue(expired(server(&NAMES)?))?);
        let mut early = server(&NAMES)?;
        early.not_before = date_time_ymd(2043, 1, 1);
        all.add("not_yet_valid", "not_yet_valid_key", ca.issue(early)?);
        all.add("wrong_name", "wrong_name_key", ca.issue(server(&["other.example"])?)?);
        all.add("unknown_ca", "unknown_ca_key", other.issue(server(&NAMES)?)?);
        all.add("chain_incomplete", "chain_incomplete_key", intermediate.issue(server(&NAMES)?)?);
        let key = KeyPair::generate()?;
        all.add("self_signed", "self_signed_key", (server(&NAMES)?.self_signed(&key)?.pem(), key.serialize_pem()));
        let mut purpose = server(&NAMES)?;
        purpose.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        all.add("client_auth_only", "client_auth_only_key", ca.issue(purpose)?);
        all.add("client", "client_key", client_ca.issue(client()?)?);
        all.add("client_wrong_ca", "client_wrong_ca_key", other.issue(client()?)?);
        all.add("client_expired", "client_expired_key", client_ca.issue(expired(client()?))?);
        all.pem.extend([("ca", ca.pem), ("other_ca", other.pem), ("client_ca", client_ca.pem)]);
        Ok(all)
    }

    fn add(&mut self, name: &'static str, key_name: &'static str, (certificate, key): (String, String)) {
        self.pem.extend([(name, certificate), (key_name, key)]);
    }

    pub fn get(&self, name: &str) -> Result<&str> {
        Ok(self.pem.get(name).ok_or_else(|| format!("no certificate is called {name}"))?)
    }

    pub fn server_config(&self, tls: &Tls) -> Result<Arc<ServerConfig>> {
        let (certificate, key) = self.presented(tls.certificate)?;
        let versions: &[_] = match tls.version.as_deref() {
            None => &[&rustls::version::TLS12, &rustls::version::TLS13],
            Some("1.2") => &[&rustls::version::TLS12],
            Some("1.3") => &[&rustls::version::TLS13],
            Some(other) => return Err(format!("TLS version {other} cannot be served").into()),
        };
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions)?;
        let builder = if tls.client_certificate {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(self.get("client_ca")?.as_bytes())?)?;
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?,
            )
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder.with_single_cert(vec![certificate], key)?;
        let alpn = tls.alpn.clone().unwrap_or_else(|| vec!["h2".into()]);
        config.alpn_protocols = alpn.into_iter().map(String::into_bytes).collect();
        Ok(Arc::new(config))
    }

    fn presented(&self, which: Presented) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
        let name = match which {
            Presented::Good => "good",
            Presented::Expired => "expired",
            Presented::NotYetValid => "not_yet_valid",
            Presented::WrongName => "wrong_name",
            Presented::UnknownCa => "unknown_ca",
            Presented::SelfSigned => "self_signed",
            Presented::ChainIncomplete => "chain_incomplete",
            Presented::ClientAuthOnly => "client_auth_only",
        };
        let certificate = CertificateDer::from_pem_slice(self.get(name)?.as_bytes())?;
        let key = PrivateKeyDer::from_pem_slice(self.get(&format!("{name}_key"))?.as_bytes())?;
        Ok((certificate, key))
    }
}
