//! The native half of the `causewire` pip package: the core's pull queue as Python objects.
//!
//! No thread of the core ever takes the GIL: it rings a bell, and whoever waits for that bell takes a whole batch.
#![deny(unsafe_code)]
mod ask;
mod bell;
mod call;
mod channel;
mod errors;
mod fork;
mod home;
mod loops;
mod mailbox;
mod metadata;
mod method;
mod payload;
mod request;
mod source;
mod state;
mod wait;
mod waiter;

use causewire::bridge::{self, Style};
use pyo3::{exceptions::PyValueError, prelude::*};

/// Renders a canonical record: `line`, `diagnostic` or `public`.
#[pyfunction]
fn render(record: &str, style: &str) -> PyResult<String> {
    let style = match style {
        "line" => Style::Line,
        "diagnostic" => Style::Diagnostic,
        "public" => Style::Public,
        _ => return Err(PyValueError::new_err("style must be line, diagnostic or public")),
    };
    bridge::render(record, style).map_err(|_| PyValueError::new_err("not a failure record"))
}

#[pymodule]
fn _causewire(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add_class::<ask::Ask>()?;
    m.add_class::<call::Call>()?;
    m.add_class::<channel::Channel>()?;
    m.add_class::<loops::LoopQueue>()?;
    m.add_class::<method::Method>()?;
    m.add_function(wrap_pyfunction!(fork::after_fork_in_child, m)?)?;
    m.add_function(wrap_pyfunction!(home::home_drain, m)?)?;
    m.add_function(wrap_pyfunction!(home::home_fileno, m)?)?;
    m.add_function(wrap_pyfunction!(loops::forget_loop, m)?)?;
    m.add_function(wrap_pyfunction!(render, m)?)?;
    Ok(())
}
