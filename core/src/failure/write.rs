//! The canonical JSON: keys in one order, absent values left out, no spaces.
use std::{borrow::Cow, time::Duration};

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    Phase,
    record::{Attempt, Deadline, MAX_UNDERLYING, Record, StreamFacts, summed},
    time::millis,
};

/// The version of the record: grows only when a key changes its meaning.
pub(super) const VERSION: u32 = 1;

pub(super) fn to_json(record: &Record) -> String {
    // Fails on no value of these types: every key is a string and no float is written by this library.
    serde_json::to_string(&Nested(record, 0)).unwrap_or_default()
}

struct Nested<'a>(&'a Record, usize);

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(record, depth) = *self;
        let mut map = Map(serializer.serialize_map(None)?);
        map.put("v", &VERSION)?;
        map.put("code", &record.code.as_u8())?;
        map.put("status", record.code.as_str())?;
        map.put("cause", record.cause.name())?;
        map.put("cause_id", &record.cause.id())?;
        map.put("layer", record.layer().as_str())?;
        map.put("category", record.category.as_str())?;
        map.put("origin", record.origin.as_str())?;
        map.put("retry", record.retry.as_str())?;
        map.put("reached", record.reached.as_str())?;
        map.maybe("phase", record.phase.map(Phase::as_str))?;
        map.maybe("method", record.method.as_deref())?;
        map.maybe("target", record.target.as_deref())?;
        map.maybe("peer", record.peer.as_deref())?;
        map.maybe("via_proxy", record.via_proxy.as_deref())?;
        map.put("hint", record.hint().as_ref())?;
        map.maybe("peer_text", record.peer_text.as_deref())?;
        map.filled("evidence", &Entries(&record.evidence), record.evidence.is_empty())?;
        map.maybe("deadline", record.deadline.as_ref())?;
        map.maybe("stream", record.stream.as_ref())?;
        map.filled("elapsed", &Elapsed(&record.elapsed), record.elapsed.is_empty())?;
        map.filled("attempts", &record.attempts, record.attempts.is_empty())?;
        map.maybe("retry_stopped", record.retry_stopped.map(super::RetryStopped::as_str))?;
        let underlying = record.underlying.as_ref().filter(|_| depth < MAX_UNDERLYING);
        map.maybe("underlying", underlying.map(|failure| Nested(failure.record(), depth + 1)))?;
        map.filled("details", &record.details, record.details.is_empty())?;
        map.maybe("details_state", record.details_state.map(super::DetailsState::as_str))?;
        map.maybe("channel_state", record.channel_state.as_deref())?;
        for (key, value) in &record.extra {
            map.put(key, value)?;
        }
        map.0.end()
    }
}

struct Map<M>(M);

impl<M: SerializeMap> Map<M> {
    fn put<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), M::Error> {
        self.0.serialize_entry(key, value)
    }

    fn maybe<T: Serialize>(&mut self, key: &str, value: Option<T>) -> Result<(), M::Error> {
        value.map_or(Ok(()), |value| self.put(key, &value))
    }

    fn filled<T: Serialize>(&mut self, key: &str, value: &T, empty: bool) -> Result<(), M::Error> {
        if empty { Ok(()) } else { self.put(key, value) }
    }
}

impl Serialize for Deadline {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = Map(serializer.serialize_map(Some(2))?);
        map.put("budget_ms", &millis(self.budget))?;
        map.put("source", self.source.as_str())?;
        map.0.end()
    }
}

impl Serialize for StreamFacts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = Map(serializer.serialize_map(None)?);
        map.put("sent_messages", &self.sent_messages.to_string())?;
        map.put("sent_bytes", &self.sent_bytes.to_string())?;
        map.put("received_messages", &self.received_messages.to_string())?;
        map.put("received_bytes", &self.received_bytes.to_string())?;
        map.maybe("id", self.id)?;
        map.0.end()
    }
}

impl Serialize for Attempt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = Map(serializer.serialize_map(None)?);
        map.maybe("address", self.address.as_deref())?;
        map.maybe("peer", self.peer.as_deref())?;
        map.maybe("code", self.code.map(super::Code::as_u8))?;
        map.maybe("cause", self.cause.map(super::Cause::name))?;
        map.put("delay_ms", &millis(self.delay))?;
        map.maybe("next_ms", self.next.map(millis))?;
        map.filled("elapsed", &Elapsed(&self.elapsed), self.elapsed.is_empty())?;
        map.0.end()
    }
}

struct Entries<'a>(&'a [(Cow<'static, str>, super::Json)]);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

struct Elapsed<'a>(&'a [(Phase, Duration)]);

impl Serialize for Elapsed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sums = summed(self.0);
        let mut map = serializer.serialize_map(Some(sums.len()))?;
        for (phase, spent) in sums {
            map.serialize_entry(&format!("{phase}_ms"), &millis(spent))?;
        }
        map.end()
    }
}
