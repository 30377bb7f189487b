//! Reads JSON with the path of every value at hand. `null` is as good as absent, as in protobuf's JSON.
use super::super::fault::invalid;
use crate::failure::{Code, Evidence};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::{borrow::Cow, time::Duration};

/// One value and where it stands.
pub(super) struct At<'a> {
    path: String,
    value: &'a Value,
}

impl<'a> At<'a> {
    pub(super) fn root(path: &str, value: &'a Value) -> At<'a> {
        At { path: path.to_owned(), value }
    }

    /// The same, known to be an object.
    pub(super) fn object(&self) -> Result<At<'a>, Evidence> {
        match self.value {
            Value::Object(_) => Ok(At { path: self.path.clone(), value: self.value }),
            _ => Err(invalid(self.path.clone(), "must be a JSON object")),
        }
    }

    /// The value itself is not right.
    pub(super) fn refused(&self, reason: impl Into<Cow<'static, str>>) -> Evidence {
        invalid(self.path.clone(), reason)
    }

    /// A field of it is not right.
    pub(super) fn wrong(&self, key: &str, reason: impl Into<Cow<'static, str>>) -> Evidence {
        invalid(format!("{}.{key}", self.path), reason)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.field(key).is_some()
    }

    /// Its fields; none, if it is no object.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'a str, At<'a>)> + '_ {
        let entries = self.value.as_object().into_iter().flat_map(Map::iter);
        entries.map(|(key, value)| (key.as_str(), At { path: format!("{}.{key}", self.path), value }))
    }

    /// A field that is an object.
    pub(super) fn child(&self, key: &str) -> Result<Option<At<'a>>, Evidence> {
        self.field(key).map(|value| At { path: format!("{}.{key}", self.path), value }.object()).transpose()
    }

    /// A field that is a list; empty when absent.
    pub(super) fn list(&self, key: &str) -> Result<Vec<At<'a>>, Evidence> {
        let entries = match self.field(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(entries)) => entries,
            Some(_) => return Err(self.wrong(key, "must be a list")),
        };
        let at = |(i, value)| At { path: format!("{}.{key}[{i}]", self.path), value };
        Ok(entries.iter().enumerate().map(at).collect())
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<String>, Evidence> {
        self.read(key, "must be a string", |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn boolean(&self, key: &str) -> Result<Option<bool>, Evidence> {
        self.read(key, "must be true or false", Value::as_bool)
    }

    /// A whole number of at most `most`.
    pub(super) fn uint(&self, key: &str, most: u32) -> Result<Option<u32>, Evidence> {
        let reason = format!("must be a whole number from 0 to {most}");
        self.read(key, reason, |value| number(value).and_then(|n| u32::try_from(n).ok()).filter(|n| *n <= most))
    }

    pub(super) fn size(&self, key: &str) -> Result<Option<u64>, Evidence> {
        self.read(key, "must be a whole number of bytes", number)
    }

    pub(super) fn duration(&self, key: &str) -> Result<Option<Duration>, Evidence> {
        self.read(key, "must be a protobuf duration such as 1.5s", |value| parse_duration(value.as_str()?))
    }

    /// A finite number, or one in a string.
    pub(super) fn float(&self, key: &str) -> Result<Option<f64>, Evidence> {
        let parse = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok());
        self.read(key, "must be a number", |value| parse(value).filter(|number| number.is_finite()))
    }

    /// The value itself as a status code: its number, or its name in any case.
    pub(super) fn code(&self) -> Option<Code> {
        match self.value {
            Value::String(name) => Code::ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(name)),
            value => value.as_u64().and_then(|number| u8::try_from(number).ok()).and_then(Code::from_u8),
        }
    }

    fn read<T>(
        &self,
        key: &str,
        reason: impl Into<Cow<'static, str>>,
        parse: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, Evidence> {
        match self.field(key) {
            None => Ok(None),
            Some(value) => parse(value).map(Some).ok_or_else(|| self.wrong(key, reason)),
        }
    }

    fn field(&self, key: &str) -> Option<&'a Value> {
        self.value.get(key).filter(|value| !value.is_null())
    }
}

/// A number, or its digits in a string, as protobuf's JSON has 64-bit ones.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The longest google.protobuf.Duration: 10,000 years.
const LONGEST: u64 = 315_576_000_000;

/// `[0-9]+(.[0-9]{1,9})?s`, the JSON form of google.protobuf.Duration; not negative.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let (whole, fraction) = match text.strip_suffix('s')?.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (text.strip_suffix('s')?, ""),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || fraction.len() > 9 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let nanos: u32 = format!("{fraction:0<9}").parse().ok()?;
    let seconds = whole.parse().ok().filter(|seconds| *seconds <= LONGEST)?;
    Some(Duration::new(seconds, nanos))
}

/// The inverse of [`parse_duration`].
pub(super) fn write_duration(duration: &Duration) -> String {
    format!("{}.{:09}s", duration.as_secs(), duration.subsec_nanos())
}

pub(super) fn as_text<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    write_duration(duration).serialize(to)
}

pub(super) fn as_text_or_nothing<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    duration.as_ref().map(write_duration).serialize(to)
}
