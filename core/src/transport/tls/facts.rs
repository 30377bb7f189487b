use super::{classify, presented::Presented};
use crate::{
    failure::evidence::{CertificateProblem, Evidence, Leaf},
    transport::tap::{RawWire, Seen},
};
use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::SystemTime,
};

/// A server certificate that was refused.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) problem: CertificateProblem,
    pub(super) leaf: Option<Leaf>,
    pub(super) now: SystemTime,
}

/// What one handshake learned that rustls does not tell afterwards.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    refusal: Mutex<Option<Refusal>>,
    presented: OnceLock<Presented>,
    certificate_sent: AtomicBool,
    ours_expires: Option<SystemTime>,
    wire: RawWire,
}

impl Facts {
    pub(super) fn new(ours_expires: Option<SystemTime>, wire: RawWire) -> Facts {
        Facts { ours_expires, wire, ..Facts::default() }
    }

    /// What passes below.
    pub(in crate::transport) fn wire(&self) -> &RawWire {
        &self.wire
    }

    pub(super) fn refuse(&self, refusal: Refusal) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
    }

    pub(super) fn take_refusal(&self) -> Option<Refusal> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn accept(&self, presented: Presented) {
        // A connection has one handshake.
        let _ = self.presented.set(presented);
    }

    /// Whether the server may answer for `authority`, by the certificate that it presented.
    ///
    /// # Errors
    /// The certificate is for other names.
    pub(in crate::transport) fn carries(&self, authority: &str) -> Result<(), Evidence> {
        self.presented.get().map_or(Ok(()), |presented| presented.carries(authority))
    }

    pub(super) fn sent_certificate(&self) {
        self.certificate_sent.store(true, Relaxed);
    }

    pub(super) fn alert_evidence(&self, alert: u8) -> Evidence {
        let sent = self.certificate_sent.load(Relaxed);
        let ours_expires = self.ours_expires.filter(|_| sent);
        Evidence::Alert { alert, certificate_sent: sent, ours_expires }
    }

    /// The alert that ended the connection, in whichever direction it was found: in TLS 1.3 the server refuses our
    /// certificate after our handshake is complete.
    pub(in crate::transport) fn alert(&self, seen: &Seen) -> Option<Evidence> {
        seen.errors().find_map(|error| classify::alert(error)).map(|alert| self.alert_evidence(alert))
    }
}
