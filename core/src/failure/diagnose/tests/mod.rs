//! One row per branch: what was seen, and the cause, code, category, retry advice and reach that follow.
mod connection;
mod protocol;
mod rules;
mod service;

use super::{Situation, diagnose};
use crate::failure::{Category, Cause, Code, Evidence, Reached, Record, Retry};

type Expected = (Cause, Code, Category, Retry, Reached);

fn record(evidence: Evidence, situation: Situation) -> Record {
    diagnose(evidence, situation).record().clone()
}

fn verdict(evidence: Evidence, situation: Situation) -> Expected {
    let record = record(evidence, situation);
    assert_keys(&record);
    (record.cause, record.code, record.category, record.retry, record.reached)
}

/// Evidence has only keys of the table, in its order.
fn assert_keys(record: &Record) {
    let allowed = record.cause.info().evidence;
    let places: Vec<usize> = record
        .evidence
        .iter()
        .map(|(key, _)| allowed.iter().position(|it| it == key).unwrap_or_else(|| panic!("{}: {key}", record.cause)))
        .collect();
    assert!(places.is_sorted(), "{}: {:?}", record.cause, record.evidence);
}

#[track_caller]
fn check(rows: Vec<(Evidence, Expected)>) {
    for (evidence, expected) in rows {
        assert_eq!(verdict(evidence.clone(), Situation::default()), expected, "{evidence:?}");
    }
}

fn with_headers() -> Situation {
    Situation { headers: true, ..Situation::default() }
}

fn reached(reached: Reached) -> Situation {
    Situation { reached: Some(reached), ..Situation::default() }
}
