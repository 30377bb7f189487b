//! A method of a channel: registered once, with how its messages become bytes and back.
use crate::{
    channel::{Channel, Open},
    errors, fork,
};
use causewire::bridge::Kind;
use pyo3::{exceptions::PyValueError, prelude::*};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

#[pyclass(frozen, module = "causewire._causewire")]
pub(crate) struct Method {
    pub(crate) channel: Py<Channel>,
    pub(crate) path: String,
    pub(crate) kind: Kind,
    pub(crate) serializer: Option<Py<PyAny>>,
    pub(crate) deserializer: Option<Py<PyAny>>,
    /// Process generation and number, packed: a number belongs to the channel of one process.
    id: AtomicU64,
}

#[pymethods]
impl Method {
    #[new]
    fn new(
        py: Python<'_>,
        channel: Py<Channel>,
        path: String,
        kind: u8,
        serializer: Option<Py<PyAny>>,
        deserializer: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let kind = Kind::from_u8(kind).ok_or_else(|| PyValueError::new_err("no such kind of method"))?;
        let method = Method { channel, path, kind, serializer, deserializer, id: AtomicU64::new(u64::MAX) };
        let open = method.channel.get().current(py)?;
        method.id(py, &open)?;
        Ok(method)
    }

    #[getter]
    fn channel(&self, py: Python<'_>) -> Py<Channel> {
        self.channel.clone_ref(py)
    }

    #[getter]
    fn path(&self) -> &str {
        &self.path
    }
}

impl Method {
    /// The number under which it crosses.
    pub(crate) fn id(&self, py: Python<'_>, open: &Arc<Open>) -> PyResult<u32> {
        let packed = self.id.load(Relaxed);
        let generation = fork::generation() & 0x7fff_ffff;
        if packed >> 32 == generation {
            return Ok(packed as u32);
        }
        let aio = self.channel.get().aio();
        let id = open.channel.method(&self.path, self.kind).map_err(|failure| errors::refused(py, failure, aio))?;
        self.id.store(generation << 32 | u64::from(id), Relaxed);
        Ok(id)
    }
}
