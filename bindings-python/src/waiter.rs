//! What an asyncio task waits on: a future of our own kind, which the reader callback of the loop's queue wakes directly.
//!
//! A task asks little of what it awaits (`asyncio.Task.__step`): `_asyncio_future_blocking`, `_loop`,
//! `add_done_callback`, `cancel` and `result`. An `asyncio.Future` that does no more would cost its own making, a handle
//! for its callback and a turn of the loop, for each call.
use crate::{
    call::Call,
    fork::{Owned, lock},
    loops,
    state::Shared,
};
use pyo3::{
    exceptions::{PyRuntimeError, PyStopIteration},
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyTuple},
};
use std::sync::{Arc, Mutex};

/// An iterator that yields itself until one of `mask`'s news is there.
#[pyclass(frozen, module = "causewire._causewire")]
pub(crate) struct Waiter {
    shared: Owned<Arc<Shared>>,
    mask: u8,
    loop_key: usize,
    /// Awaited for its response, and cancelled with the task. Without it, it may be collected meanwhile.
    call: Option<Py<Call>>,
    task: Mutex<Task>,
}

/// What the waiting task left here.
#[derive(Default)]
struct Task {
    blocking: bool,
    wakeup: Option<Wakeup>,
    /// The message of its cancellation.
    cancelled: Option<Py<PyAny>>,
}

struct Wakeup {
    callback: Py<PyAny>,
    context: Py<PyAny>,
}

impl Waiter {
    pub(crate) fn new(shared: &Arc<Shared>, mask: u8, loop_key: usize, call: Option<Py<Call>>) -> Self {
        Waiter { shared: Owned::new(shared.clone()), mask, loop_key, call, task: Mutex::default() }
    }

    fn shared(&self) -> PyResult<&Arc<Shared>> {
        self.shared.get().ok_or_else(|| PyRuntimeError::new_err("this call belongs to the process before the fork"))
    }

    /// Runs the task's next step here and now. On its loop's thread, outside any task.
    pub(crate) fn wake(slf: &Bound<'_, Self>) -> PyResult<()> {
        let Some(Wakeup { callback, context }) = slf.get().take() else { return Ok(()) };
        context.bind(slf.py()).call_method1(intern!(slf.py(), "run"), (callback, slf)).map(drop)
    }

    /// Has the loop run the task's next step.
    pub(crate) fn wake_soon(slf: &Bound<'_, Self>) -> PyResult<()> {
        let Some(wakeup) = slf.get().take() else { return Ok(()) };
        Self::schedule(slf, wakeup)
    }

    fn schedule(slf: &Bound<'_, Self>, Wakeup { callback, context }: Wakeup) -> PyResult<()> {
        let py = slf.py();
        let named = PyDict::new(py);
        named.set_item(intern!(py, "context"), context)?;
        let event_loop = loops::event_loop(py, slf.get().loop_key)?;
        event_loop.call_method(intern!(py, "call_soon"), (callback, slf), Some(&named)).map(drop)
    }

    /// Lets go of the task, which will never be woken.
    pub(crate) fn forget(&self) {
        drop(self.take());
    }

    fn take(&self) -> Option<Wakeup> {
        lock(&self.task).wakeup.take()
    }
}

#[pymethods]
impl Waiter {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, Self>>> {
        let (py, me) = (slf.py(), slf.get());
        match &me.call {
            Some(call) => {
                if let Some(value) = call.get().poll(py)? {
                    // as a tuple of one, because a response that is a tuple would be taken for the arguments
                    return Err(PyStopIteration::new_err((value.unbind(),)));
                }
            }
            None if me.shared()?.state().ready(me.mask) => return Ok(None),
            None => {}
        }
        lock(&me.task).blocking = true;
        Ok(Some(slf.clone()))
    }

    #[getter(_asyncio_future_blocking)]
    fn blocking(&self) -> bool {
        lock(&self.task).blocking
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, blocking: bool) {
        lock(&self.task).blocking = blocking;
    }

    #[getter(_loop)]
    fn event_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        loops::event_loop(py, self.loop_key)
    }

    #[pyo3(signature = (callback, *, context))]
    fn add_done_callback(slf: &Bound<'_, Self>, callback: Py<PyAny>, context: Py<PyAny>) -> PyResult<()> {
        let me = slf.get();
        lock(&me.task).wakeup = Some(Wakeup { callback, context });
        let ready = {
            let mut state = me.shared()?.state();
            let ready = state.ready(me.mask);
            if !ready {
                state.waiters.push((me.mask, slf.clone().unbind()));
            }
            ready
        };
        if ready { Self::wake_soon(slf) } else { Ok(()) }
    }

    /// The task is cancelled: it goes on with the next turn of the loop.
    #[pyo3(signature = (msg=None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        let me = slf.get();
        let Some(wakeup) = me.take() else { return Ok(false) };
        lock(&me.task).cancelled = Some(msg.unwrap_or_else(|| slf.py().None()));
        me.shared()?.state().waiters.retain(|(_, waiter)| !waiter.is(slf));
        Self::schedule(slf, wakeup)?;
        Ok(true)
    }

    fn result(&self, py: Python<'_>) -> PyResult<()> {
        let Some(message) = lock(&self.task).cancelled.take() else { return Ok(()) };
        let class = cancelled_class(py)?;
        Err(PyErr::from_value(if message.is_none(py) { class.call0()? } else { class.call1((message,))? }))
    }

    /// A task that is cancelled while it awaits a call cancels it, on the wire too.
    #[pyo3(signature = (*args))]
    fn throw(&self, py: Python<'_>, args: &Bound<'_, PyTuple>) -> PyResult<Py<PyAny>> {
        let mut error = args.get_item(args.len().min(2).saturating_sub(1))?;
        if error.is_none() {
            error = args.get_item(0)?;
        }
        let error = PyErr::from_value(error);
        if let Some(call) = &self.call
            && error.matches(py, cancelled_class(py)?)?
        {
            call.get().cancel_now()?;
        }
        Err(error)
    }
}

pub(crate) fn cancelled_class(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static CANCELLED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    CANCELLED.import(py, "asyncio", "CancelledError")
}
