//! A channel. It survives a fork: the child opens its own at the first use.
use crate::{
    errors,
    fork::{Owned, lock},
    home::{self, Room},
};
use causewire::bridge::{self, ChannelSpec, ConnectivityState, Language, Secret, Secrets};
use pyo3::{exceptions::PyValueError, prelude::*};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

/// How long a blocking wait goes on before it looks for signals (KeyboardInterrupt).
pub(crate) const SLICE: Duration = Duration::from_millis(100);

#[pyclass(frozen, weakref, module = "causewire._causewire")]
pub(crate) struct Channel {
    spec: Spec,
    closed: AtomicBool,
    open: Mutex<Owned<Arc<Open>>>,
}

struct Spec {
    target: String,
    options: String,
    key_pem: Option<Secret<String>>,
    ask_token: bool,
    ask_resolve: bool,
    host: Py<PyAny>,
    aio: bool,
}

/// A channel in one process.
pub(crate) struct Open {
    pub(crate) channel: bridge::Channel,
    pub(crate) room: Arc<Room>,
    /// Calls that are not over.
    pub(crate) live: Arc<AtomicUsize>,
}

#[pymethods]
impl Channel {
    /// `host` takes the channel's events at home and must not hold the channel.
    #[new]
    #[expect(clippy::too_many_arguments, reason = "Python's arguments, one by one: a tuple would be built per call")]
    fn new(
        py: Python<'_>,
        target: String,
        options: String,
        key_pem: Option<String>,
        ask_token: bool,
        ask_resolve: bool,
        host: Py<PyAny>,
        aio: bool,
    ) -> PyResult<Self> {
        let key_pem = key_pem.map(Secret::new);
        let spec = Spec { target, options, key_pem, ask_token, ask_resolve, host, aio };
        let open = Mutex::new(Owned::new(spec.open(py)?));
        Ok(Channel { spec, closed: AtomicBool::new(false), open })
    }

    fn state(&self, py: Python<'_>) -> PyResult<u8> {
        Ok(self.current(py)?.channel.state() as u8)
    }

    fn connect(&self, py: Python<'_>) -> PyResult<()> {
        self.current(py)?.channel.connect();
        Ok(())
    }

    fn reset_backoff(&self, py: Python<'_>) -> PyResult<()> {
        self.current(py)?.channel.reset_backoff();
        Ok(())
    }

    fn network_changed(&self, py: Python<'_>) -> PyResult<()> {
        self.current(py)?.channel.network_changed();
        Ok(())
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let open = self.current(py)?;
        self.closed.store(true, Relaxed);
        open.channel.close();
        Ok(())
    }

    /// Calls that are not over.
    fn live(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.current(py)?.live.load(Relaxed))
    }

    /// `(connections, streams, tasks, buffered_bytes)`
    fn stats(&self, py: Python<'_>) -> PyResult<(u64, u64, u64, u64)> {
        let stats = self.current(py)?.channel.stats();
        Ok((stats.connections, stats.streams, stats.tasks, stats.buffered_bytes))
    }

    /// Tells the host once the state is another; returns the number that comes with it.
    fn watch_state(&self, py: Python<'_>, last: u8) -> PyResult<u64> {
        Ok(self.current(py)?.channel.watch_state(state(last)?))
    }

    /// The host is not to be told any more. False: it will be all the same, or was.
    fn unwatch(&self, py: Python<'_>, watch: u64) -> PyResult<bool> {
        Ok(self.current(py)?.channel.unwatch(watch))
    }

    /// Blocks. False: the time is up, and the state is still the same.
    fn wait_for_state_change(&self, py: Python<'_>, last: u8, timeout: Option<f64>) -> PyResult<bool> {
        let channel = self.current(py)?.channel.clone();
        let last = state(last)?;
        let mut left = timeout.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX));
        loop {
            let slice = left.map_or(SLICE, |left| left.min(SLICE));
            if py.detach(|| channel.wait_for_state_change(last, Some(slice))) {
                return Ok(true);
            }
            py.check_signals()?;
            left = left.map(|left| left.saturating_sub(slice));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(false);
            }
        }
    }
}

impl Channel {
    pub(crate) fn aio(&self) -> bool {
        self.spec.aio
    }

    /// This process's channel; a fork child opens it here.
    pub(crate) fn current(&self, py: Python<'_>) -> PyResult<Arc<Open>> {
        if let Some(open) = lock(&self.open).get() {
            return Ok(open.clone());
        }
        let open = self.spec.open(py)?;
        if self.closed.load(Relaxed) {
            open.channel.close();
        }
        *lock(&self.open) = Owned::new(open.clone());
        Ok(open)
    }
}

impl Spec {
    fn open(&self, py: Python<'_>) -> PyResult<Arc<Open>> {
        let room = home::room(py, self.host.clone_ref(py))?;
        let spec = ChannelSpec {
            target: &self.target,
            options: &self.options,
            secrets: Secrets { tls_key_pem: self.key_pem.clone() },
            language: Language::Python,
            home: Some(room.mailbox.queue.clone()),
            ask_token: self.ask_token,
            ask_resolve: self.ask_resolve,
            logs: true,
        };
        let channel = bridge::Channel::open(spec).map_err(|failure| errors::refused(py, failure, self.aio))?;
        let _ = room.channel.set(channel.clone());
        Ok(Arc::new(Open { channel, room, live: Arc::default() }))
    }
}

fn state(number: u8) -> PyResult<ConnectivityState> {
    use ConnectivityState::{Connecting, Idle, Ready, Shutdown, TransientFailure};
    [Idle, Connecting, Ready, TransientFailure, Shutdown]
        .into_iter()
        .find(|state| *state as u8 == number)
        .ok_or_else(|| PyValueError::new_err("no such connectivity state"))
}
