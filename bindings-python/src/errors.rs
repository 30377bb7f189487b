//! Failures of the core as exceptions. The classes are Python's; the record crosses as its canonical JSON.
use crate::metadata;
use causewire::bridge::{Failed, Failure};
use pyo3::{exceptions::PyRuntimeError, intern, prelude::*, sync::PyOnceLock, types::PyBytes};

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
    match exception(py, &local(failure), aio, None) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// A failure that no server had a part in.
pub(crate) fn local(failure: Failure) -> Failed {
    let details = failure.line();
    Failed {
        failure,
        details,
        status_details: None,
        headers: None,
        trailers: Default::default(),
        peer: None,
        attempts: 0,
        unsent: 0,
    }
}

/// The same failure once more, so that no lock is held while Python runs.
pub(crate) fn copy(failed: &Failed) -> Failed {
    Failed {
        failure: failed.failure.clone(),
        details: failed.details.clone(),
        status_details: failed.status_details.clone(),
        headers: failed.headers.clone(),
        trailers: failed.trailers.clone(),
        peer: failed.peer.clone(),
        attempts: failed.attempts,
        unsent: failed.unsent,
    }
}

/// The core has not answered a second after the deadline: its own fault, by the caller's clock.
pub(crate) fn unanswered(method: &str) -> PyResult<Failed> {
    let record = format!(
        r#"{{"v":1,"code":13,"status":"INTERNAL","cause":"CORE_FAULT","cause_id":106,"layer":"config","category":"client","origin":"local","retry":"never","reached":"maybe","method":"{}","hint":"","evidence":{{"site":"no answer a second after the deadline"}}}}"#,
        method.escape_default()
    );
    let failure = Failure::from_json(&record).map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    Ok(local(failure))
}
