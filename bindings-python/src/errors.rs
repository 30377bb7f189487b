//! Failures of the core as exceptions. The classes are Python's; the record crosses as its canonical JSON.
use crate::metadata;
use causewire::bridge::{Failed, Failure};
use pyo3::{intern, prelude::*, sync::PyOnceLock, types::PyBytes};

/// Python's `causewire._errors.from_native`.
fn factory(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static FACTORY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FACTORY
        .get_or_try_init(py, || py.import("causewire._errors")?.getattr(intern!(py, "from_native")).map(Bound::unbind))
        .map(|factory| factory.bind(py))
}

/// The exception of a call that failed. `source`: what the caller's own code threw; it is kept beside, in no text.
pub(crate) fn exception<'py>(
    py: Python<'py>,
    failed: &Failed,
    aio: bool,
    source: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let headers = failed.headers.as_ref().map(|headers| metadata::write(py, headers)).transpose()?;
    let status_details = failed.status_details.as_ref().map(|raw| PyBytes::new(py, raw));
    factory(py)?.call1((
        failed.failure.to_json(),
        &failed.details,
        status_details,
        headers,
        metadata::write(py, &failed.trailers)?,
        failed.peer.as_deref(),
        failed.attempts,
        failed.unsent,
        aio,
        source,
    ))
}

/// A bad argument: nothing was sent.
pub(crate) fn refused(py: Python<'_>, failure: Failure, aio: bool) -> PyErr {
    match exception(py, &Failed::from(failure), aio, None) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}
