//! Scenario files: a server, a call, and the answer that every language must give.
use crate::Result;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, path::Path};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    /// One scenario per value: `{kind: [unary, bidi]}` replaces `{kind}`, alone or inside a text.
    #[serde(default)]
    each: BTreeMap<String, Vec<Value>>,
    /// One scenario per object of a list in a file, `file.json#key`: its keys replace the texts of their names in braces.
    rows: Option<String>,
    /// The script of the server called `server`.
    server: Option<Value>,
    /// Scripts by name, where there are several.
    #[serde(default)]
    pub(crate) servers: BTreeMap<String, Value>,
    #[serde(default = "address")]
    pub(crate) target: String,
    /// Over plaintext, unless it says otherwise.
    #[serde(default)]
    pub(crate) options: Map<String, Value>,
    pub(crate) hooks: Option<Value>,
    /// Environment variables of a driver of its own, started for this scenario.
    pub(crate) env: Option<Value>,
    /// A scenario of one call, in place of `steps`.
    call: Option<Map<String, Value>>,
    #[serde(default)]
    expect: Expect,
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
    /// What the servers must have counted in the end, by server.
    #[serde(default)]
    pub(crate) counts: BTreeMap<String, Value>,
    /// Texts that no answer may contain.
    #[serde(default)]
    pub(crate) never: Vec<String>,
    /// Texts that every answer must contain: proof that the search finds what is there.
    #[serde(default)]
    pub(crate) always: Vec<String>,
    /// Paths in every answer that are left to chance, and so differ from driver to driver: `failure.attempts.delay_ms`.
    #[serde(default)]
    pub(crate) by_chance: Vec<String>,
    #[serde(default = "patience")]
    pub(crate) timeout_ms: u64,
}

fn address() -> String {
    "{address}".into()
}

fn patience() -> u64 {
    20_000
}

/// One request to the driver, or a pause.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Step {
    /// Its name for `wait` and for `{"op":"cancel","call":..}`.
    #[serde(rename = "as")]
    pub(crate) name: Option<String>,
    pub(crate) call: Option<Map<String, Value>>,
    pub(crate) op: Option<Map<String, Value>>,
    /// Goes on without the answer.
    pub(crate) background: bool,
    /// Waits for the answer of this step.
    pub(crate) wait: Option<String>,
    pub(crate) sleep_ms: Option<u64>,
    pub(crate) expect: Expect,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Expect {
    /// The cause; its row of `causes.yaml` is then expected, too.
    pub(crate) fails: Option<String>,
    /// Keys of the record in which this failure differs from its cause's row, or goes beyond it; null: no failure.
    #[serde(default, deserialize_with = "given")]
    pub(crate) failure: Option<Value>,
    /// Other keys of the answer.
    #[serde(flatten)]
    pub(crate) answer: Map<String, Value>,
}

/// Null is not the same as absent.
fn given<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

/// All scenarios of a folder, `each` written out, in the order of file names.
pub(crate) fn load(folder: &Path) -> Result<Vec<Scenario>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .map_err(|e| format!("{}: {e}", folder.display()))?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<std::io::Result<_>>()?;
    paths.retain(|p| p.extension().is_some_and(|e| e == "yaml"));
    paths.sort();
    let mut all = vec![];
    for path in paths {
        let problem = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let text = std::fs::read_to_string(&path).map_err(|e| problem(&e))?;
        all.extend(parse(&text, folder).map_err(|e| problem(&e))?);
    }
    let mut names: Vec<&str> = all.iter().map(|s| &s.name[..]).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("two scenarios are called {}", pair[0]).into()),
        None => Ok(all),
    }
}

/// `folder`: where the files of `rows` are.
pub(crate) fn parse(text: &str, folder: &Path) -> Result<Vec<Scenario>> {
    let mut all = vec![];
    for value in serde_yaml_ng::from_str::<Vec<Value>>(text)? {
        let name = value["name"].as_str().unwrap_or("a scenario without a name").to_owned();
        let wrong = |e: serde_json::Error| format!("{name}: {e}");
        let first: Scenario = serde_json::from_value(value.clone()).map_err(wrong)?;
        let mut written_out = vec![];
        for choice in choices(&first.each) {
            // As JSON, so that a name has no line breaks.
            let suffix: Vec<String> = choice.iter().map(|(_, v)| v.to_string().trim_matches('"').to_owned()).collect();
            written_out.push((suffix.join(","), choice));
        }
        if let Some(place) = &first.rows {
            written_out = rows(place, folder).map_err(|e| format!("{name}: {e}"))?;
        }
        for (suffix, choice) in written_out {
            let mut scenario: Scenario = serde_json::from_value(replaced(&value, &choice)).map_err(wrong)?;
            if !suffix.is_empty() {
                scenario.name = format!("{name}[{suffix}]");
            }
            all.push(complete(scenario)?);
        }
    }
    Ok(all)
}

type Choice = Vec<(String, Value)>;

