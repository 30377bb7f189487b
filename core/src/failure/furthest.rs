//! Which of several failures heads the others: the one of the attempt that came furthest. Pure.
use super::{Category, Cause, Failure, Layer};

/// How far an attempt came before it failed; the furthest is the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// It did not begin: the program's own doing, or its own end.
    Here,
    Name,
    /// Nothing left this host.
    Host,
    /// Something may have left, and nothing came back.
    Silence,
    /// The address said no.
    Refusal,
    Proxy,
    Tls,
    /// TLS is up.
    Alpn,
    /// TCP and TLS are up, and nothing was said on them.
    Accepted,
    Http2,
    /// HTTP/2 was up, and ended.
    Connected,
    Grpc,
    Application,
}

impl Stage {
    fn of(cause: Cause) -> Stage {
        match cause {
            Cause::ConnectBlockedLocally | Cause::NetworkUnreachable => Stage::Host,
            Cause::ConnectTimeout => Stage::Silence,
            Cause::PeerClosedEarly => Stage::Accepted,
            Cause::ConnectionLost | Cause::KeepaliveTimeout => Stage::Connected,
            Cause::TlsAlpnNoH2 => Stage::Alpn,
            cause => match cause.layer() {
                Layer::Config | Layer::Limits | Layer::Deadline | Layer::Cancel => Stage::Here,
                Layer::Resolve => Stage::Name,
                Layer::Tcp => Stage::Refusal,
                Layer::Proxy => Stage::Proxy,
                Layer::Tls => Stage::Tls,
                Layer::Http2 => Stage::Http2,
                // They are asked for once there is a connection.
                Layer::Credentials => Stage::Connected,
                Layer::Grpc => Stage::Grpc,
                Layer::Application => Stage::Application,
            },
        }
    }
}

/// A security fault before all others, then the one that came furthest; of several that came equally far, the last.
pub(crate) fn furthest<'a>(failures: impl Iterator<Item = &'a Failure>) -> Option<&'a Failure> {
    failures.max_by_key(|failure| (failure.record().category == Category::Security, Stage::of(failure.cause())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Record;
    use Cause::*;

    /// Every cause, in groups that came equally far, the furthest last.
    const ORDER: &[&[Cause]] = &[
        &[
            TargetInvalid,
            OptionInvalid,
            TlsConfigInvalid,
            RequestInvalid,
            ChannelUnusable,
            CoreFault,
            RequestTooLarge,
            ResponseTooLarge,
            LocalResourcesExhausted,
            DeadlineNotSent,
            DeadlineAwaitingResponse,
            DeadlineMidResponse,
            CancelledByCaller,
        ],
        &[NameNotFound, ResolverFailed, ServiceConfigInvalid],
        &[ConnectBlockedLocally, NetworkUnreachable],
        &[ConnectTimeout],
        &[ConnectRefused],
        &[ProxyUnreachable, ProxyFailed],
        &[TlsPeerNotTls, TlsInterrupted, TlsTimeout],
        &[TlsAlpnNoH2],
        &[PeerClosedEarly],
        &[
            H2PeerExpectsTls,
            H2PeerNotHttp2,
            H2PrefaceTimeout,
            H2GoawayUnprocessed,
            H2GoawayTooManyPings,
            H2GoawayClosed,
            H2StreamRefused,
            H2StreamCancelled,
            H2StreamOverloaded,
            H2StreamReset,
            H2PeerViolation,
        ],
        &[ConnectionLost, KeepaliveTimeout, CredentialsUnavailable],
        &[
            HttpNotFound,
            HttpUnavailable,
            HttpUnexpectedStatus,
            NotGrpcResponse,
            StatusMissing,
            StatusMalformed,
            MessageMalformed,
            ResponseCardinality,
            ResponseDecodeFailed,
        ],
        &[AppUnimplemented, AppOverloaded, AppUnavailable, AppRejected, AppFailed, ServerNotServing, ServerEjected],
        // Security faults.
        &[ProxyDenied],
        &[
            TlsCertExpired,
            TlsCertNotYetValid,
            TlsNameMismatch,
            TlsUntrustedIssuer,
            TlsCertUnacceptable,
            TlsClientCertRequired,
            TlsClientCertRejected,
            TlsProtocolError,
        ],
        &[H2InadequateSecurity],
        &[CredentialsOnInsecureChannel, CredentialsFailed],
        &[HttpUnauthenticated, HttpForbidden],
        &[AppUnauthenticated, AppPermissionDenied],
    ];

    fn rank(cause: Cause) -> usize {
        ORDER.iter().position(|group| group.contains(&cause)).unwrap_or_else(|| panic!("{cause} has no place"))
    }

    #[test]
    fn every_pair_of_causes_has_its_order() {
        assert_eq!(ORDER.iter().map(|group| group.len()).sum::<usize>(), Cause::ALL.len());
        for first in Cause::ALL {
            for last in Cause::ALL {
                let both = [*first, *last].map(|cause| Failure::new(Record::new(cause)));
                let expected = if rank(*first) > rank(*last) { first } else { last };
                assert_eq!(furthest(both.iter()).map(Failure::cause), Some(*expected), "{first} and {last}");
            }
        }
    }

    #[test]
    fn a_category_that_evidence_changed_counts() {
        let mut late = Record::new(Cause::DeadlineNotSent);
        late.category = Category::Security;
        let both = [Failure::new(late), Failure::new(Record::new(Cause::AppFailed))];
        assert_eq!(furthest(both.iter()).map(Failure::cause), Some(Cause::DeadlineNotSent));
        assert_eq!(furthest([].iter()), None);
    }
}
