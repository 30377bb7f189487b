//! The home thread's queues: one per channel, for what concerns no event loop (questions to the host, log lines, changes
//! of state) and for the calls of `future()`. All share one bell.
use crate::{
    ask::Ask,
    bell::Bell,
    fork::{Owned, lock},
    mailbox::Mailbox,
};
use causewire::bridge::{self, Event};
use pyo3::{IntoPyObjectExt, prelude::*};
use std::{
    os::fd::RawFd,
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

static HOME: Mutex<Option<Owned<Home>>> = Mutex::new(None);

struct Home {
    bell: Arc<Bell>,
    rooms: Vec<Weak<Room>>,
}

/// One channel's queue at home.
pub(crate) struct Room {
    pub(crate) mailbox: Arc<Mailbox>,
    /// To answer with. Set once the channel is open.
    pub(crate) channel: OnceLock<bridge::Channel>,
    /// The loop of the latest asyncio call, where asynchronous callbacks run.
    pub(crate) loop_key: AtomicUsize,
    /// Python's half of the channel, which takes the events.
    host: Py<PyAny>,
    rung: Arc<AtomicBool>,
}

/// Makes a channel's queue, and starts the home thread with the process's first.
pub(crate) fn room(py: Python<'_>, host: Py<PyAny>) -> PyResult<Arc<Room>> {
    let room = furnish(host)?;
    py.import("causewire._home")?.call_method0("ensure")?;
    Ok(room)
}

fn furnish(host: Py<PyAny>) -> PyResult<Arc<Room>> {
    let mut guard = lock(&HOME);
    let owned = match guard.as_mut() {
        Some(owned) => owned,
        None => {
            let bell = Arc::new(Bell::new()?);
            guard.insert(Owned::new(Home { bell, rooms: Vec::new() }))
        }
    };
    let Some(home) = owned.get_mut() else {
        return Err(pyo3::exceptions::PyRuntimeError::new_err("the process has forked"));
    };
    let rung = Arc::new(AtomicBool::new(false));
    let (flag, rope) = (rung.clone(), home.bell.clone());
    let mailbox = Mailbox::new(move || {
        flag.store(true, std::sync::atomic::Ordering::Release);
        rope.ring();
    });
    let room = Arc::new(Room { mailbox, channel: OnceLock::new(), loop_key: AtomicUsize::new(0), host, rung });
    home.rooms.retain(|other| other.strong_count() > 0);
    home.rooms.push(Arc::downgrade(&room));
    Ok(room)
}

impl Drop for Room {
    fn drop(&mut self) {
        self.mailbox.abandon();
    }
}

/// What the home thread waits on. -1: there is no channel.
#[pyfunction]
pub(crate) fn home_fileno() -> RawFd {
    lock(&HOME).as_ref().and_then(Owned::get).map_or(-1, |home| home.bell.fileno())
}

/// Settles the calls of all channels and returns what is for Python: `(host, kind, …)`.
#[pyfunction]
pub(crate) fn home_drain(py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
    let rooms: Vec<Arc<Room>> = {
        let guard = lock(&HOME);
        let Some(home) = guard.as_ref().and_then(Owned::get) else { return Ok(Vec::new()) };
        home.bell.hear();
        home.rooms.iter().filter_map(Weak::upgrade).collect()
    };
    let mut out = Vec::new();
    for room in rooms {
        if !room.rung.swap(false, std::sync::atomic::Ordering::Acquire) {
            continue;
        }
        let mut more = true;
        while more {
            let (events, again) = room.mailbox.drain(py);
            more = again;
            for event in events {
                out.extend(room.tell(py, event)?);
            }
        }
    }
    Ok(out)
}

impl Room {
    fn tell(&self, py: Python<'_>, event: Event) -> PyResult<Option<Py<PyAny>>> {
        let host = self.host.clone_ref(py);
        match event {
            Event::Log(log) => (host, "log", log.level as u8, log.text, log.dropped).into_py_any(py).map(Some),
            Event::State { watch, state } => (host, "state", watch, state as u8).into_py_any(py).map(Some),
            Event::Ask(ask) => {
                let Some(channel) = self.channel.get() else { return Ok(None) };
                let ask = Ask::new(ask, channel.clone());
                (host, "ask", ask, self.loop_key.load(Relaxed)).into_py_any(py).map(Some)
            }
            Event::AskCancelled { ask } => (host, "cancel", ask).into_py_any(py).map(Some),
            Event::Ready { .. } // nothing here asks for it
            | Event::Headers { .. } | Event::Messages { .. } | Event::Room { .. } | Event::Done { .. } => Ok(None),
        }
    }
}

/// In a fork child: a new home is made with the first channel.
pub(crate) fn forget() {
    std::mem::forget(lock(&HOME).take());
}
