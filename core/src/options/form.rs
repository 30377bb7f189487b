//! What a document of options may hold. The JSON Schema of its structs says it, here as in the types of the languages and
//! in `docs/options.md`.
use super::{ChannelOptions, fault::invalid};
use crate::failure::Evidence;
use serde_json::{Map, Value};
use std::{mem, sync::LazyLock};

static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(ChannelOptions).to_value());

/// The document without its nulls, which are as good as absent.
///
/// # Errors
/// `OPTION_INVALID` of the first key that is unknown, whatever its value, or whose value is of another form than its own.
pub(super) fn check(document: Map<String, Value>) -> Result<Map<String, Value>, Evidence> {
    fields("", document, properties(&SCHEMA))
}

/// What one option accepts.
enum Form {
    Object(&'static Map<String, Value>),
    /// An object that is judged elsewhere.
    Document,
    List(Box<Form>),
    Choice(Vec<&'static str>),
    Text,
    Boolean,
    Number,
    Whole {
        most: Option<u64>,
    },
}

impl Form {
    fn of(schema: &'static Value) -> Form {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#')) {
            return SCHEMA.pointer(name).map_or(Form::Document, Form::of);
        }
        if let Some(inner) = alternatives(schema, "anyOf").find(|it| kind_of(it) != Some("null")) {
            return Form::of(inner);
        }
        let choices: Vec<_> = alternatives(schema, "oneOf").chain(std::iter::once(schema)).flat_map(names).collect();
        match kind_of(schema) {
            _ if !choices.is_empty() => Form::Choice(choices),
            Some("string") => Form::Text,
            Some("boolean") => Form::Boolean,
            Some("number") => Form::Number,
            Some("integer") => Form::Whole { most: most(schema) },
            Some("array") => Form::List(Box::new(schema.get("items").map_or(Form::Document, Form::of))),
            _ if schema.get("properties").is_some() => Form::Object(properties(schema)),
            _ => Form::Document,
        }
    }

    /// The value, if this is its form; without the nulls in it.
    fn accept(&self, path: String, value: Value) -> Result<Value, Evidence> {
        match (self, value) {
            (Form::Object(known), Value::Object(inner)) => fields(&format!("{path}."), inner, known).map(Value::Object),
            (Form::List(element), Value::Array(list)) => {
                let accept = |(i, value)| element.accept(format!("{path}[{i}]"), value);
                list.into_iter().enumerate().map(accept).collect::<Result<_, _>>().map(Value::Array)
            }
            (form, value) if form.takes(&value) => Ok(value),
            (Form::Number | Form::Whole { .. }, Value::Number(number)) => {
                let reason = format!("must be {}", self.words()).into();
                Err(Evidence::Option { field: path.into(), value: Some(number.to_string()), reason })
            }
            // The value itself may be a secret that stands in the wrong place.
            (Form::Choice(_), Value::String(_)) => Err(invalid(path, format!("must be {}", self.words()))),
            (_, value) => Err(invalid(path, format!("must be {}, is {}", self.words(), described(&value)))),
        }
    }

    /// For what holds no other forms.
    fn takes(&self, value: &Value) -> bool {
        match self {
            Form::Object(_) | Form::List(_) => false,
            Form::Document => value.is_object(),
            Form::Choice(names) => value.as_str().is_some_and(|name| names.contains(&name)),
            Form::Text => value.is_string(),
            Form::Boolean => value.is_boolean(),
            Form::Number => value.is_number(),
            Form::Whole { most } => value.as_u64().is_some_and(|number| most.is_none_or(|most| number <= most)),
        }
    }

    /// The accepted form, behind "must be".
    fn words(&self) -> String {
        match self {
            Form::Object(_) | Form::Document => "an object".into(),
            Form::List(element) => format!("a list, each {}", element.words()),
            Form::Choice(names) => format!("one of {}", names.join(", ")),
            Form::Text => "a string".into(),
            Form::Boolean => "true or false".into(),
            Form::Number => "a number".into(),
            Form::Whole { most: None } => "a whole number from 0".into(),
            Form::Whole { most: Some(most) } => format!("a whole number from 0 to {most}"),
        }
    }
}

