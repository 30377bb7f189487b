use super::{leaf::leaf, name::host};
use crate::failure::evidence::{CertificateProblem, Evidence};
use rustls::{
    client::verify_server_name,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

/// Names remembered of a connection, because a program may make a new one for every call.
const MAX_CARRIED: usize = 64;

/// The certificate that a server presented and that was accepted: other names may be asked of it later.
#[derive(Debug)]
pub(super) struct Presented {
    leaf: CertificateDer<'static>,
    chain_length: usize,
    roots: usize,
    carried: Mutex<HashSet<Box<str>>>,
}

impl Presented {
    pub(super) fn new(leaf: &CertificateDer<'_>, chain_length: usize, roots: usize) -> Presented {
        Presented { leaf: leaf.clone().into_owned(), chain_length, roots, carried: Mutex::default() }
    }

    /// Whether this server may answer for `authority`, which is a host, perhaps with a port. Cheap from the second time on.
    pub(super) fn carries(&self, authority: &str) -> Result<(), Evidence> {
        let host = host(authority);
        let mut carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        if carried.contains(host) {
            return Ok(());
        }
        if !self.names(host) {
            return Err(self.mismatch(host));
        }
        if carried.len() == MAX_CARRIED {
            carried.clear();
        }
        carried.insert(host.into());
        Ok(())
    }

    fn names(&self, host: &str) -> bool {
        let name = ServerName::try_from(host);
        let parsed = ParsedCertificate::try_from(&self.leaf);
        matches!((parsed, name), (Ok(parsed), Ok(name)) if verify_server_name(&parsed, &name).is_ok())
    }

    fn mismatch(&self, host: &str) -> Evidence {
        Evidence::Certificate {
            problem: CertificateProblem::NameMismatch,
            expected: host.to_owned(),
            leaf: leaf(&self.leaf, self.chain_length).map(Box::new),
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(UnixTime::now().as_secs()),
            roots: self.roots,
        }
    }
}
