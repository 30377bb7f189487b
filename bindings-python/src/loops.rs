//! One queue per asyncio event loop, found by the running loop and forgotten with it.
use crate::{
    fork::{self, Owned, lock},
    mailbox::Mailbox,
};
use pyo3::{exceptions::PyRuntimeError, intern, prelude::*, sync::PyOnceLock};
use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Write},
    os::{
        fd::{AsRawFd, RawFd},
        unix::net::UnixStream,
    },
    sync::{Arc, Mutex},
};

/// By the loop's identity. An entry is removed by a weak reference's callback before that identity can be reused.
static LOOPS: Mutex<Option<HashMap<usize, Py<LoopQueue>>>> = Mutex::new(None);

/// The queue of one event loop: `drain` is the loop's reader callback for `fileno`.
#[pyclass(frozen, module = "causewire._causewire")]
pub(crate) struct LoopQueue {
    inner: Owned<Inner>,
}

struct Inner {
    mailbox: Arc<Mailbox>,
    bell: UnixStream,
    /// Rings our own bell where a batch was not the last.
    rope: Arc<UnixStream>,
}

#[pymethods]
impl LoopQueue {
    #[new]
    fn new() -> PyResult<Self> {
        let (bell, rope) = pair()?;
        let rope = Arc::new(rope);
        let ring = rope.clone();
        let mailbox = Mailbox::new(move || pull(&ring));
        Ok(LoopQueue { inner: Owned::new(Inner { mailbox, bell, rope }) })
    }

    fn fileno(&self) -> RawFd {
        self.inner.get().map_or(-1, |inner| inner.bell.as_raw_fd())
    }

    /// Settles everything that has happened.
    fn drain(&self, py: Python<'_>) {
        let Some(inner) = self.inner.get() else { return };
        hear(&inner.bell);
        if inner.mailbox.drain(py).1 {
            pull(&inner.rope);
        }
    }

    /// The loop is gone: its calls are cancelled, and nobody is told.
    fn abandon(&self) {
        if let Some(inner) = self.inner.get() {
            inner.mailbox.abandon();
        }
    }
}

impl LoopQueue {
    pub(crate) fn mailbox(&self) -> Option<&Arc<Mailbox>> {
        self.inner.get().map(|inner| &inner.mailbox)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.mailbox.abandon();
        fork::untrack(self.bell.as_raw_fd());
        fork::untrack(self.rope.as_raw_fd());
    }
}

/// The running loop and its identity.
pub(crate) fn running(py: Python<'_>) -> PyResult<(Bound<'_, PyAny>, usize)> {
    static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let get = RUNNING.import(py, "asyncio", "get_running_loop")?;
    let event_loop = get.call0()?;
    let key = event_loop.as_ptr() as usize;
    Ok((event_loop, key))
}

/// The running loop's queue, made at its first call.
pub(crate) fn queue(py: Python<'_>) -> PyResult<(Arc<Mailbox>, usize)> {
    let (event_loop, key) = running(py)?;
    let known =
        lock(&LOOPS).as_ref().and_then(|loops| loops.get(&key)).and_then(|queue| queue.get().mailbox().cloned());
    if let Some(mailbox) = known {
        return Ok((mailbox, key));
    }
    let queue = py.import("causewire.aio._loops")?.call_method1(intern!(py, "attach"), (event_loop,))?;
    let queue = queue.cast_into::<LoopQueue>()?;
    let mailbox = queue.get().mailbox().cloned().ok_or_else(|| PyRuntimeError::new_err("the process has forked"))?;
    lock(&LOOPS).get_or_insert_default().insert(key, queue.unbind());
    Ok((mailbox, key))
}

/// The loop with this identity is gone.
#[pyfunction]
pub(crate) fn forget_loop(key: usize) {
    let gone = lock(&LOOPS).as_mut().and_then(|loops| loops.remove(&key));
    drop(gone);
}

/// In a fork child: the parent's loops are not ours.
pub(crate) fn forget() {
    std::mem::forget(lock(&LOOPS).take());
}

/// A wake-up pair: the reading end, and the end that rings.
pub(crate) fn pair() -> PyResult<(UnixStream, UnixStream)> {
    let (bell, rope) = UnixStream::pair()?;
    bell.set_nonblocking(true)?;
    rope.set_nonblocking(true)?;
    fork::track(bell.as_raw_fd());
    fork::track(rope.as_raw_fd());
    Ok((bell, rope))
}

/// Rings. A full socket has rung already.
pub(crate) fn pull(mut rope: &UnixStream) {
    let _ = rope.write(&[1]);
}

/// Takes the ringing off, so that a later one is heard.
pub(crate) fn hear(mut bell: &UnixStream) {
    let mut sink = [0; 64];
    while let Err(error) = bell.read(&mut sink) {
        if error.kind() != ErrorKind::Interrupted {
            break;
        }
    }
}
