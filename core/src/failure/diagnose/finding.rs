use super::{
    super::{Category, Cause, Code, Failure, Json, Origin, Reached, Record, Retry, redact::peer_text, time},
    situation::Situation,
};
use std::{borrow::Cow, time::SystemTime};

/// A record in the making, and what the evidence itself proves.
pub(super) struct Finding {
    pub(super) record: Record,
    reached: Option<Reached>,
}

impl Finding {
    pub(super) fn of(cause: Cause) -> Self {
        Self { record: Record::new(cause), reached: None }
    }

    pub(super) fn fact(mut self, key: &'static str, value: impl Into<Json>) -> Self {
        self.record.evidence.push((Cow::Borrowed(key), value.into()));
        self
    }

    pub(super) fn maybe(self, key: &'static str, value: Option<impl Into<Json>>) -> Self {
        match value {
            Some(value) => self.fact(key, value),
            None => self,
        }
    }

    /// A text that a peer chose.
    pub(super) fn said(self, key: &'static str, value: Option<String>) -> Self {
        self.maybe(key, value.map(|text| peer_text(text.as_bytes())))
    }

    pub(super) fn at(self, key: &'static str, time: Option<SystemTime>) -> Self {
        self.maybe(key, time.map(time::rfc3339))
    }

    pub(super) fn code(mut self, code: Code) -> Self {
        self.record.code = code;
        self
    }

    pub(super) fn category(mut self, category: Category) -> Self {
        self.record.category = category;
        self
    }

    pub(super) fn retry(mut self, retry: Retry) -> Self {
        self.record.retry = retry;
        self
    }

    pub(super) fn origin(mut self, origin: Origin) -> Self {
        self.record.origin = origin;
        self
    }

    pub(super) fn reached(mut self, reached: Reached) -> Self {
        self.reached = Some(reached);
        self
    }

    pub(super) fn settle(self, situation: Situation) -> Record {
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