fn choices(each: &BTreeMap<String, Vec<Value>>) -> Vec<Choice> {
    each.iter().fold(vec![vec![]], |so_far, (key, values)| {
        let extend = |choice: &Choice, value: &Value| [&choice[..], &[(key.clone(), value.clone())]].concat();
        so_far.iter().flat_map(|choice| values.iter().map(move |value| extend(choice, value))).collect()
    })
}

/// The rows of `file.json#key`, each with its `name`.
fn rows(place: &str, folder: &Path) -> Result<Vec<(String, Choice)>> {
    let (file, key) = place.split_once('#').ok_or("`rows` must be file.json#key")?;
    let text = std::fs::read_to_string(folder.join(file)).map_err(|e| format!("{file}: {e}"))?;
    let all: Value = serde_json::from_str(&text)?;
    let rows = all[key].as_array().filter(|rows| !rows.is_empty()).ok_or_else(|| format!("{file} has no {key}"))?;
    let row = |row: &Value| {
        let entries = row.as_object().ok_or("a row must be an object")?;
        let name = entries.get("name").and_then(Value::as_str).ok_or("a row must have a name")?;
        Ok((name.to_owned(), entries.iter().map(|(key, value)| (key.clone(), value.clone())).collect()))
    };
    rows.iter().map(row).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn replaced(value: &Value, choice: &Choice) -> Value {
    match value {
        Value::String(text) => match choice.iter().find(|(key, _)| *text == format!("{{{key}}}")) {
            Some((_, value)) => value.clone(),
            None => {
                let put =
                    |text: String, (key, value): &(String, Value)| text.replace(&format!("{{{key}}}"), &plain(value));
                choice.iter().fold(text.clone(), put).into()
            }
        },
        Value::Array(items) => items.iter().map(|item| replaced(item, choice)).collect(),
        Value::Object(entries) => {
            entries.iter().map(|(k, v)| (k.clone(), replaced(v, choice))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// The short forms written out.
fn complete(mut scenario: Scenario) -> Result<Scenario> {
    if let Some(server) = scenario.server.take() {
        scenario.servers.insert("server".into(), server);
    }
    if let Some(call) = scenario.call.take() {
        let expect = std::mem::take(&mut scenario.expect);
        scenario.steps.push(Step { call: Some(call), expect, ..Step::default() });
    }
    if scenario.steps.is_empty() {
        return Err(format!("{}: neither `call` nor `steps`", scenario.name).into());
    }
    scenario.options.entry("tls").or_insert(json!(null));
    Ok(scenario)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_writes_a_scenario_out() {
        let text = "
- name: a
  each: {kind: [unary, bidi], n: [7]}
  call: {kind: '{kind}'}
  expect: {fails: 'n{n}', n: '{n}'}
";
        let all = parse(text, Path::new(".")).unwrap();
        let names: Vec<_> = all.iter().map(|s| &s.name[..]).collect();
        assert_eq!(names, ["a[unary,7]", "a[bidi,7]"]);
        assert_eq!(all[1].steps[0].call.as_ref().unwrap()["kind"], "bidi");
        assert_eq!(all[1].steps[0].expect.fails.as_deref(), Some("n7"));
        assert_eq!(all[1].steps[0].expect.answer["n"], 7);
        assert_eq!(all[1].options["tls"], Value::Null);
    }

    #[test]
    fn mistakes_are_named() {
        assert!(parse("[{name: a}]", Path::new(".")).unwrap_err().to_string().contains("a: neither"));
        assert!(parse("[{name: a, cal: {}}]", Path::new(".")).unwrap_err().to_string().contains("cal"));
    }

    /// A scenario with a mistake should fail here, not as a riddle on five drivers.
    #[test]
    fn every_scenario_is_well_formed() {
        let causes = crate::causes::Causes::parse(include_str!("../../causes.yaml")).unwrap();
        let all = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")).unwrap();
        for scenario in &all {
            for (server, script) in &scenario.servers {
                let mut script = script.clone();
                // the port of another server, which is known when that runs
                if let Some(at) = script.get_mut("at") {
                    *at = json!("127.0.0.2:1");
                }
                let parsed = serde_json::from_value::<causewire_testbed::script::Script>(script);
                assert!(parsed.is_ok(), "{}: {server}: {}", scenario.name, parsed.unwrap_err());
            }
            for step in &scenario.steps {
                let messages = step.call.iter().flat_map(|call| call.get("messages").and_then(Value::as_array));
                messages.flatten().for_each(|message| drop(crate::messages::encode(message).unwrap()));
                let known = step.expect.fails.iter().all(|cause| causes.row(cause).is_some());
                assert!(known, "{}: {:?}", scenario.name, step.expect.fails);
            }
        }
        let failing = |s: &&Scenario| s.steps.iter().any(|step| step.expect.fails.is_some());
        let failures = all.iter().filter(failing).count();
        assert!(all.len() - failures >= 12 && failures >= 40, "{} and {failures}", all.len());
    }
}
