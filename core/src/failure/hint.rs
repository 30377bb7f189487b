//! Fills the hint templates of the table.
use std::{borrow::Cow, time::Duration};

use super::{Json, Record, time};

impl Record {
    /// The advice: one filled sentence or two. Its wording is not part of any contract.
    pub fn hint(&self) -> Cow<'_, str> {
        match &self.hint {
            Some(hint) => Cow::Borrowed(hint),
            None => Cow::Owned(fill(self, Audience::Operator)),
        }
    }
}

/// Who reads the hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// May see addresses and names.
    Operator,
    /// May not.
    Stranger,
}

/// Keys with an address, a name, or words that a peer or an application chose.
const PRIVATE: &[&str] = &[
    "address",
    "auth_scheme",
    "content_type",
    "expected",
    "host",
    "issuer",
    "method",
    "names",
    "offered",
    "peer",
    "provider",
    "proxy",
    "raw",
    "request_id",
    "server",
    "service",
    "subject",
    "target",
    "type_name",
    "value",
    "via_proxy",
];

pub(super) fn fill(record: &Record, audience: Audience) -> String {
    let mut hint = String::new();
    let mut rest = record.cause.info().hint;
    while let Some(start) = rest.find(['[', '{']) {
        let (before, tail) = rest.split_at(start);
        hint.push_str(before);
        let optional = tail.starts_with('[');
        let (part, after) = if optional { cut(tail, '[', ']') } else { cut(tail, '{', '}') };
        rest = after;
        if optional {
            hint.push_str(&expand(record, audience, part).unwrap_or_default());
        } else {
            hint.push_str(&value(record, audience, part).unwrap_or(Cow::Borrowed("unknown")));
        }
    }
    hint.push_str(rest);
    hint
}

/// What stands between the brackets at the start of `text`, and what follows them.
fn cut(text: &str, open: char, close: char) -> (&str, &str) {
    let text = text.strip_prefix(open).unwrap_or(text);
    text.split_once(close).unwrap_or((text, ""))
}

/// An optional part; `None` when a key of it is absent.
fn expand(record: &Record, audience: Audience, part: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = part;
    while let Some((before, tail)) = rest.split_once('{') {
        let (key, after) = cut(tail, '{', '}');
        text.push_str(before);
        text.push_str(&value(record, audience, key)?);
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

fn value<'a>(record: &'a Record, audience: Audience, placeholder: &'a str) -> Option<Cow<'a, str>> {
    let (key, stand_in) = placeholder.split_once('|').map_or((placeholder, None), |(key, text)| (key, Some(text)));
    let hidden = audience == Audience::Stranger && PRIVATE.contains(&key);
    let known = if hidden { None } else { lookup(record, key) };
    known.or(stand_in.map(Cow::Borrowed))
}

fn lookup<'a>(record: &'a Record, key: &str) -> Option<Cow<'a, str>> {
    if let Some(value) = record.evidence(key) {
        return Some(match value {
            Json::Text(text) => Cow::Borrowed(text.as_ref()),
            value => Cow::Owned(value.to_string()),
        });
    }
    match key {
        "method" => record.method.as_deref().map(Cow::Borrowed),
        "target" => record.target.as_deref().map(Cow::Borrowed),
        "peer" => record.peer.as_deref().map(Cow::Borrowed),
        "via_proxy" => record.via_proxy.as_deref().map(Cow::Borrowed),
        "phase" => record.phase.map(|phase| Cow::Borrowed(phase.as_str())),
        "underlying" => record.underlying.as_ref().map(|failure| Cow::Borrowed(failure.cause().name())),
        "budget_ms" => record.deadline.map(|deadline| Cow::Owned(deadline.budget.as_millis().to_string())),
        "received_messages" => record.stream.map(|stream| Cow::Owned(stream.received_messages.to_string())),
        "age" => age(record).map(|age| Cow::Owned(time::span(age))),
        _ => None,
    }
}

/// How long ago the certificate expired.
fn age(record: &Record) -> Option<Duration> {
    let seconds = |key| record.evidence(key).and_then(Json::as_str).and_then(time::parse);
    Some(Duration::from_secs(seconds("now")?.checked_sub(seconds("not_after")?)?))
}
