//! The connections of a channel and the tasks that run for them, counted by guards.
use crate::transport::Monitor;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What is open at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FleetStats {
    /// Connections, draining ones included.
    pub(crate) connections: usize,
    /// Streams on them.
    pub(crate) streams: usize,
    /// Tasks that belong to the channel and not to a call: the controller, dials, connections, health checks.
    pub(crate) tasks: usize,
    /// Those of health checks.
    pub(crate) checks: usize,
    /// Their streams.
    pub(crate) asking: usize,
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
    checks: usize,
    asking: usize,
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
    pub(crate) fn task(self: &Arc<Self>) -> Counted {
        self.count(|ships| &mut ships.tasks)
    }

    /// Counts the task of a health check.
    pub(crate) fn check(self: &Arc<Self>) -> (Counted, Counted) {
        (self.task(), self.count(|ships| &mut ships.checks))
    }

    /// Counts the stream of a health check, which keeps no channel from going idle.
    pub(crate) fn asking(self: &Arc<Self>) -> Counted {
        self.count(|ships| &mut ships.asking)
    }

    fn count(self: &Arc<Self>, number: Number) -> Counted {
        *number(&mut self.lock()) += 1;
        Counted { fleet: self.clone(), number }
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
            checks: ships.checks,
            asking: ships.asking,
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

type Number = fn(&mut Ships) -> &mut usize;

/// One in a count.
pub(crate) struct Counted {
    fleet: Arc<Fleet>,
    number: Number,
}

impl Drop for Counted {
    fn drop(&mut self) {
        *(self.number)(&mut self.fleet.lock()) -= 1;
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counted")
    }
}
