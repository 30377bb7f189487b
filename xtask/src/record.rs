//! The shape of the record's JSON. A test holds it against what core writes.
use causewire::failure as core;

use crate::model::{Field, Shape, Type, Words};

/// Every vocabulary but the causes.
pub(crate) fn words() -> Vec<Words> {
    macro_rules! words {
        ($name:ident, $doc:literal) => {
            Words {
                name: stringify!($name),
                doc: $doc,
                values: core::$name::ALL.iter().map(|it| it.as_str()).collect(),
            }
        };
    }
    vec![
        words!(Layer, "The layer that failed."),
        words!(Category, "Who has to act."),
        words!(Origin, "Who said that the call failed."),
        words!(Retry, "Whether trying again helps, and is harmless."),
        words!(Reached, "Whether the request reached the server."),
        words!(Phase, "What a call was doing."),
        words!(DeadlineSource, "Where a deadline came from."),
        words!(RetryStopped, "Why there was no further attempt."),
        words!(DetailsState, "What became of the error details that the server sent."),
    ]
}

/// The objects inside the record, and the record itself last.
pub(crate) fn shapes() -> Vec<Shape> {
    vec![elapsed(), deadline(), stream(), attempt(), failure()]
}

fn shape(name: &str, doc: &str, fields: Vec<Field>) -> Shape {
    Shape { name: name.to_owned(), doc: doc.to_owned(), fields }
}

fn elapsed() -> Shape {
    let field =
        |phase: &core::Phase| Field::new(&format!("{phase}_ms"), Type::Int, &format!("Time spent in phase `{phase}`."));
    shape(
        "Elapsed",
        "Milliseconds per phase, in the order in which the phases ran.",
        core::Phase::ALL.iter().map(field).collect(),
    )
}

fn deadline() -> Shape {
    shape(
        "Deadline",
        "The deadline of a call.",
        vec![
            Field::new("budget_ms", Type::Int, "The time that the call had, from its start.").required(),
            Field::new("source", Type::Word("DeadlineSource"), "Who set it.").required(),
        ],
    )
}

fn stream() -> Shape {
    let count = |key, doc| Field::new(key, Type::Big, doc).required();
    shape(
        "StreamFacts",
        "What went over the stream of a call.",
        vec![
            count("sent_messages", "Messages handed to the connection."),
            count("sent_bytes", "Their bytes, with frame prefixes."),
            count("received_messages", "Messages received whole."),
            count("received_bytes", "Bytes received, with frame prefixes."),
            Field::new("id", Type::Int, "The HTTP/2 stream id, once it is known."),
        ],
    )
}

fn attempt() -> Shape {
    shape(
        "Attempt",
        "One attempt of a call.",
        vec![
            Field::new("address", Type::Text, "The address that was tried."),
            Field::new("peer", Type::Text, "The address of the connection, once there was one."),
            Field::new("code", Type::Code, "How it ended: a gRPC status code."),
            Field::new("cause", Type::Word("Cause"), "Why it failed."),
            Field::new("delay_ms", Type::Int, "The wait before it.").required(),
            Field::new(
                "next_ms",
                Type::Int,
                "How long after its beginning the next one there may begin, jitter aside.",
            ),
            Field::new("elapsed", Type::Object("Elapsed".into()), "Time per phase."),
        ],
    )
}

