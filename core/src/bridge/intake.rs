//! From the host into the core: what hosts submit is gathered, and the core's thread is woken once per batch.
use crate::{
    call::{Port, Task},
    rt::Handle,
};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

/// Something for the core's thread to do.
pub(super) enum Job {
    /// A call's task, ready to be spawned.
    Start(Task),
    /// A call's task has to look at its port.
    Wake(Arc<Port>),
}

/// One per channel, held by the channel and by each of its calls; the last one that lets go ends its task.
pub(super) struct Intake {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    bell: Notify,
}

#[derive(Default)]
struct State {
    jobs: Vec<Job>,
    /// The task has been told and has not looked yet.
    rung: bool,
    closed: bool,
}

impl Intake {
    pub(super) fn start(rt: &Handle) -> Arc<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), bell: Notify::new() });
        rt.spawn("bridge.intake", run(shared.clone(), rt.clone()));
        Arc::new(Intake { shared })
    }

    pub(super) fn push(&self, job: Job) {
        let ring = {
            let mut state = self.shared.lock();
            state.jobs.push(job);
            !std::mem::replace(&mut state.rung, true)
        };
        if ring {
            self.shared.bell.notify_one();
        }
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.bell.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

async fn run(shared: Arc<Shared>, rt: Handle) {
    let mut jobs = Vec::new();
    loop {
        shared.bell.notified().await;
        let closed = {
            let mut state = shared.lock();
            state.rung = false;
            std::mem::swap(&mut state.jobs, &mut jobs);
            state.closed
        };
        for job in jobs.drain(..) {
            match job {
                Job::Start(task) => drop(rt.spawn("call", task)),
                Job::Wake(port) => port.wake(),
            }
        }
        if closed {
            return;
        }
    }
}
