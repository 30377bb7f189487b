//! A value that prints as `<redacted>`.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Holds a key, a token or a URL with a password. `Debug` and `Serialize` never show it; [`Secret::expose`] does.
#[derive(Clone, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(transparent)]
#[schemars(transparent, extend("writeOnly" = true))]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Takes the value in.
    pub fn new(value: T) -> Self {
        Secret(value)
    }

    /// The value itself: for the one place that uses it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

impl<T> Serialize for Secret<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("<redacted>")
    }
}
