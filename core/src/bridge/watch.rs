//! The state of a channel as hosts watch it. A watch holds what calls read, and not the channel, which may close
//! meanwhile: then its state is SHUTDOWN.
use super::{
    channel::Channel,
    event::Event,
    guard::{guarded, guarded_or},
};
use crate::{balance::ConnectivityState, call::Failed, channel::Readiness, failure::Unusable};
use std::{
    future::Future,
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

impl Channel {
    /// Sends one [`Event::State`] to the home queue once the state differs from `last`, unless it is ended before.
    pub fn watch_state(&self, last: ConnectivityState) -> u64 {
        guarded_or(0, || {
            let cell = self.core().picker();
            self.watches().begin(self.core().rt(), self.home(), async move {
                let state = cell.wait_for_state_change(last).await;
                move |watch| Event::State { watch, state }
            })
        })
    }

    /// Sends one [`Event::Ready`] to the home queue as soon as [`wait_ready`](Channel::wait_ready) would return, unless
    /// it is ended before.
    pub fn watch_ready(&self, wait_for_ready: bool, timeout: Option<Duration>) -> u64 {
        guarded_or(0, || {
            let ready = self.readiness();
            self.watches().begin(self.core().rt(), self.home(), async move {
                let outcome =
                    ready.wait(wait_for_ready, timeout).await.map_err(|failure| Box::new(Failed::from(failure)));
                move |watch| Event::Ready { watch, outcome }
            })
        })
    }

    /// Ends a watch. False: it has told, and its event is on its way or was taken.
    pub fn unwatch(&self, watch: u64) -> bool {
        guarded_or(false, || self.watches().end(watch))
    }

    /// Blocks until the state differs from `last`. False: the time is up.
    pub fn wait_for_state_change(&self, last: ConnectivityState, timeout: Option<Duration>) -> bool {
        guarded_or(false, || {
            let cell = self.core().picker();
            let changed = async move {
                cell.wait_for_state_change(last).await;
            };
            self.block_on(changed, timeout).is_some()
        })
    }

    /// Connects, and blocks until the channel is READY.
    ///
    /// # Errors
    /// What stands in the way: at once, as soon as something does, or with `wait_for_ready` when the time is up, as a call
    /// with such a deadline would fail; CHANNEL_UNUSABLE of a channel that is closed.
    pub fn wait_ready(&self, wait_for_ready: bool, timeout: Option<Duration>) -> Result<(), Box<Failed>> {
        let outcome = guarded("bridge.wait_ready", || {
            let ready = self.readiness().wait(wait_for_ready, timeout);
            self.block_on(ready, None).unwrap_or_else(|| Err(self.unusable(Unusable::Closed)))
        });
        outcome.map_err(|failure| Box::new(Failed::from(failure)))
    }

    fn readiness(&self) -> Readiness {
        let context = self.context();
        Readiness::new(&context.picker, &context.target)
    }

    /// Nothing: the time is up, or the runtime has ended.
    fn block_on<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        timeout: Option<Duration>,
    ) -> Option<T> {
        let (tell, told) = mpsc::sync_channel(1);
        let task = self.core().rt().spawn("bridge.watch", async move {
            let _ = tell.send(work.await); // nobody waits any more
        });
        let end = match timeout {
            Some(timeout) => told.recv_timeout(timeout),
            None => told.recv().map_err(RecvTimeoutError::from),
        };
        task.abort();
        end.ok()
    }
}