fn fields(
    prefix: &str,
    given: Map<String, Value>,
    known: &'static Map<String, Value>,
) -> Result<Map<String, Value>, Evidence> {
    let mut accepted = Map::new();
    for (key, value) in given {
        let path = format!("{prefix}{key}");
        let Some(schema) = known.get(&key) else { return Err(unknown(prefix, &key, known)) };
        if !value.is_null() {
            accepted.insert(key, Form::of(schema).accept(path, value)?);
        }
    }
    Ok(accepted)
}

fn unknown(prefix: &str, key: &str, known: &Map<String, Value>) -> Evidence {
    let known: Vec<_> = known.keys().map(String::as_str).collect();
    invalid(format!("{prefix}{key}"), not_known(prefix, key, &known))
}

/// Why a name that is not among the known ones is refused.
pub(crate) fn not_known(prefix: &str, name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(nearest) => format!("is unknown; the nearest is `{prefix}{nearest}`"),
        None => format!("is unknown; known are {}", known.join(", ")),
    }
}

fn properties(schema: &'static Value) -> &'static Map<String, Value> {
    static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    schema.get("properties").and_then(Value::as_object).unwrap_or(&NONE)
}

fn alternatives(schema: &'static Value, key: &str) -> impl Iterator<Item = &'static Value> {
    schema.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// The names of a choice, which are constants or listed.
fn names(schema: &'static Value) -> impl Iterator<Item = &'static str> {
    let constant = schema.get("const").into_iter();
    constant.chain(alternatives(schema, "enum")).filter_map(Value::as_str)
}

/// The type, beside null.
fn kind_of(schema: &'static Value) -> Option<&'static str> {
    match schema.get("type")? {
        Value::String(kind) => Some(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        _ => None,
    }
}

fn most(schema: &Value) -> Option<u64> {
    (schema.get("format").and_then(Value::as_str) == Some("uint32")).then_some(u32::MAX.into())
}

fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The name that was probably meant: at most a third of its letters differ, in any language's way to write it.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = plain(name);
    let distance = |other: &'a str| {
        let plain = plain(other);
        let most = (plain.len() / 3).max(1);
        // before the letters are compared, because a key may be of any length
        let near = plain.len().abs_diff(name.len()) <= most;
        near.then(|| distance(&name, &plain)).filter(|distance| *distance <= most).map(|distance| (distance, other))
    };
    known.filter_map(distance).min().map(|(_, name)| name)
}

fn plain(name: &str) -> Vec<char> {
    name.chars().filter(|letter| *letter != '_').flat_map(char::to_lowercase).collect()
}

/// Letters to insert, to take away, to replace or to swap with their neighbour (optimal string alignment).
fn distance(from: &[char], to: &[char]) -> usize {
    let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut above = None;
    for (i, x) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        let mut left = None;
        for (j, y) in to.iter().enumerate() {
            let replaced = cell(&last, j) + usize::from(x != y);
            let swapped = match j.checked_sub(1) {
                Some(j) if above == Some(y) && left == Some(x) => cell(&before_last, j) + 1,
                _ => usize::MAX,
            };
            row.push(replaced.min(cell(&last, j + 1) + 1).min(cell(&row, j) + 1).min(swapped));
            left = Some(y);
        }
        before_last = mem::replace(&mut last, row);
        above = Some(x);
    }
    cell(&last, to.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Every option by its path, with the form of its value.
    fn options() -> Vec<(Vec<String>, Form)> {
        let mut all = Vec::new();
        let mut left = vec![(Vec::new(), properties(&SCHEMA))];
        while let Some((above, known)) = left.pop() {
            for (key, schema) in known {
                let path = [&above[..], std::slice::from_ref(key)].concat();
                let form = Form::of(schema);
                if let Form::Object(inner) = &form {
                    left.push((path.clone(), inner));
                }
                all.push((path, form));
            }
        }
        all
    }

    fn document(path: &[String], value: Value) -> Map<String, Value> {
        let nested = path.iter().rev().fold(value, |inner, key| json!({ key: inner }));
        nested.as_object().unwrap().clone()
    }

    fn refused(document: Map<String, Value>) -> Option<(String, Option<String>, String)> {
        match check(document) {
            Ok(_) => None,
            Err(Evidence::Option { field, value, reason }) => Some((field.into(), value, reason.into())),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_option_refuses_every_wrong_type_and_says_what_it_accepts() {
        let values = [json!(true), json!(-1), json!(1.5), json!(1), json!("x"), json!([]), json!([true]), json!({})];
        let options = options();
        assert!(options.len() > 30);
        for (path, form) in &options {
            let mut accepted = 0;
            for value in &values {
                let given = document(path, value.clone());
                let Some((field, shown, reason)) = refused(given.clone()) else {
                    accepted += 1;
                    // What the schema takes, serde takes.
                    serde_json::from_value::<ChannelOptions>(given.into()).unwrap();
                    continue;
                };
                let dotted = path.join(".");
                let (place, must, is) = match form {
                    Form::List(element) if value.is_array() => (format!("{dotted}[0]"), element.words(), &json!(true)),
                    form => (dotted, form.words(), value),
                };
                let same_kind = match form {
                    Form::Number | Form::Whole { .. } => is.is_number(),
                    Form::Choice(_) => is.is_string(),
                    _ => false,
                };
                let end = if same_kind { String::new() } else { format!(", is {}", described(is)) };
                assert_eq!((&field, &reason), (&place, &format!("must be {must}{end}")));
                assert_eq!(shown, (same_kind && is.is_number()).then(|| is.to_string()), "{place}");
            }
            let choice = matches!(form, Form::Choice(_));
            assert!(choice || (1..=3).contains(&accepted), "{path:?} takes {accepted} of them");
        }
    }

    #[test]
    fn null_is_as_good_as_absent() {
        for (path, _) in options() {
            let accepted = check(document(&path, Value::Null)).unwrap();
            serde_json::from_value::<ChannelOptions>(accepted.into()).unwrap();
        }
    }

    #[test]
    fn an_unknown_name_is_refused_whatever_its_value() {
        for value in [json!(null), json!(true), json!(1), json!("x"), json!([]), json!({})] {
            let (field, _, reason) = refused(document(&["tsl".into()], value.clone())).unwrap();
            assert_eq!((&field[..], &reason[..]), ("tsl", "is unknown; the nearest is `tls`"));
            let (field, _, reason) = refused(document(&["keepalive".into(), "tiem_ms".into()], value)).unwrap();
            assert_eq!(
                (&field[..], &reason[..]),
                ("keepalive.tiem_ms", "is unknown; the nearest is `keepalive.time_ms`")
            );
        }
    }

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        let meant = |name: &str| nearest(name, properties(&SCHEMA).keys().map(String::as_str));
        assert_eq!(meant("max_receive_mesage_bytes"), Some("max_receive_message_bytes"));
        assert_eq!(meant("maxSendMessageBytes"), Some("max_send_message_bytes"));
        assert_eq!(meant("keep_alive"), Some("keepalive"));
        assert_eq!(meant("noproxy"), Some("no_proxy"));
        assert_eq!(meant("deadline"), None);
        assert_eq!(meant(&"x".repeat(1 << 20)), None);
        let words = |text: &str| text.chars().collect::<Vec<_>>();
        for (from, to, expected) in [("", "ab", 2), ("ab", "", 2), ("ab", "ba", 1), ("abc", "adc", 1), ("abc", "ca", 3)]
        {
            assert_eq!(distance(&words(from), &words(to)), expected, "{from} {to}");
        }
    }
}
