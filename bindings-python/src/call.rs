//! One call. Python's call classes derive from it and add what is not hot.
use crate::{
    errors,
    fork::{Owned, lock},
    loops, metadata,
    method::Method,
    payload,
    request::{self, Wishes},
    source::{Inner, Source},
    state::{Shared, news},
    waiter::Waiter,
};
use causewire::bridge::{Failed, HostFault, Kind, Sent};
use pyo3::{
    exceptions::{PyRuntimeError, PyValueError},
    prelude::*,
    types::{PyList, PyTuple, PyWeakrefMethods, PyWeakrefReference},
};
use std::{
    sync::{Mutex, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

/// `Mode` of the constructor.
mod mode {
    pub(super) const ASYNCIO: u8 = 0;
    pub(super) const BLOCKING: u8 = 1;
    pub(super) const HOME: u8 = 2;
}

#[pyclass(frozen, subclass, weakref, module = "causewire._causewire")]
pub(crate) struct Call {
    pub(crate) inner: Owned<Inner>,
    pub(crate) method: Py<Method>,
    aio: bool,
    /// Identity of the event loop that awaits it.
    loop_key: usize,
    started: Instant,
    timeout: Option<Duration>,
    value: Mutex<Option<Py<PyAny>>>,
    /// Weak: its traceback holds the frame of whoever called, and that frame often holds the call.
    error: Mutex<Option<Py<PyWeakrefReference>>>,
    /// What the deserializer threw.
    source: Mutex<Option<Py<PyAny>>>,
}

#[pymethods]
impl Call {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "Python's arguments, one by one: a tuple would be built per call")]
    #[pyo3(signature = (mode, method, request, timeout=None, metadata=None, wait_for_ready=None, compression=None,
        authority=None, idempotent=false, retry=None))]
    fn new(
        py: Python<'_>,
        mode: u8,
        method: &Bound<'_, Method>,
        request: &Bound<'_, PyAny>,
        timeout: Option<&Bound<'_, PyAny>>,
        metadata: Option<&Bound<'_, PyAny>>,
        wait_for_ready: Option<bool>,
        compression: Option<&Bound<'_, PyAny>>,
        authority: Option<String>,
        idempotent: bool,
        retry: Option<String>,
    ) -> PyResult<Self> {
        let shape = method.get();
        let aio = mode == mode::ASYNCIO;
        let message = request::first_message(py, shape, request)?;
        let open = shape.channel.get().current(py)?;
        let wishes = Wishes { timeout, metadata, wait_for_ready, compression, authority, idempotent, retry };
        let spec = wishes.spec(py, shape.id(py, &open)?, message, aio)?;
        let timeout = spec.options.timeout;
        let mut loop_key = 0;
        let mailbox = match mode {
            mode::ASYNCIO => {
                let (mailbox, key) = loops::queue(py)?;
                loop_key = key;
                open.room.loop_key.store(key, Relaxed);
                Some(mailbox)
            }
            mode::BLOCKING => None,
            mode::HOME => Some(open.room.mailbox.clone()),
            _ => return Err(PyValueError::new_err("no such mode")),
        };
        let refuse = |failure| errors::refused(py, failure, aio);
        let (source, shared) = match mailbox {
            Some(mailbox) => {
                let id = open.channel.submit(&mailbox.queue, spec).map_err(refuse)?;
                let shared = Shared::new(open.live.clone());
                mailbox.adopt(id, &shared);
                (Source::Queue { mailbox, id }, shared)
            }
            None => (Source::Slot(open.channel.start(spec).map_err(refuse)?), Shared::new(open.live.clone())),
        };
        Ok(Call {
            inner: Owned::new(Inner { source, shared }),
            method: method.clone().unbind(),
            aio,
            loop_key,
            started: now(),
            timeout,
            value: Mutex::new(None),
            error: Mutex::new(None),
            source: Mutex::new(None),
        })
    }

    /// The call has ended and its end is here.
    fn is_over(&self) -> PyResult<bool> {
        Ok(self.inner()?.shared.state().outcome.is_some())
    }

    /// Its caller has given it up.
    fn is_cancelled(&self) -> PyResult<bool> {
        Ok(self.inner()?.shared.state().cancelled)
    }

    /// RST_STREAM(CANCEL). False: the call was over already.
    fn abort(&self) -> PyResult<bool> {
        self.cancel_now()
    }

    /// Status code. `None`: in flight.
    fn status(&self) -> PyResult<Option<u8>> {
        let state = self.inner()?.shared.state();
        Ok(state.outcome.as_ref().map(|outcome| outcome.as_ref().map_or_else(|failed| failed.code() as u8, |_| 0)))
    }

    /// Response headers. `None`: not there yet, or the call ended without.
    fn response_headers<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let headers = {
            let state = self.inner()?.shared.state();
            match (&state.headers, &state.outcome) {
                (Some(headers), _) => Some(headers.clone()),
                (None, Some(Ok(reply))) => Some(reply.headers.clone()),
                (None, Some(Err(failed))) => failed.headers.clone(),
                (None, None) => None,
            }
        };
        headers.map(|headers| metadata::write(py, &headers)).transpose()
    }

    /// Trailers. `None`: in flight.
    fn response_trailers<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let trailers = self.inner()?.shared.state().outcome.as_ref().map(|outcome| match outcome {
            Ok(reply) => reply.trailers.clone(),
            Err(failed) => failed.trailers.clone(),
        });
        trailers.map(|trailers| metadata::write(py, &trailers)).transpose()
    }

    /// Address of the server that answered.
    #[getter]
    fn peer(&self) -> PyResult<Option<String>> {
        let state = self.inner()?.shared.state();
        let ended = state.outcome.as_ref().and_then(|outcome| match outcome {
            Ok(reply) => reply.peer.as_deref(),
            Err(failed) => failed.peer.as_deref(),
        });
        Ok(ended.or(state.peer.as_deref()).map(str::to_owned))
    }

    /// Attempts made. 0: in flight, or never tried.
    #[getter]
    fn attempts(&self) -> PyResult<u32> {
        let state = self.inner()?.shared.state();
        Ok(state.outcome.as_ref().map_or(0, |outcome| match outcome {
            Ok(reply) => reply.attempts,
            Err(failed) => failed.attempts,
        }))
    }

    /// Seconds until the deadline. `None`: there is none.
    fn time_remaining(&self) -> Option<f64> {
        self.timeout.map(|timeout| timeout.saturating_sub(self.started.elapsed()).as_secs_f64())
    }

    /// The exception of a call that failed. `None`: in flight or OK.
    fn failed_with<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let Some(error) = lock(&self.error).as_ref().and_then(|error| error.bind(py).upgrade()) {
            return Ok(Some(error));
        }
        // taken out, because building the exception runs Python
        let failed = match self.inner()?.shared.state().outcome.as_ref() {
            Some(Err(failed)) => (**failed).clone(),
            _ => return Ok(None),
        };
        let source = lock(&self.source).as_ref().map(|source| source.bind(py).clone());
        self.exception(py, &failed, source.as_ref()).map(Some)
    }

    /// The messages that are there, as `bytes`. `None`: none yet. Empty: there will be no more.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        let inner = self.inner()?;
        let messages = {
            let mut state = inner.shared.state();
            match state.messages.is_empty() {
                true if state.outcome.is_none() => return Ok(None),
                true => return Ok(Some(PyList::empty(py))),
                false => std::mem::take(&mut state.messages),
            }
        };
        inner.credit(u32::try_from(messages.len()).unwrap_or(u32::MAX));
        let list = messages.iter().map(|message| payload::incoming(py, message)).collect::<PyResult<Vec<_>>>()?;
        PyList::new(py, list).map(Some)
    }

    /// A message of the stream could not be deserialized: cancels the call and returns what to raise.
    fn decode_error<'py>(&self, py: Python<'py>, source: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.unreadable(py, source)?.into_value(py).into_bound(py).into_any())
    }

    /// What to raise for a message that comes after [`Call::close_send`].
    fn sending_closed<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let method = self.method.get();
        let open = method.channel.get().current(py)?;
        errors::exception(
            py,
            &open.channel.failed(method.id(py, &open)?, HostFault::SendingClosed, None),
            self.aio,
            None,
        )
    }

    /// 0: accepted. 1: accepted, but wait for room before the next. 2: not accepted, the call is over. 3: not accepted, the
    /// sending side was closed.
    /// `compress`: false keeps the message as it is although the call compresses.
    #[pyo3(signature = (message, compress=true))]
    fn push(&self, py: Python<'_>, message: &Bound<'_, PyAny>, compress: bool) -> PyResult<u8> {
        let bytes = request::serialize(py, self.method.get(), message)?;
        let inner = self.inner()?;
        let first = !std::mem::replace(&mut inner.shared.state().has_sent, true);
        Ok(match inner.send(bytes, compress) {
            Sent::Accepted => 0,
            Sent::Full => {
                inner.shared.state().full = matches!(inner.source, Source::Queue { .. });
                1
            }
            Sent::Closed => 3,
            Sent::Ended => {
                let mut state = inner.shared.state();
                // The queue has forgotten a call that is over.
                if state.send_closed {
                    return Ok(3);
                }
                let told = state.outcome.is_some() || state.cancelled;
                // Whether a call that fails at once still took its first message is no race: whoever was not told of
                // the end is told by the next one.
                let streams = matches!(self.method.get().kind, Kind::ClientStreaming | Kind::Bidi);
                if told || !streams || !first {
                    return Ok(2);
                }
                state.full = matches!(inner.source, Source::Queue { .. });
                1
            }
        })
    }

    /// No more messages will be sent.
    fn close_send(&self) -> PyResult<()> {
        let inner = self.inner()?;
        inner.shared.state().send_closed = true;
        match &inner.source {
            Source::Queue { mailbox, id } => mailbox.queue.close_send(*id),
            Source::Slot(call) => call.close_send(),
        }
        Ok(())
    }

    /// `callback()` runs once the call is over, on the thread that brings the news; at once if it is over.
    fn on_done(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<()> {
        {
            let mut state = self.inner()?.shared.state();
            if state.outcome.is_none() {
                state.on_done.push(callback);
                return Ok(());
            }
        }
        callback.bind(py).call0().map(drop)
    }

    /// Blocks until one of `mask`'s news is there. False: `timeout` seconds have passed.
    #[pyo3(name = "wait", signature = (mask, timeout=None))]
    fn py_wait(&self, py: Python<'_>, mask: u8, timeout: Option<f64>) -> PyResult<bool> {
        self.wait(py, mask, timeout)
    }

    /// Blocks until the next message may be sent, or the call is over. False: `timeout` seconds have passed.
    #[pyo3(name = "wait_room", signature = (timeout=None))]
    fn py_wait_room(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        self.wait_room(py, timeout)
    }

    /// Blocks until the call is over and returns its one response.
    fn response_message<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.wait(py, news::DONE, None)?;
        self.message(py)
    }

    /// To be awaited until one of `mask`'s news is there. Does not hold the call.
    fn news(&self, mask: u8) -> PyResult<Waiter> {
        self.waiter(mask, None)
    }

    fn __await__(slf: &Bound<'_, Self>) -> PyResult<Waiter> {
        slf.get().waiter(news::DONE, Some(slf.clone().unbind()))
    }
}

