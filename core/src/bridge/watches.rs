//! The watches of a channel that have not told yet.
use super::{event::Event, queue::Post};
use crate::rt::{Handle, JoinHandle};
use rustc_hash::FxHashMap;
use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// See the module.
#[derive(Default)]
pub(super) struct Watches {
    open: Mutex<FxHashMap<u64, JoinHandle<()>>>,
}

impl Watches {
    /// Runs until `news` come, which `home` is then told. 0: there is nobody to tell.
    pub(super) fn begin(
        self: &Arc<Self>,
        rt: &Handle,
        home: Option<&Post>,
        news: impl Future<Output = impl FnOnce(u64) -> Event + Send> + Send + 'static,
    ) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let Some(home) = home.cloned() else { return 0 };
        let watch = NEXT.fetch_add(1, Relaxed);
        let watches = self.clone();
        let mut open = self.lock(); // until it stands there: the task may be faster
        let task = rt.spawn("bridge.watch", async move {
            let event = news.await;
            if watches.lock().remove(&watch).is_some() {
                home.push(event(watch));
            }
        });
        open.insert(watch, task);
        watch
    }

    /// False: it has told.
    pub(super) fn end(&self, watch: u64) -> bool {
        let task = self.lock().remove(&watch);
        task.inspect(JoinHandle::abort).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, FxHashMap<u64, JoinHandle<()>>> {
        self.open.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl fmt::Debug for Watches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watches").field("open", &self.lock().len()).finish()
    }
}
