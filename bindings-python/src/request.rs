//! One call's arguments, as Python gives them.
use crate::{errors, metadata, method::Method, payload};
use bytes::Bytes;
use causewire::bridge::{self, CallOptions, CallRetry, CallSpec, Compression, HostFault, Kind};
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyFloat, PyInt, PyString},
};
use std::time::Duration;

/// Everything but the method and the message.
pub(crate) struct Wishes<'a, 'py> {
    pub(crate) timeout: Option<&'a Bound<'py, PyAny>>,
    pub(crate) metadata: Option<&'a Bound<'py, PyAny>>,
    pub(crate) wait_for_ready: Option<bool>,
    pub(crate) compression: Option<&'a Bound<'py, PyAny>>,
    pub(crate) authority: Option<String>,
    pub(crate) idempotent: bool,
    /// The document of a retry policy.
    pub(crate) retry: Option<String>,
}

impl Wishes<'_, '_> {
    pub(crate) fn spec(self, py: Python<'_>, id: u32, message: Option<Bytes>, aio: bool) -> PyResult<CallSpec> {
        let options = CallOptions {
            timeout: timeout(py, self.timeout, aio)?,
            wait_for_ready: self.wait_for_ready,
            compression: compression(py, self.compression, aio)?,
            authority: self.authority,
            idempotent: self.idempotent,
            retry: match self.retry {
                Some(document) => {
                    CallRetry::from_json(&document).map_err(|failure| errors::refused(py, failure, aio))?
                }
                None => CallRetry::Inherit,
            },
        };
        Ok(CallSpec { method: id, metadata: metadata::read(self.metadata, aio)?, options, message })
    }
}

/// Seconds, as grpcio has them.
fn timeout(py: Python<'_>, seconds: Option<&Bound<'_, PyAny>>, aio: bool) -> PyResult<Option<Duration>> {
    let Some(seconds) = seconds.filter(|s| !s.is_none()) else { return Ok(None) };
    if !seconds.is_instance_of::<PyFloat>() && !seconds.is_instance_of::<PyInt>() {
        return Err(PyTypeError::new_err("timeout must be a number of seconds or None"));
    }
    let seconds: f64 = seconds.extract()?;
    // to the microsecond: 1.001 s are 1001 ms and not 1000.999…
    let ms = (seconds * 1e6).round() / 1e3;
    bridge::timeout_from_ms(ms).map_err(|failure| errors::refused(py, failure, aio))
}

/// A name, or the number of `grpc.Compression`.
fn compression(py: Python<'_>, value: Option<&Bound<'_, PyAny>>, aio: bool) -> PyResult<Option<Compression>> {
    let Some(value) = value.filter(|v| !v.is_none()) else { return Ok(None) };
    let known = if let Ok(name) = value.cast::<PyString>() {
        Compression::parse(name.to_str()?)
    } else if value.is_instance_of::<PyInt>() {
        match value.extract::<i64>()? {
            0 => Some(Compression::Identity),
            1 => Some(Compression::Deflate),
            2 => Some(Compression::Gzip),
            _ => None,
        }
    } else {
        return Err(PyTypeError::new_err("compression must be a str, a grpc.Compression or None"));
    };
    match known {
        Some(known) => Ok(Some(known)),
        None => {
            let failure = bridge::bad_option("compression", "must be identity, gzip, deflate or zstd");
            Err(errors::refused(py, failure, aio))
        }
    }
}

/// The request of a call whose kind has exactly one.
pub(crate) fn first_message(py: Python<'_>, method: &Method, request: &Bound<'_, PyAny>) -> PyResult<Option<Bytes>> {
    match method.kind {
        Kind::Unary | Kind::ServerStreaming => serialize(py, method, request).map(Some),
        Kind::ClientStreaming | Kind::Bidi => Ok(None),
    }
}

/// A message becomes bytes. A wrong type is Python's own TypeError; whatever else the serializer throws is
/// REQUEST_INVALID, and is kept beside it.
pub(crate) fn serialize(py: Python<'_>, method: &Method, message: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    let Some(serializer) = &method.serializer else { return payload::outgoing(message) };
    match serializer.bind(py).call1((message,)) {
        Ok(bytes) => payload::outgoing(&bytes),
        Err(error) if error.is_instance_of::<PyTypeError>(py) => Err(error),
        Err(error) if !error.is_instance_of::<pyo3::exceptions::PyException>(py) => Err(error),
        Err(error) => {
            let channel = method.channel.get();
            let open = channel.current(py)?;
            let failed = open.channel.failed(method.id(py, &open)?, HostFault::Encode, None);
            let source = error.into_value(py).into_bound(py).into_any();
            Err(PyErr::from_value(errors::exception(py, &failed, channel.aio(), Some(&source))?))
        }
    }
}