impl Call {
    pub(crate) fn inner(&self) -> PyResult<&Inner> {
        self.inner.get().ok_or_else(|| PyRuntimeError::new_err("this call belongs to the process before the fork"))
    }

    fn waiter(&self, mask: u8, call: Option<Py<Self>>) -> PyResult<Waiter> {
        if !self.aio {
            return Err(PyRuntimeError::new_err("a blocking call cannot be awaited"));
        }
        Ok(Waiter::new(&self.inner()?.shared, mask, self.loop_key, call))
    }

    pub(crate) fn cancel_now(&self) -> PyResult<bool> {
        let inner = self.inner()?;
        {
            let mut state = inner.shared.state();
            if state.outcome.is_some() || state.cancelled {
                return Ok(false);
            }
            state.cancelled = true;
        }
        inner.cancel();
        Ok(true)
    }

    /// The call's deadline and a second: when a blocking caller stops believing that the core will answer.
    pub(crate) fn overdue(&self) -> bool {
        self.timeout.is_some_and(|timeout| self.started.elapsed() > timeout.saturating_add(Duration::from_secs(1)))
    }

    /// Ends a call that the core has not answered in time.
    pub(crate) fn give_up(&self, py: Python<'_>) -> PyResult<()> {
        let inner = self.inner()?;
        inner.cancel();
        let method = self.method.get();
        let open = method.channel.get().current(py)?;
        inner.end(py, open.channel.failed(method.id(py, &open)?, HostFault::Unanswered, None));
        Ok(())
    }

