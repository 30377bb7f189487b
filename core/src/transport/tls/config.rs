use crate::failure::evidence::{Evidence, Reason};
use rustls::{
    ClientConfig, RootCertStore,
    client::{Resumption, WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
use std::sync::OnceLock;
use std::{fmt, sync::Arc, time::SystemTime};

const CA: &str = "tls.ca_pem";
const CERT: &str = "tls.cert_pem";
const KEY: &str = "tls.key_pem";
const NAME: &str = "tls.server_name";

/// TLS material as it is configured.
#[derive(Clone, Copy, Default)]
pub(crate) struct TlsPem<'a> {
    /// CA certificates; absent: the system's.
    pub(crate) ca_pem: Option<&'a [u8]>,
    pub(crate) cert_pem: Option<&'a [u8]>,
    pub(crate) key_pem: Option<&'a [u8]>,
    /// The name that the certificate must be for, when it is not the authority's.
    pub(crate) server_name: Option<&'a str>,
}

impl fmt::Debug for TlsPem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsPem").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

/// TLS material, parsed and checked.
pub(crate) struct TlsMaterial {
    pub(super) config: Arc<ClientConfig>,
    pub(super) verifier: Arc<dyn ServerCertVerifier>,
    pub(super) roots: Arc<RootCertStore>,
    pub(super) server_name: Option<Arc<str>>,
    pub(super) ours_expires: Option<SystemTime>,
}

impl fmt::Debug for TlsMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsMaterial")
            .field("roots", &self.roots.len())
            .field("server_name", &self.server_name)
            .field("ours_expires", &self.ours_expires)
            .finish_non_exhaustive()
    }
}

impl TlsMaterial {
    /// Parses and checks the material; the system's roots are read now.
    ///
    /// # Errors
    /// [`Evidence::TlsMaterial`], naming the field. No byte of the material is in it.
    pub(crate) fn parse(pem: &TlsPem<'_>) -> Result<TlsMaterial, Box<Evidence>> {
        let provider = Arc::new(ring::default_provider());
        let (verifier, roots) = match pem.ca_pem {
            Some(ca_pem) => own_roots(ca_pem, &provider)?,
            None => system_roots(&provider)?,
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| unusable("tls", "no protocol version is left"))?
            .dangerous() // the wrapper only records what the real verifier decides
            .with_custom_certificate_verifier(verifier.clone());
        let mut ours_expires = None;
        let mut config = match (pem.cert_pem, pem.key_pem) {
            (None, None) => builder.with_no_client_auth(),
            (Some(_), None) => return Err(unusable(KEY, "is required with tls.cert_pem")),
            (None, Some(_)) => return Err(unusable(CERT, "is required with tls.key_pem")),
            (Some(cert_pem), Some(key_pem)) => {
                let chain = certificates(cert_pem, CERT)?;
                ours_expires = chain.first().and_then(|leaf| super::leaf::not_after(leaf));
                builder.with_client_auth_cert(chain, private_key(key_pem)?).map_err(|error| identity(&error))?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        // rustls resumes only under the same verifier, and ours is one per connection.
        config.resumption = Resumption::disabled();
        Ok(TlsMaterial {
            config: Arc::new(config),
            verifier,
            roots,
            server_name: pem.server_name.map(checked_name).transpose()?,
            ours_expires,
        })
    }
}

type Trust = (Arc<dyn ServerCertVerifier>, Arc<RootCertStore>);

fn own_roots(ca_pem: &[u8], provider: &Arc<CryptoProvider>) -> Result<Trust, Box<Evidence>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca_pem, CA)? {
        roots.add(certificate).map_err(|_| unusable(CA, "holds a certificate that does not parse"))?;
    }
    webpki(roots, provider)
}

fn webpki(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Trust, Box<Evidence>> {
    if roots.is_empty() {
        return Err(unusable(CA, "is absent, and this system has no root certificates"));
    }
    let roots = Arc::new(roots);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone())
        .build()
        .map_err(|_| unusable(CA, "holds no usable certificate"))?;
    Ok((verifier, roots))
}

// The same as the platform verifier does here, which however hides how many roots there are and why it refuses a
// certificate for its purpose.
#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
fn system_roots(provider: &Arc<CryptoProvider>) -> Result<Trust, Box<Evidence>> {
    // Reading and parsing them takes milliseconds, on a thread that others may wait for: once per process. A system
    // without roots is asked again, since somebody may be installing them.
    static LOADED: OnceLock<Trust> = OnceLock::new();
    if let Some(trust) = LOADED.get() {
        return Ok(trust.clone());
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let trust = webpki(roots, provider)?;
    Ok(LOADED.get_or_init(|| trust).clone())
}

#[cfg(not(all(unix, not(target_vendor = "apple"), not(target_os = "android"))))]
fn system_roots(provider: &Arc<CryptoProvider>) -> Result<Trust, Box<Evidence>> {
    let verifier = rustls_platform_verifier::Verifier::new(provider.clone())
        .map_err(|_| unusable(CA, "is absent, and this system's verifier cannot be used"))?;
    Ok((Arc::new(verifier), Arc::new(RootCertStore::empty())))
}

fn certificates(pem: &[u8], field: &'static str) -> Result<Vec<CertificateDer<'static>>, Box<Evidence>> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| unusable(field, "is not valid PEM"))?;
    if chain.is_empty() {
        return Err(unusable(field, "holds no certificate"));
    }
    Ok(chain)
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, Box<Evidence>> {
    PrivateKeyDer::from_pem_slice(pem)
        .map_err(|_| unusable(KEY, "holds no private key in PEM (PKCS#8, PKCS#1 or SEC1, not encrypted)"))
}

fn identity(error: &rustls::Error) -> Box<Evidence> {
    match error {
        rustls::Error::InconsistentKeys(_) => unusable(KEY, "does not belong to tls.cert_pem"),
        rustls::Error::InvalidCertificate(_) => unusable(CERT, "holds a certificate that does not parse"),
        _ => unusable(KEY, "holds a private key of an unsupported kind"),
    }
}

fn checked_name(name: &str) -> Result<Arc<str>, Box<Evidence>> {
    match ServerName::try_from(name) {
        Ok(_) => Ok(name.into()),
        Err(_) => Err(unusable(NAME, "is neither a DNS name nor an IP address")),
    }
}

fn unusable(field: &'static str, reason: &'static str) -> Box<Evidence> {
    Box::new(Evidence::TlsMaterial { field: field.into(), reason: Reason::Borrowed(reason) })
}
