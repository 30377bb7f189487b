//! One queue per asyncio event loop, found by the running loop and forgotten with it.
use crate::{
    bell::Bell,
    fork::{Owned, lock},
    mailbox::Mailbox,
};
use pyo3::{
    exceptions::PyRuntimeError,
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::{PyWeakrefMethods, PyWeakrefReference},
};
use std::{
    cell::Cell,
    os::fd::RawFd,
    sync::{Arc, Mutex},
};

/// By the loop's identity; few enough to look through. An entry is removed by a weak reference's callback before that
/// identity can be reused.
static LOOPS: Mutex<Vec<(usize, Py<LoopQueue>)>> = Mutex::new(Vec::new());

/// The queue of one event loop: `drain` is the loop's reader callback for `fileno`.
#[pyclass(frozen, module = "causewire._causewire")]
pub(crate) struct LoopQueue {
    inner: Owned<Inner>,
}

struct Inner {
    mailbox: Arc<Mailbox>,
    /// Weak: the loop owns us as its reader callback.
    event_loop: Py<PyWeakrefReference>,
    /// It says on which thread it runs, as asyncio's own loops do.
    names_thread: bool,
    bell: Arc<Bell>,
}

#[pymethods]
impl LoopQueue {
    /// `event_loop`: a weak reference to it.
    #[new]
    fn new(event_loop: &Bound<'_, PyWeakrefReference>) -> PyResult<Self> {
        let names_thread = event_loop.upgrade().is_some_and(|it| it.hasattr(THREAD).unwrap_or(false));
        let bell = Arc::new(Bell::new()?);
        let rope = bell.clone();
        let mailbox = Mailbox::new(move || rope.ring());
        let event_loop = event_loop.clone().unbind();
        Ok(LoopQueue { inner: Owned::new(Inner { mailbox, event_loop, names_thread, bell }) })
    }

    fn fileno(&self) -> RawFd {
        self.inner.get().map_or(-1, |inner| inner.bell.fileno())
    }

    /// Brings everything that has happened, and lets the tasks that waited for it go on at once. For the loop alone.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        let Some(inner) = self.inner.get() else { return Ok(()) };
        inner.bell.hear();
        let (ended, more) = inner.mailbox.drain_tasks(py);
        if more {
            inner.bell.ring(); // the next batch comes with the next turn
        }
        ended
    }

    /// The same from inside a task: the others go on with the loop's next turn.
    fn drain_soon(&self, py: Python<'_>) {
        let Some(inner) = self.inner.get() else { return };
        inner.bell.hear();
        if inner.mailbox.drain(py).1 {
            inner.bell.ring();
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
    }
}

thread_local! {
    /// This thread's latest loop, and the thread's number as Python has it.
    static LATEST: Cell<(usize, u64)> = const { Cell::new((0, 0)) };
}

/// Where asyncio's own loops keep the thread they run on.
const THREAD: &str = "_thread_id";

/// The running loop's queue, made at its first call, and the loop's identity.
pub(crate) fn queue(py: Python<'_>) -> PyResult<(Arc<Mailbox>, usize)> {
    let (latest, thread) = LATEST.get();
    if let Some(found) = known(py, latest)
        && found.runs_on(py, thread)
    {
        return Ok((found.mailbox, latest));
    }
    static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let event_loop = RUNNING.import(py, "asyncio", "get_running_loop")?.call0()?;
    let key = event_loop.as_ptr() as usize;
    if key != latest {
        static IDENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        LATEST.set((key, IDENT.import(py, "threading", "get_ident")?.call0()?.extract()?));
    }
    match known(py, key) {
        Some(found) => Ok((found.mailbox, key)),
        None => attach(py, event_loop, key).map(|mailbox| (mailbox, key)),
    }
}

/// The loop with this identity.
pub(crate) fn event_loop(py: Python<'_>, key: usize) -> PyResult<Bound<'_, PyAny>> {
    let found = known(py, key).map(|found| found.event_loop);
    found.ok_or_else(|| PyRuntimeError::new_err("the event loop of this call is gone"))
}

/// A loop that is alive, and its queue.
struct Known<'py> {
    event_loop: Bound<'py, PyAny>,
    mailbox: Arc<Mailbox>,
    names_thread: bool,
}

fn known(py: Python<'_>, key: usize) -> Option<Known<'_>> {
    let guard = lock(&LOOPS);
    let inner = guard.iter().find(|(known, _)| *known == key)?.1.get().inner.get()?;
    let event_loop = inner.event_loop.bind(py).upgrade()?;
    Some(Known { event_loop, mailbox: inner.mailbox.clone(), names_thread: inner.names_thread })
}

impl Known<'_> {
    /// Whether it runs on this thread, where it says so. `get_running_loop`, which knows it of every loop, asks the system
    /// for the process's number each time.
    fn runs_on(&self, py: Python<'_>, thread: u64) -> bool {
        self.names_thread
            && self
                .event_loop
                .getattr(intern!(py, THREAD))
                .is_ok_and(|it| it.extract().is_ok_and(|it: u64| it == thread))
    }
}

fn attach(py: Python<'_>, event_loop: Bound<'_, PyAny>, key: usize) -> PyResult<Arc<Mailbox>> {
    let queue = py.import("causewire.aio._loops")?.call_method1(intern!(py, "attach"), (event_loop,))?;
    let queue = queue.cast_into::<LoopQueue>()?;
    let mailbox = queue.get().inner.get().map(|inner| inner.mailbox.clone());
    let mailbox = mailbox.ok_or_else(|| PyRuntimeError::new_err("the process has forked"))?;
    lock(&LOOPS).push((key, queue.unbind()));
    Ok(mailbox)
}

/// The loop with this identity is gone.
#[pyfunction]
pub(crate) fn forget_loop(key: usize) {
    let gone = {
        let mut loops = lock(&LOOPS);
        loops.iter().position(|(known, _)| *known == key).map(|at| loops.swap_remove(at))
    };
    drop(gone); // not under the lock
}

/// In a fork child: the parent's loops are not ours.
pub(crate) fn forget() {
    std::mem::forget(std::mem::take(&mut *lock(&LOOPS)));
}
