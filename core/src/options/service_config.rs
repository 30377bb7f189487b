//! The gRPC service config (doc/service_config.md): parsed whole, unknown fields ignored, bad ones rejected with their
//! JSON path (gRFC A21). Only names and timeouts have an effect yet.
use super::json::invalid;
use crate::failure::Evidence;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// A parsed service config.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceConfig {
    /// Settings of groups of methods.
    pub method_config: Vec<MethodConfig>,
}

/// Settings of the methods that `name` lists.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MethodConfig {
    /// The methods meant.
    pub name: Vec<MethodName>,
    /// Longest time of a call, as protobuf writes a duration: `1.5s`.
    pub timeout: Option<String>,
    /// Wait for a connection instead of failing.
    pub wait_for_ready: Option<bool>,
    /// Largest request in bytes.
    pub max_request_message_bytes: Option<u64>,
    /// Largest response in bytes.
    pub max_response_message_bytes: Option<u64>,
}

/// One method, all methods of a service (`method` empty), or all (`service` empty too).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MethodName {
    /// Full service name, `pkg.Service`.
    pub service: String,
    /// Method name without the service.
    pub method: String,
}

impl ServiceConfig {
    /// The settings of `/pkg.Service/Method`: exact name first, then its service, then the default.
    pub fn method(&self, path: &str) -> Option<&MethodConfig> {
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        let find = |s: &str, m: &str| {
            self.method_config.iter().find(|c| c.name.iter().any(|n| n.service == s && n.method == m))
        };
        find(service, method).or_else(|| find(service, "")).or_else(|| find("", ""))
    }

    /// Checks a document, and names the path of what is wrong.
    pub(super) fn check(document: &Value) -> Result<(), Evidence> {
        let Value::Object(top) = document else {
            return Err(invalid("service_config", "must be a JSON object"));
        };
        let Some(list) = top.get("methodConfig") else { return Ok(()) };
        let Value::Array(list) = list else {
            return Err(invalid("service_config.methodConfig", "must be a list"));
        };
        for (i, entry) in list.iter().enumerate() {
            check_method(&format!("service_config.methodConfig[{i}]"), entry)?;
        }
        Ok(())
    }
}

impl MethodConfig {
    /// `timeout` as a duration; checked when the config was read.
    pub fn timeout(&self) -> Option<Duration> {
        parse_duration(self.timeout.as_deref()?)
    }
}

fn check_method(path: &str, entry: &Value) -> Result<(), Evidence> {
    let Value::Object(entry) = entry else { return Err(invalid(path.to_owned(), "must be an object")) };
    if let Some(names) = entry.get("name") {
        let Value::Array(names) = names else { return Err(invalid(format!("{path}.name"), "must be a list")) };
        for (i, name) in names.iter().enumerate() {
            check_name(&format!("{path}.name[{i}]"), name)?;
        }
    }
    if let Some(timeout) = entry.get("timeout")
        && timeout.as_str().and_then(parse_duration).is_none()
    {
        return Err(invalid(format!("{path}.timeout"), "must be a protobuf duration such as 1.5s"));
    }
    if let Some(wait) = entry.get("waitForReady")
        && !wait.is_boolean()
    {
        return Err(invalid(format!("{path}.waitForReady"), "must be true or false"));
    }
    for key in ["maxRequestMessageBytes", "maxResponseMessageBytes"] {
        if let Some(size) = entry.get(key)
            && !size.is_u64()
        {
            return Err(invalid(format!("{path}.{key}"), "must be a whole number of bytes"));
        }
    }
    if entry.contains_key("retryPolicy") && entry.contains_key("hedgingPolicy") {
        return Err(invalid(format!("{path}.hedgingPolicy"), "excludes retryPolicy"));
    }
    Ok(())
}

fn check_name(path: &str, name: &Value) -> Result<(), Evidence> {
    let Value::Object(name) = name else { return Err(invalid(path.to_owned(), "must be an object")) };
    for key in ["service", "method"] {
        if name.get(key).is_some_and(|v| !v.is_string()) {
            return Err(invalid(format!("{path}.{key}"), "must be a string"));
        }
    }
    let empty = |key: &str| name.get(key).and_then(Value::as_str).unwrap_or("").is_empty();
    if empty("service") && !empty("method") {
        return Err(invalid(format!("{path}.service"), "must be set when method is"));
    }
    Ok(())
}

/// `[0-9]+(.[0-9]{1,9})?s`, the JSON form of google.protobuf.Duration; not negative.
fn parse_duration(text: &str) -> Option<Duration> {
    let (whole, fraction) = match text.strip_suffix('s')?.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (text.strip_suffix('s')?, ""),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || fraction.len() > 9 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let nanos: u32 = format!("{fraction:0<9}").parse().ok()?;
    Some(Duration::new(whole.parse().ok()?, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations() {
        assert_eq!(parse_duration("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(parse_duration("0s"), Some(Duration::ZERO));
        for bad in ["", "s", "1", "-1s", "1.0000000001s", "1.5.s", "x1s"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_nearest_name_wins() {
        let config: ServiceConfig = serde_json::from_value(json!({"methodConfig": [
            {"name": [{}], "timeout": "3s"},
            {"name": [{"service": "a.B"}], "timeout": "2s"},
            {"name": [{"service": "a.B", "method": "C"}], "timeout": "1s", "unknown": true}
        ]}))
        .unwrap();
        let seconds = |path| config.method(path).and_then(MethodConfig::timeout).map(|t| t.as_secs());
        assert_eq!(seconds("/a.B/C"), Some(1));
        assert_eq!(seconds("/a.B/D"), Some(2));
        assert_eq!(seconds("/x.Y/Z"), Some(3));
    }

    #[test]
    fn a_bad_part_is_named_by_its_path() {
        let path = |v: Value| match ServiceConfig::check(&v) {
            Err(Evidence::Option { field, .. }) => field.into_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(path(json!([])), "service_config");
        assert_eq!(path(json!({"methodConfig": 1})), "service_config.methodConfig");
        let timeout = json!({"methodConfig": [{"timeout": "5"}]});
        assert_eq!(path(timeout), "service_config.methodConfig[0].timeout");
        let method = json!({"methodConfig": [{"name": [{"method": "x"}]}]});
        assert_eq!(path(method), "service_config.methodConfig[0].name[0].service");
    }
}