fn failure() -> Shape {
    let word = |name| Type::Word(name);
    shape(
        "Failure",
        "Why a call failed: the same record in every language.",
        vec![
            Field::new("v", Type::Int, "Version of the record; grows only when a key changes its meaning.").required(),
            Field::new("code", Type::Code, "The gRPC status code, 0 to 16.").required(),
            Field::new("status", Type::Text, "Its name, such as `UNAVAILABLE`.").required(),
            Field::new("cause", word("Cause"), "Why.").required(),
            Field::new("cause_id", Type::Int, "The cause's stable number.").required(),
            Field::new("layer", word("Layer"), "The layer that failed.").required(),
            Field::new("category", word("Category"), "Who has to act.").required(),
            Field::new("origin", word("Origin"), "Who said that the call failed.").required(),
            Field::new("retry", word("Retry"), "Whether trying again helps.").required(),
            Field::new("reached", word("Reached"), "Whether the request reached the server.").required(),
            Field::new("phase", word("Phase"), "What the call was doing."),
            Field::new("method", Type::Text, "`/package.Service/Method`."),
            Field::new("target", Type::Text, "The target as the channel was given it, but for what may be a secret."),
            Field::new("peer", Type::Text, "The address of the connection."),
            Field::new("via_proxy", Type::Text, "`host:port` of the proxy."),
            Field::new("hint", Type::Text, "What to do, in a sentence or two. Its wording is no contract.").required(),
            Field::new("peer_text", Type::Text, "What the peer said: escaped printable ASCII, at most 256 bytes."),
            Field::new("evidence", Type::Evidence, "What the layer saw; the keys depend on the cause."),
            Field::new("deadline", Type::Object("Deadline".into()), "The deadline of the call, if it had one."),
            Field::new("stream", Type::Object("StreamFacts".into()), "What went over the stream, if one was opened."),
            Field::new("elapsed", Type::Object("Elapsed".into()), "Time per phase."),
            Field::new("attempts", Type::List(Box::new(Type::Object("Attempt".into()))), "One entry per attempt."),
            Field::new("retry_stopped", word("RetryStopped"), "Why there was no further attempt."),
            Field::new(
                "underlying",
                Type::Object("Failure".into()),
                "What stood behind a deadline or an exhausted retry.",
            ),
            Field::new("details", Type::List(Box::new(Type::Detail)), "The decoded `google.rpc` error details."),
            Field::new("details_state", word("DetailsState"), "What became of the error details."),
            Field::new("channel_state", Type::Text, "The state of the channel, where that is why the call failed."),
        ],
    )
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use serde_json::Value;

    use super::*;

    fn full() -> core::Failure {
        let mut record = core::Record::new(core::Cause::ConnectRefused);
        let name = || Some("x".into());
        (record.method, record.peer, record.via_proxy) = (name(), name(), name());
        record.target = Some("x".into());
        record.phase = Some(core::Phase::Connect);
        record.peer_text = Some("x".into());
        record.evidence = vec![("address".into(), "x".into())];
        record.deadline = Some(core::Deadline { budget: Duration::ZERO, source: core::DeadlineSource::Call });
        record.stream = Some(core::StreamFacts { id: Some(1), ..Default::default() });
        record.elapsed = core::Phase::ALL.iter().map(|phase| (*phase, Duration::ZERO)).collect();
        record.attempts = [core::Attempt {
            address: name(),
            peer: name(),
            code: Some(core::Code::Unavailable),
            cause: Some(core::Cause::ConnectRefused),
            delay: Duration::ZERO,
            next: Some(Duration::ZERO),
            elapsed: record.elapsed.clone(),
        }]
        .into();
        record.retry_stopped = Some(core::RetryStopped::Attempts);
        record.underlying = Some(core::Failure::new(core::Record::new(core::Cause::CoreFault)));
        record.details = vec![core::Detail::Unknown(Default::default())];
        record.details_state = Some(core::DetailsState::Decoded);
        record.channel_state = Some("READY".into());
        core::Failure::new(record)
    }

    fn keys(value: &Value) -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn every_key_that_core_writes_is_in_the_shapes() {
        let json: Value = serde_json::from_str(&full().to_json()).unwrap();
        for (name, value) in [
            ("Failure", &json),
            ("Attempt", &json["attempts"][0]),
            ("Elapsed", &json["elapsed"]),
            ("StreamFacts", &json["stream"]),
            ("Deadline", &json["deadline"]),
        ] {
            let shape = shapes().into_iter().find(|shape| shape.name == name).unwrap();
            assert_eq!(keys(value), shape.fields.into_iter().map(|field| field.key).collect(), "{name}");
        }
    }

    #[test]
    fn what_is_required_is_in_the_smallest_record() {
        let smallest = core::Failure::new(core::Record::new(core::Cause::CoreFault)).to_json();
        let json: Value = serde_json::from_str(&smallest).unwrap();
        let required = failure().fields.into_iter().filter(|field| field.required).map(|field| field.key).collect();
        assert_eq!(keys(&json), required);
    }
}