    /// The one response, deserialized. Raises the call's failure; to be called once the call is over.
    pub(crate) fn message<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(value) = lock(&self.value).as_ref() {
            return Ok(value.bind(py).clone());
        }
        let taken = match self.inner()?.shared.state().outcome.as_mut() {
            Some(Ok(reply)) => reply.message.take(),
            Some(Err(_)) => None,
            None => return Err(PyRuntimeError::new_err("the call is in flight")),
        };
        if let Some(error) = self.failed_with(py)? {
            return Err(PyErr::from_value(error));
        }
        let Some(taken) = taken else { return Err(PyRuntimeError::new_err("the call has no single response")) };
        let raw = payload::incoming(py, &taken)?;
        let value = match &self.method.get().deserializer {
            None => raw.into_any(),
            Some(deserializer) => match deserializer.bind(py).call1((raw,)) {
                Ok(value) => value,
                Err(error) => return Err(self.unreadable(py, error.into_value(py).into_bound(py).into_any())?),
            },
        };
        *lock(&self.value) = Some(value.clone().unbind());
        Ok(value)
    }

    fn unreadable(&self, py: Python<'_>, source: Bound<'_, PyAny>) -> PyResult<PyErr> {
        let method = self.method.get();
        let open = method.channel.get().current(py)?;
        let peer = self.peer()?;
        let type_name = method.deserializer.as_ref().and_then(|deserializer| type_name(deserializer.bind(py)));
        let failed = open.channel.failed(
            method.id(py, &open)?,
            HostFault::Decode { type_name: type_name.as_deref() },
            peer.as_deref(),
        );
        let inner = self.inner()?;
        inner.cancel();
        let exception = self.exception(py, &failed, Some(&source))?;
        *lock(&self.source) = Some(source.unbind());
        inner.end(py, failed);
        Ok(PyErr::from_value(exception))
    }

    fn exception<'py>(
        &self,
        py: Python<'py>,
        failed: &Failed,
        source: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let exception = errors::exception(py, failed, self.aio, source)?;
        *lock(&self.error) = Some(PyWeakrefReference::new(&exception)?.unbind());
        Ok(exception)
    }
}

/// The full name of the protobuf message that `deserializer` reads, if it is the usual `Message.FromString`.
fn type_name(deserializer: &Bound<'_, PyAny>) -> Option<String> {
    let owner = deserializer.getattr("__self__").ok()?;
    owner.getattr("DESCRIPTOR").ok()?.getattr("full_name").ok()?.extract().ok()
}

/// Time of a blocking caller's own bound, and of `time_remaining`.
#[expect(clippy::disallowed_methods, reason = "the core's clock, which tests pause, is not Python's")]
fn now() -> Instant {
    Instant::now()
}
