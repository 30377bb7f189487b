//! From what a layer saw and what the call knew to a failure. Pure: no clock, no I/O, no text decides.
mod call;
mod connection;
mod names;
mod protocol;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use super::{
    Category, Cause, Code, Evidence, Failure, Json, Origin, Phase, Reached, Record, Retry, ShownTarget,
    redact::peer_text, time,
};

/// What the call knows at the moment when the evidence arrives.
#[derive(Clone, Debug, Default)]
pub struct Situation {
    /// As far as the layer that failed can prove it; `None` when it cannot tell, which leaves what the table says.
    pub reached: Option<Reached>,
    /// Response headers were seen.
    pub headers: bool,
    /// What the call was doing.
    pub phase: Option<Phase>,
    /// `/package.Service/Method`.
    pub method: Option<Arc<str>>,
    /// The target of the channel.
    pub target: Option<ShownTarget>,
    /// The address of the connection.
    pub peer: Option<Arc<str>>,
    /// `host:port` of the proxy.
    pub via_proxy: Option<Arc<str>>,
    /// What went wrong before, and still is: the last connection error behind a deadline, the last attempt's failure.
    pub underlying: Option<Failure>,
}

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

/// A record in the making, and what the evidence itself proves.
struct Finding {
    record: Record,
    reached: Option<Reached>,
}

impl Finding {
    fn of(cause: Cause) -> Self {
        Self { record: Record::new(cause), reached: None }
    }

    fn fact(mut self, key: &'static str, value: impl Into<Json>) -> Self {
        self.record.evidence.push((Cow::Borrowed(key), value.into()));
        self
    }

    fn maybe(self, key: &'static str, value: Option<impl Into<Json>>) -> Self {
        match value {
            Some(value) => self.fact(key, value),
            None => self,
        }
    }

    /// A text that a peer chose.
    fn said(self, key: &'static str, value: Option<String>) -> Self {
        self.maybe(key, value.map(|text| peer_text(text.as_bytes())))
    }

    fn at(self, key: &'static str, time: Option<SystemTime>) -> Self {
        self.maybe(key, time.map(time::rfc3339))
    }

    fn code(mut self, code: Code) -> Self {
        self.record.code = code;
        self
    }

    fn category(mut self, category: Category) -> Self {
        self.record.category = category;
        self
    }

    fn retry(mut self, retry: Retry) -> Self {
        self.record.retry = retry;
        self
    }

    fn origin(mut self, origin: Origin) -> Self {
        self.record.origin = origin;
        self
    }

    fn reached(mut self, reached: Reached) -> Self {
        self.reached = Some(reached);
        self
    }

    fn settle(self, situation: Situation) -> Record {
        let Self { mut record, reached } = self;
        let info = record.cause.info();
        if info.reached_varies {
            let proved = if situation.headers { Some(Reached::Yes) } else { reached.or(situation.reached) };
            record.reached = proved.unwrap_or(record.reached);
        }
        let unprocessed = matches!(record.reached, Reached::No | Reached::Unprocessed);
        record.retry = match record.retry {
            Retry::Idempotent if info.retry_varies && unprocessed => Retry::Safe,
            // Never promise that a second run is harmless when the first may have happened.
            Retry::Safe if !unprocessed => Retry::Idempotent,
            retry => retry,
        };
        if let Some(fault) = situation.underlying.as_ref().map(Failure::record)
            && fault.category == Category::Security
            && record.cause != Cause::CancelledByCaller
        {
            record.category = Category::Security;
            record.retry = Retry::Fix;
        }
        record.phase = situation.phase;
        record.method = situation.method;
        record.target = situation.target;
        record.peer = situation.peer;
        record.via_proxy = situation.via_proxy.or(record.via_proxy);
        record.underlying = situation.underlying;
        record
    }
}
