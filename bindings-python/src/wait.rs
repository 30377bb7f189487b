//! Waiting for a call with the GIL released.
use crate::{
    call::Call,
    channel::SLICE,
    source::Source,
    state::{Wake, news},
    waiter::cancelled_class,
};
use pyo3::{prelude::*, sync::PyOnceLock};
use std::time::{Duration, Instant};

/// The same where no signal can come, so that hundreds of waiting threads leave the GIL alone.
const LONG_SLICE: Duration = Duration::from_secs(1);

impl Call {
    /// Blocks until one of `mask`'s news is there. False: `timeout` seconds have passed.
    pub(crate) fn wait(&self, py: Python<'_>, mask: u8, timeout: Option<f64>) -> PyResult<bool> {
        let until = timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok()).and_then(after);
        let mut slice = SLICE;
        loop {
            if self.inner()?.shared.state().ready(mask) {
                return Ok(true);
            }
            let left = until.map_or(slice, |until| until.saturating_duration_since(now()).min(slice));
            self.wait_slice(py, mask, left)?;
            py.check_signals()?;
            if slice == SLICE && !self.inner()?.shared.state().ready(mask) && !on_main_thread(py)? {
                slice = LONG_SLICE;
            }
            if left.is_zero() {
                return Ok(self.inner()?.shared.state().ready(mask));
            }
            if self.overdue() && self.inner()?.shared.state().outcome.is_none() {
                self.give_up(py)?;
            }
        }
    }

    /// Blocks until the next message may be sent, or the call is over. False: `timeout` seconds have passed.
    pub(crate) fn wait_room(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let Source::Slot(call) = &self.inner()?.source else { return self.wait(py, news::ROOM, timeout) };
        let until = timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok()).and_then(after);
        loop {
            let left = until.map_or(SLICE, |until| until.saturating_duration_since(now()).min(SLICE));
            if py.detach(|| call.wait_room(Some(left))) || call.is_ended() {
                return Ok(true);
            }
            py.check_signals()?;
            if until.is_some_and(|until| until <= now()) {
                return Ok(false);
            }
        }
    }

    /// One thread waits at the core, the others on the call's own condition.
    fn wait_slice(&self, py: Python<'_>, mask: u8, time: Duration) -> PyResult<()> {
        let inner = self.inner()?;
        let Source::Slot(call) = &inner.source else {
            py.detach(|| inner.shared.sleep_until(mask, time));
            return Ok(());
        };
        let lead = !std::mem::replace(&mut inner.shared.state().led, true);
        if !lead {
            py.detach(|| inner.shared.sleep(mask, time));
            return Ok(());
        }
        let progress = py.detach(|| call.wait(Some(time)));
        let mut wake = Wake::default();
        if let Some(progress) = progress {
            inner.shared.progress(progress, &mut wake);
        }
        inner.shared.follow();
        wake.run(py);
        Ok(())
    }

    /// `Ok(None)`: in flight.
    pub(crate) fn poll<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (over, cancelled) = {
            let state = self.inner()?.shared.state();
            let failed = state.outcome.as_ref().is_some_and(Result::is_err);
            (state.outcome.is_some(), state.cancelled && (failed || state.outcome.is_none()))
        };
        if cancelled {
            return Err(cancelled_error(py));
        }
        if !over {
            return Ok(None);
        }
        self.message(py).map(Some)
    }
}

/// Signals are Python's main thread's alone.
fn on_main_thread(py: Python<'_>) -> PyResult<bool> {
    static CURRENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static MAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let current = CURRENT.import(py, "threading", "current_thread")?.call0()?;
    Ok(current.is(&MAIN.import(py, "threading", "main_thread")?.call0()?))
}

fn cancelled_error(py: Python<'_>) -> PyErr {
    match cancelled_class(py).and_then(|class| class.call0()) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

fn after(time: Duration) -> Option<Instant> {
    now().checked_add(time)
}

#[expect(clippy::disallowed_methods, reason = "the core's clock, which tests pause, is not Python's")]
fn now() -> Instant {
    Instant::now()
}
