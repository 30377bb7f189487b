//! Message bytes: small ones are copied on the way out, large ones held by reference; on the way in there is one copy,
//! straight into the final `bytes`.
use crate::fork::lock;
use bytes::Bytes;
use causewire::bridge::Message;
use pyo3::{exceptions::PyTypeError, prelude::*, pybacked::PyBackedBytes, types::PyBytes};
use std::sync::{Arc, Mutex};

/// Above this, holding the object is cheaper than copying it.
const BY_REFERENCE: usize = 16 << 10;

/// Objects that the core has sent and that wait for a thread with the GIL to release them.
#[derive(Default)]
struct Grave(Mutex<Vec<PyBackedBytes>>);

static GRAVE: Mutex<Option<Arc<Grave>>> = Mutex::new(None);

/// Keeps a `bytes` object alive while the core sends it. May be dropped on any thread, under any lock of the core:
/// it only moves the reference to the grave.
struct Held {
    bytes: Option<PyBackedBytes>,
    grave: Arc<Grave>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or_default()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(bytes) = self.bytes.take() {
            self.grave.0.lock().unwrap_or_else(|e| e.into_inner()).push(bytes);
        }
    }
}

/// Serializes a request message.
pub(crate) fn outgoing(message: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    if let Ok(bytes) = message.cast::<PyBytes>() {
        return Ok(from_bytes(bytes));
    }
    if let Ok(view) = pyo3::types::PyMemoryView::from(message) {
        let copy = view.call_method0("tobytes")?;
        return Ok(from_bytes(copy.cast::<PyBytes>()?));
    }
    let name = message.get_type().name()?;
    Err(PyTypeError::new_err(format!("a message must be bytes-like once serialized, not {name}")))
}

fn from_bytes(bytes: &Bound<'_, PyBytes>) -> Bytes {
    let slice = bytes.as_bytes();
    if slice.len() <= BY_REFERENCE {
        return Bytes::copy_from_slice(slice);
    }
    bury();
    let grave = lock(&GRAVE).get_or_insert_default().clone();
    Bytes::from_owner(Held { bytes: Some(bytes.clone().into()), grave })
}

/// A received message.
pub(crate) fn incoming<'py>(py: Python<'py>, message: &Message) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, message.len(), |target| {
        message.copy_to(target);
        Ok(())
    })
}

/// Releases what the core has sent. To be called with the GIL.
pub(crate) fn bury() {
    let Some(grave) = lock(&GRAVE).clone() else { return };
    let dead = std::mem::take(&mut *grave.0.lock().unwrap_or_else(|e| e.into_inner()));
    drop(dead);
}

/// In a fork child: a thread that is gone may have held the grave's lock.
pub(crate) fn forget_grave() {
    std::mem::forget(lock(&GRAVE).take());
}
