//! What holds for every answer and every record, whatever the scenario.
use crate::{causes::Causes, ordered::Json, process::Answer};
use serde_json::Value;

/// Keys of an answer, all of them always there.
const ANSWER: [&str; 10] =
    ["id", "headers", "messages", "trailers", "status", "failure", "unsent", "attempts", "peer", "elapsed_ms"];
/// Keys of a record, in their order.
const RECORD: [&str; 27] = [
    "v",
    "code",
    "status",
    "cause",
    "cause_id",
    "layer",
    "category",
    "origin",
    "retry",
    "reached",
    "phase",
    "method",
    "target",
    "peer",
    "via_proxy",
    "hint",
    "peer_text",
    "evidence",
    "deadline",
    "stream",
    "elapsed",
    "attempts",
    "retry_stopped",
    "underlying",
    "details",
    "details_state",
    "channel_state",
];
const REQUIRED: [&str; 11] =
    ["v", "code", "status", "cause", "cause_id", "layer", "category", "origin", "retry", "reached", "hint"];
const STATUS: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
const VALUES: [(&str, &[&str]); 6] = [
    ("category", &["security", "network", "server", "client", "config"]),
    ("origin", &["local", "peer_transport", "intermediary", "peer_app"]),
    ("retry", &["safe", "delay", "idempotent", "fix", "never"]),
    ("reached", &["no", "unprocessed", "maybe", "yes"]),
    (
        "phase",
        &[
            "resolve",
            "pick",
            "proxy",
            "connect",
            "tls",
            "settings",
            "credentials",
            "stream_slot",
            "send",
            "await_headers",
            "receive",
            "backoff",
        ],
    ),
    ("details_state", &["absent", "decoded", "malformed", "mismatch"]),
];
/// The share of a deadline's lateness that is ours.
const LATE_MS: u64 = 250;

/// What is wrong with the answer to a call, apart from what its scenario expects.
pub(crate) fn check_answer(answer: &Answer, deadline_ms: Option<i64>, causes: &Causes) -> Vec<String> {
    if let Some(error) = answer.json.get("error") {
        return vec![format!("the driver answered with an error: {error}")];
    }
    let mut problems: Vec<String> = ANSWER
        .iter()
        .filter(|key| answer.json.get(key).is_none())
        .map(|key| format!("the answer has no `{key}`"))
        .collect();
    let value = answer.json.value();
    let code = value["status"]["code"].as_u64().unwrap_or(u64::MAX);
    match answer.json.get("failure") {
        Some(failure @ Json::Object(_)) => {
            if !answer.text.contains(&failure.to_string()) {
                problems.push("failure: not the canonical text (spaces, escapes)".into());
            }
            if value["failure"]["code"].as_u64() != Some(code) {
                problems.push(format!("failure.code is not status.code {code}"));
            }
            problems.extend(check_record("failure", failure, causes));
        }
        // A call object that was dropped tells nothing any more.
        _ if code == 1 && value["status"]["message"] == "dropped" => {}
        _ if code != 0 => problems.push(format!("status {code} without a failure")),
        _ => {}
    }
    if let Some(error) = answer.json.get("send_error") {
        problems.extend(check_record("send_error", error, causes));
    }
    let elapsed = value["elapsed_ms"].as_u64();
    if let (Some(deadline), Some(elapsed)) = (deadline_ms.and_then(|d| u64::try_from(d).ok()), elapsed)
        && elapsed > deadline + LATE_MS
    {
        problems.push(format!("elapsed_ms: {elapsed} with a deadline of {deadline}"));
    }
    problems
}

fn check_record(path: &str, record: &Json, causes: &Causes) -> Vec<String> {
    let value = record.value();
    let mut problems = vec![];
    let mut problem = |text: String| problems.push(format!("{path}{text}"));
    let known: Vec<&str> = record.keys().filter(|k| RECORD.contains(k)).collect();
    if !known.is_sorted_by_key(|k| RECORD.iter().position(|r| r == k)) {
        problem(format!(": keys out of order: {known:?}"));
    }
    record.keys().filter(|k| !RECORD.contains(k)).for_each(|k| problem(format!(".{k}: not a key of the record")));
    REQUIRED.iter().filter(|k| value[**k].is_null()).for_each(|k| problem(format!(".{k} is absent")));
    for (key, allowed) in VALUES {
        match &value[key] {
            Value::Null => {}
            Value::String(text) if allowed.contains(&&text[..]) => {}
            other => problem(format!(".{key}: {other} is not one of {allowed:?}")),
        }
    }
    let status = value["code"].as_u64().and_then(|code| STATUS.get(code as usize));
    if status.is_none_or(|name| value["status"] != **name) {
        problem(format!(".status: {} does not name {}", value["status"], value["code"]));
    }
    let cause = value["cause"].as_str().unwrap_or_default();
    match causes.row(cause) {
        None => problem(format!(".cause: {cause} is not in the taxonomy")),
        Some(row) => {
            for key in ["cause_id", "layer"] {
                if row[key] != value[key] {
                    problem(format!(".{key}: {} does not belong to {cause}", value[key]));
                }
            }
        }
    }
    if let Some(Json::String(text)) = record.get("peer_text")
        && (text.len() > 256 || !text.bytes().all(|b| (0x20..0x7f).contains(&b)))
    {
        problem(".peer_text: not printable ASCII of at most 256 bytes".into());
    }
    if let Some(underlying) = record.get("underlying") {
        problems.extend(check_record(&format!("{path}.underlying"), underlying, causes));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"id":"1","headers":null,"messages":[],"trailers":[],"status":{"code":14,"message":""},"failure":{"v":1,"code":14,"status":"UNAVAILABLE","cause":"CONNECT_REFUSED","cause_id":301,"layer":"tcp","category":"network","origin":"local","retry":"safe","reached":"no","hint":"h"},"unsent":0,"attempts":1,"peer":null,"elapsed_ms":1}"#;

    fn problems(text: &str) -> Vec<String> {
        let causes = Causes::parse("layers: {tcp: {CONNECT_REFUSED: [301, 14, network, safe, 'no', local]}}").unwrap();
        let answer = Answer { text: text.to_owned(), json: serde_json::from_str(text).unwrap() };
        check_answer(&answer, Some(1000), &causes)
    }

    #[test]
    fn a_good_answer_has_no_problems() {
        assert_eq!(problems(GOOD), Vec::<String>::new());
    }

    #[test]
    fn each_deviation_is_a_problem() {
        let deviations = [
            (r#""headers":null,"#, ""),
            (r#""v":1,"code":14"#, r#""code":14,"v":1"#),
            (r#""v":1,"#, r#""v": 1,"#),
            (r#""code":14,"status""#, r#""code":13,"status""#),
            ("301", "302"),
            (r#""reached":"no""#, r#""reached":"never""#),
            (r#""hint":"h""#, r#""hint":"h","color":"red""#),
            (r#","hint":"h""#, ""),
            ("CONNECT_REFUSED", "CONNECT_LOST"),
            (r#""elapsed_ms":1"#, r#""elapsed_ms":1251"#),
        ];
        for (from, to) in deviations {
            let bad = GOOD.replacen(from, to, 1);
            assert_ne!(bad, GOOD, "{from}");
            assert!(!problems(&bad).is_empty(), "{from} -> {to}");
        }
    }
}
