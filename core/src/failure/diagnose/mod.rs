//! From what a layer saw and what the call knew to a failure. Pure: no clock, no I/O, no text decides.
mod call;
mod connection;
mod finding;
mod names;
mod protocol;
mod situation;
#[cfg(test)]
mod tests;

pub use situation::Situation;

use super::{Cause, Evidence, Failure, Reached};
use finding::Finding;

/// Decides cause, code, category, retry advice, reach, origin and evidence.
///
/// An unresolved security fault behind a deadline or an exhausted retry makes the whole failure a security fault.
pub fn diagnose(evidence: Evidence, situation: Situation) -> Failure {
    Failure::new(find(evidence, &situation).settle(situation))
}

fn find(evidence: Evidence, situation: &Situation) -> Finding {
    use Evidence as E;
    match evidence {
        E::Target { .. } | E::Option { .. } | E::TlsMaterial { .. } | E::Request { .. } => call::argument(evidence),
        E::Unusable { .. } | E::Core { .. } => call::process(evidence),
        E::Name { .. } | E::Resolver { .. } => connection::name(evidence),
        E::Connect { address, errno, waited } => connection::connect(address, errno, waited),
        E::ClosedEarly { .. } | E::Lost { .. } | E::Keepalive { .. } => connection::broken(evidence),
        E::ServiceConfig { field, reason } => {
            Finding::of(Cause::ServiceConfigInvalid).fact("field", field).fact("reason", reason)
        }
        E::Proxy { proxy, problem, said, source } => connection::proxy(&proxy, problem, said, source),
        E::Certificate { problem, expected, leaf, now, roots } => {
            connection::certificate(problem, expected, leaf, now, roots)
        }
        E::Alert { alert, certificate_sent, ours_expires } => connection::alert(alert, certificate_sent, ours_expires),
        E::TlsProtocol { .. }
        | E::NotTls { .. }
        | E::NoAlpn { .. }
        | E::TlsInterrupted { .. }
        | E::TlsTimeout { .. } => connection::tls(evidence),
        E::NotHttp2 { .. } | E::NoSettings { .. } | E::Violation { .. } => protocol::http2(evidence),
        E::GoAway { code, last_stream, debug, unprocessed, pings } => {
            let reached = match situation.reached {
                _ if situation.headers => Reached::Maybe,
                Some(Reached::No) => Reached::No,
                _ if unprocessed => Reached::Unprocessed,
                _ => Reached::Maybe,
            };
            protocol::go_away(code, last_stream, &debug, reached, pings)
        }
        E::Reset { code } => protocol::reset(code),
        E::Http { status, content_type, server, auth_scheme, length } => {
            protocol::http(status, content_type, server, auth_scheme, length)
        }
        E::NotGrpc { .. } | E::StatusMissing { .. } | E::StatusMalformed { .. } => protocol::answer(evidence),
        E::Message { .. } | E::Cardinality { .. } | E::Decode { .. } => protocol::message(evidence),
        E::RequestTooLarge { .. } | E::ResponseTooLarge { .. } | E::LocalResources { .. } => call::limit(evidence),
        E::InsecureCredentials | E::CredentialsRefused { .. } | E::CredentialsUnavailable { .. } => {
            call::credentials(evidence)
        }
        E::Status { code, retry_after, pushback, request_id } => call::status(code, retry_after, pushback, request_id),
        E::NotServing { .. } | E::Ejected { .. } => call::left_out(evidence),
        E::Deadline { already_past, .. } => call::deadline(already_past, situation),
        E::Cancelled { reason } => Finding::of(Cause::CancelledByCaller).maybe("reason", reason),
    }
}

/// Without anything that only a call knows.
impl From<Evidence> for Failure {
    fn from(evidence: Evidence) -> Self {
        diagnose(evidence, Situation::default())
    }
}
