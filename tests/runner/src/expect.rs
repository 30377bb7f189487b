//! What a scenario expects of one answer.
//!
//! An expected object names the keys that count, a list every item, `null` stands for an absent value, too. An object
//! with one `$key` is a condition: `$between: [a, b]`, `$contains: text`, `$present: true`.
use crate::{causes::Causes, messages, ordered::Json, scenario::Expect};
use serde_json::{Map, Value, json};

const SEND_ERROR: &str = "send_error";

pub(crate) fn check(expect: &Expect, answer: &Json, causes: &Causes) -> Vec<String> {
    let answer = answer.value();
    let mut problems = vec![];
    if let Some(failure) = failure(expect, causes, &mut problems) {
        compare("failure", &failure, &answer["failure"], &mut problems);
    }
    // An error of `send` that is not the call's end is never by the way.
    if !expect.answer.contains_key(SEND_ERROR) {
        compare(SEND_ERROR, &Value::Null, &answer[SEND_ERROR], &mut problems);
    }
    for (key, expected) in &expect.answer {
        match &key[..] {
            "messages" => received(expected, &answer["messages"], &mut problems),
            "headers" | "trailers" => contained(key, expected, &answer[key], &mut problems),
            _ => compare(key, expected, &answer[key], &mut problems),
        }
    }
    problems
}

/// The record that is expected; `None` where the scenario says nothing about it.
fn failure(expect: &Expect, causes: &Causes, problems: &mut Vec<String>) -> Option<Value> {
    let Some(cause) = &expect.fails else { return expect.failure.clone() };
    let Some(mut row) = causes.row(cause) else {
        problems.push(format!("causes.yaml has no {cause}"));
        return None;
    };
    if let Some(Value::Object(different)) = &expect.failure {
        row.extend(different.clone());
    }
    Some(row.into())
}

fn received(expected: &Value, actual: &Value, problems: &mut Vec<String>) {
    let (Some(expected), Some(actual)) = (expected.as_array(), actual.as_array()) else {
        return compare("messages", expected, actual, problems);
    };
    if expected.len() != actual.len() {
        return problems.push(format!("messages: expected {}, got {}", expected.len(), actual.len()));
    }
    for (n, (expected, actual)) in expected.iter().zip(actual).enumerate() {
        match messages::decode_like(expected, actual.as_str().unwrap_or_default()) {
            Ok(actual) => compare(&format!("messages[{n}]"), expected, &actual, problems),
            Err(error) => problems.push(format!("messages[{n}]: {error}")),
        }
    }
}

/// Every expected pair, in this order, possibly among others.
fn contained(key: &str, expected: &Value, actual: &Value, problems: &mut Vec<String>) {
    let Some(expected) = expected.as_array() else { return compare(key, expected, actual, problems) };
    let mut rest = actual.as_array().map(|a| a.iter()).unwrap_or_default();
    for pair in expected {
        if !rest.any(|found| found == pair) {
            return problems.push(format!("{key}: expected {pair} in this order in {actual}"));
        }
    }
}

pub(crate) fn compare(path: &str, expected: &Value, actual: &Value, problems: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(condition), _) if condition.keys().any(|k| k.starts_with('$')) => {
            if !holds(condition, actual) {
                problems.push(format!("{path}: expected {expected}, got {actual}"));
            }
        }
        (Value::Object(expected), Value::Object(actual)) => {
            for (key, expected) in expected {
                compare(&format!("{path}.{key}"), expected, actual.get(key).unwrap_or(&Value::Null), problems);
            }
        }
        (Value::Array(wanted), Value::Array(items)) if wanted.len() == items.len() => {
            for (n, (expected, actual)) in wanted.iter().zip(items).enumerate() {
                compare(&format!("{path}[{n}]"), expected, actual, problems);
            }
        }
        _ if expected == actual => {}
        _ => problems.push(format!("{path}: expected {expected}, got {actual}")),
    }
}

fn holds(condition: &Map<String, Value>, actual: &Value) -> bool {
    condition.iter().all(|(key, argument)| match &key[..] {
        "$between" => match (actual.as_f64(), argument[0].as_f64(), argument[1].as_f64()) {
            (Some(actual), Some(low), Some(high)) => (low..=high).contains(&actual),
            _ => false,
        },
        "$contains" => actual.as_str().zip(argument.as_str()).is_some_and(|(text, part)| text.contains(part)),
        "$present" => json!(!actual.is_null()) == *argument,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(expected: Value, actual: Value) -> usize {
        let mut problems = vec![];
        compare("x", &expected, &actual, &mut problems);
        problems.len()
    }

    #[test]
    fn named_keys_count_and_others_do_not() {
        assert_eq!(problems(json!({"a": 1}), json!({"a": 1, "b": 2})), 0);
        assert_eq!(problems(json!({"a": 1, "b": null}), json!({"a": 2})), 1);
        assert_eq!(problems(json!([1, 2]), json!([1])), 1);
        assert_eq!(problems(json!([{"a": 1}, 2]), json!([{"a": 1, "b": 0}, 3])), 1);
    }

    #[test]
    fn conditions_hold_or_fail() {
        assert_eq!(problems(json!({"$between": [1, 3]}), json!(3)), 0);
        assert_eq!(problems(json!({"$between": [1, 3]}), json!(4)), 1);
        assert_eq!(problems(json!({"$between": [1, 3]}), json!(null)), 1);
        assert_eq!(problems(json!({"$contains": "b"}), json!("abc")), 0);
        assert_eq!(problems(json!({"$present": false}), json!(null)), 0);
        assert_eq!(problems(json!({"$present": true}), json!(null)), 1);
        assert_eq!(problems(json!({"$nonsense": true}), json!(true)), 1);
    }

    #[test]
    fn headers_may_stand_among_others_but_in_order() {
        let mut wrong = vec![];
        let actual = json!([["a", "1"], ["x", "0"], ["a", "2"]]);
        contained("headers", &json!([["a", "1"], ["a", "2"]]), &actual, &mut wrong);
        assert!(wrong.is_empty());
        contained("headers", &json!([["a", "2"], ["a", "1"]]), &actual, &mut wrong);
        assert_eq!(wrong.len(), 1);
    }
}
