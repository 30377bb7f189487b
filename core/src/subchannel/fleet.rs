//! The connections of a channel and the tasks that run for them, counted by guards.
use crate::transport::Monitor;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What is open at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FleetStats {
    /// Connections, draining ones included.
    pub(crate) connections: usize,
    /// Streams on them.
    pub(crate) streams: usize,
    /// Tasks that belong to the channel and not to a call: the controller, dials, connections.
    pub(crate) tasks: usize,
}

/// All connections of one channel, those included that only finish their last calls.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    ships: Mutex<Ships>,
}

#[derive(Debug, Default)]
struct Ships {
    live: HashMap<u64, Monitor>,
    next: u64,
    tasks: usize,
    closed: bool,
}

impl Fleet {
    /// Counts a connection until the guard is dropped. One that comes after [`Fleet::close`] is closed.
    pub(super) fn enlist(self: &Arc<Self>, monitor: Monitor) -> Enlisted {
        let mut ships = self.lock();
        if ships.closed {
            monitor.close();
        }
        let number = ships.next;
        ships.next += 1;
        ships.live.insert(number, monitor);
        Enlisted { fleet: self.clone(), number }
    }

    /// Counts a task until the guard is dropped.
    pub(crate) fn task(self: &Arc<Self>) -> TaskGuard {
        self.lock().tasks += 1;
        TaskGuard { fleet: self.clone() }
    }

    /// Closes every connection, now and from now on: calls in flight end with CHANNEL_UNUSABLE.
    pub(crate) fn close(&self) {
        let monitors: Vec<_> = {
            let mut ships = self.lock();
            ships.closed = true;
            ships.live.values().cloned().collect()
        };
        monitors.iter().for_each(Monitor::close);
    }

    pub(crate) fn stats(&self) -> FleetStats {
        let ships = self.lock();
        FleetStats {
            connections: ships.live.len(),
            streams: ships.live.values().map(|monitor| monitor.stats().streams).sum(),
            tasks: ships.tasks,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ships> {
        self.ships.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection in the fleet.
#[derive(Debug)]
pub(super) struct Enlisted {
    fleet: Arc<Fleet>,
    number: u64,
}

impl Drop for Enlisted {
    fn drop(&mut self) {
        self.fleet.lock().live.remove(&self.number);
    }
}

/// One task in the count.
#[derive(Debug)]
pub(crate) struct TaskGuard {
    fleet: Arc<Fleet>,
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        self.fleet.lock().tasks -= 1;
    }
}
