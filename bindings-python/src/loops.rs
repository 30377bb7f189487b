//! One queue per asyncio event loop, found by the running loop and forgotten with it.
use crate::{
    fork::{self, Owned, lock},
    mailbox::Mailbox,
};
use pyo3::{exceptions::PyRuntimeError, intern, prelude::*, sync::PyOnceLock};
use std::{
    cell::Cell,
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
    /// Weak: the loop owns us as its reader callback.
    event_loop: Py<PyAny>,
    bell: UnixStream,
    /// Rings our own bell where a batch was not the last.
    rope: Arc<UnixStream>,
}

#[pymethods]
impl LoopQueue {
    /// `event_loop`: a weak reference to it.
    #[new]
    fn new(event_loop: Py<PyAny>) -> PyResult<Self> {
        let (bell, rope) = pair()?;
        let rope = Arc::new(rope);
        let ring = rope.clone();
        let mailbox = Mailbox::new(move || pull(&ring));
        Ok(LoopQueue { inner: Owned::new(Inner { mailbox, event_loop, bell, rope }) })
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

impl Drop for Inner {
    fn drop(&mut self) {
        self.mailbox.abandon();
        fork::untrack(self.bell.as_raw_fd());
        fork::untrack(self.rope.as_raw_fd());
    }
}

thread_local! {
    /// This thread's latest loop, and the thread's number as Python has it.
    static LATEST: Cell<(usize, u64)> = const { Cell::new((0, 0)) };
}

/// The running loop's queue, made at its first call, and the loop's identity.
pub(crate) fn queue(py: Python<'_>) -> PyResult<(Arc<Mailbox>, usize)> {
    let (latest, thread) = LATEST.get();
    if let Some((mailbox, event_loop)) = known(py, latest)
        && runs_on(&event_loop, thread)
    {
        return Ok((mailbox, latest));
    }
    static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static THREAD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let event_loop = RUNNING.import(py, "asyncio", "get_running_loop")?.call0()?;
    let thread: u64 = THREAD.import(py, "threading", "get_ident")?.call0()?.extract()?;
    let key = event_loop.as_ptr() as usize;
    LATEST.set((key, thread));
    match known(py, key) {
        Some((mailbox, _)) => Ok((mailbox, key)),
        None => attach(py, event_loop, key).map(|mailbox| (mailbox, key)),
    }
}

/// A future of the loop with this identity.
pub(crate) fn future(py: Python<'_>, key: usize) -> PyResult<Bound<'_, PyAny>> {
    match known(py, key) {
        Some((_, event_loop)) => event_loop.call_method0(intern!(py, "create_future")),
        None => Err(PyRuntimeError::new_err("the event loop of this call is gone")),
    }
}

fn known(py: Python<'_>, key: usize) -> Option<(Arc<Mailbox>, Bound<'_, PyAny>)> {
    let guard = lock(&LOOPS);
    let inner = guard.as_ref()?.get(&key)?.get().inner.get()?;
    let event_loop = inner.event_loop.bind(py).call0().ok().filter(|it| !it.is_none())?;
    Some((inner.mailbox.clone(), event_loop))
}

/// Whether a loop runs on this thread, by what asyncio's own loops keep. `get_running_loop`, which says it of any loop,
/// asks the system for the process's number each time.
fn runs_on(event_loop: &Bound<'_, PyAny>, thread: u64) -> bool {
    let runs = event_loop.getattr(intern!(event_loop.py(), "_thread_id"));
    runs.is_ok_and(|runs| runs.extract::<u64>().is_ok_and(|runs| runs == thread))
}

fn attach(py: Python<'_>, event_loop: Bound<'_, PyAny>, key: usize) -> PyResult<Arc<Mailbox>> {
    let queue = py.import("causewire.aio._loops")?.call_method1(intern!(py, "attach"), (event_loop,))?;
    let queue = queue.cast_into::<LoopQueue>()?;
    let mailbox = queue.get().inner.get().map(|inner| inner.mailbox.clone());
    let mailbox = mailbox.ok_or_else(|| PyRuntimeError::new_err("the process has forked"))?;
    lock(&LOOPS).get_or_insert_default().insert(key, queue.unbind());
    Ok(mailbox)
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
