//! Reading a record that this or a newer version wrote.
use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use super::{
    Category, Cause, Code, DeadlineSource, Detail, DetailsState, Failure, Json, Layer, Origin, Phase, Reached, Retry,
    RetryStopped, UnknownDetail,
    record::{Attempt, Deadline, Record, StreamFacts},
};

/// The text is no failure record. Says where, never what stood there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotARecord {
    /// The key that is missing or has the wrong type; empty when the text is not JSON.
    pub key: &'static str,
}

impl fmt::Display for NotARecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key {
            "" => f.write_str("not a failure record: not a JSON object"),
            key => write!(f, "not a failure record: `{key}` is missing or has the wrong type"),
        }
    }
}

impl std::error::Error for NotARecord {}

pub(super) fn from_json(text: &str) -> Result<Failure, NotARecord> {
    let json: Json = serde_json::from_str(text).map_err(|_| NotARecord { key: "" })?;
    read(json).map(Failure::new)
}

fn read(json: Json) -> Result<Record, NotARecord> {
    let Json::Object(entries) = json else { return Err(NotARecord { key: "" }) };
    let mut record = Record::new(cause(&entries)?);
    for (key, value) in entries {
        set(&mut record, key, value)?;
    }
    Ok(record)
}

/// The cause by its name, else by the layer that it says it is of.
fn cause(entries: &[(String, Json)]) -> Result<Cause, NotARecord> {
    let text = |key: &str| entries.iter().find(|(name, _)| name == key).and_then(|(_, value)| value.as_str());
    let name = text("cause").ok_or(NotARecord { key: "cause" })?;
    Cause::parse(name)
        .or_else(|| text("layer").and_then(Layer::parse).map(Cause::generic))
        .ok_or(NotARecord { key: "layer" })
}

fn set(record: &mut Record, key: String, value: Json) -> Result<(), NotARecord> {
    match key.as_str() {
        // What follows from other keys.
        "v" | "status" | "cause" | "cause_id" | "layer" => {}
        "code" => record.code = code(&value).ok_or(NotARecord { key: "code" })?,
        // A word that this version does not know leaves what the table says.
        "category" => record.category = Category::parse(string("category", &value)?).unwrap_or(record.category),
        "origin" => record.origin = Origin::parse(string("origin", &value)?).unwrap_or(record.origin),
        "retry" => record.retry = Retry::parse(string("retry", &value)?).unwrap_or(record.retry),
        "reached" => record.reached = Reached::parse(string("reached", &value)?).unwrap_or(record.reached),
        "phase" => record.phase = Phase::parse(string("phase", &value)?),
        "method" => record.method = Some(string("method", &value)?.into()),
        "target" => record.target = Some(string("target", &value)?.into()),
        "peer" => record.peer = Some(string("peer", &value)?.into()),
        "via_proxy" => record.via_proxy = Some(string("via_proxy", &value)?.into()),
        "hint" => record.hint = Some(string("hint", &value)?.to_owned()),
        "peer_text" => record.peer_text = Some(string("peer_text", &value)?.to_owned()),
        "evidence" => record.evidence = evidence(value)?,
        "deadline" => record.deadline = Some(deadline(&value).ok_or(NotARecord { key: "deadline" })?),
        "stream" => record.stream = Some(stream(&value).ok_or(NotARecord { key: "stream" })?),
        "elapsed" => record.elapsed = elapsed(&value),
        "attempts" => record.attempts = list("attempts", value)?.iter().map(attempt).collect(),
        "retry_stopped" => record.retry_stopped = RetryStopped::parse(string("retry_stopped", &value)?),
        "underlying" => record.underlying = Some(Failure::new(read(value)?)),
        "details" => record.details = list("details", value)?.into_iter().map(detail).collect(),
        "details_state" => record.details_state = DetailsState::parse(string("details_state", &value)?),
        "channel_state" => record.channel_state = Some(string("channel_state", &value)?.to_owned().into()),
        _ => record.extra.push((key, value)),
    }
    Ok(())
}

fn string<'a>(key: &'static str, value: &'a Json) -> Result<&'a str, NotARecord> {
    value.as_str().ok_or(NotARecord { key })
}

fn list(key: &'static str, value: Json) -> Result<Vec<Json>, NotARecord> {
    match value {
        Json::List(items) => Ok(items),
        _ => Err(NotARecord { key }),
    }
}

fn code(value: &Json) -> Option<Code> {
    value.as_u64().and_then(|number| u8::try_from(number).ok()).and_then(Code::from_u8)
}

fn evidence(value: Json) -> Result<Vec<(Cow<'static, str>, Json)>, NotARecord> {
    match value {
        Json::Object(entries) => Ok(entries.into_iter().map(|(key, value)| (Cow::Owned(key), value)).collect()),
        _ => Err(NotARecord { key: "evidence" }),
    }
}

fn deadline(value: &Json) -> Option<Deadline> {
    let budget = Duration::from_millis(value.get("budget_ms")?.as_u64()?);
    let source = DeadlineSource::parse(value.get("source")?.as_str()?).unwrap_or(DeadlineSource::Call);
    Some(Deadline { budget, source })
}

fn stream(value: &Json) -> Option<StreamFacts> {
    let count = |key| value.get(key).and_then(Json::as_u64);
    Some(StreamFacts {
        sent_messages: count("sent_messages")?,
        sent_bytes: count("sent_bytes")?,
        received_messages: count("received_messages")?,
        received_bytes: count("received_bytes")?,
        id: count("id").and_then(|id| u32::try_from(id).ok()),
    })
}

fn elapsed(value: &Json) -> Vec<(Phase, Duration)> {
    let entry = |(key, spent): &(String, Json)| {
        Some((Phase::parse(key.strip_suffix("_ms")?)?, Duration::from_millis(spent.as_u64()?)))
    };
    value.entries().iter().filter_map(entry).collect()
}

fn attempt(value: &Json) -> Attempt {
    let text = |key| value.get(key).and_then(Json::as_str);
    let ms = |key| value.get(key).and_then(Json::as_u64).map(Duration::from_millis);
    Attempt {
        address: text("address").map(Arc::from),
        peer: text("peer").map(Arc::from),
        code: value.get("code").and_then(code),
        cause: text("cause").and_then(Cause::parse),
        delay: ms("delay_ms").unwrap_or_default(),
        next: ms("next_ms"),
        elapsed: value.get("elapsed").map(elapsed).unwrap_or_default(),
    }
}

/// A type of detail that this version does not know stays readable as its own JSON text.
fn detail(value: Json) -> Detail {
    let text = serde_json::to_string(&value).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_else(|_| {
        let type_url = value.get("type").and_then(Json::as_str).unwrap_or_default().to_owned();
        Detail::Unknown(UnknownDetail { type_url, value: text })
    })
}
