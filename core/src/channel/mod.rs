//! STUB
mod client;
mod open;
mod stream;
use crate::{
    balance::ConnectivityState, failure::Failure, observe::LogSink, options::ChannelOptions, resolve::ResolveHook,
    rt::Handle,
};
pub use client::{Channel, ChannelBuilder, Request, Response};
pub use open::Stats;
pub(crate) use open::{Hooks, open, stats};
use std::sync::Arc;
pub use stream::{Call, Sender};
pub(crate) struct ChannelCore {
    rt: Handle,
}
impl ChannelCore {
    pub(crate) fn new(
        _: &str,
        _: Arc<ChannelOptions>,
        _: Option<Arc<dyn ResolveHook>>,
        _: LogSink,
        _: Handle,
    ) -> Result<Arc<Self>, Failure> {
        loop {}
    }
    pub(crate) fn picker(&self) -> crate::balance::PickerCell {
        loop {}
    }
    pub(crate) fn authority(&self) -> Arc<str> {
        loop {}
    }
    pub(crate) fn secure(&self) -> bool {
        true
    }
    pub(crate) fn rt(&self) -> &Handle {
        &self.rt
    }
    pub(crate) fn state(&self) -> ConnectivityState {
        loop {}
    }
    pub(crate) async fn wait_for_state_change(&self, _: ConnectivityState) -> ConnectivityState {
        loop {}
    }
    pub(crate) fn connect(&self) {}
    pub(crate) fn reset_backoff(&self) {}
    pub(crate) fn network_changed(&self) {}
    pub(crate) fn close(&self) {}
    pub(crate) fn stats(&self) -> Stats {
        Stats::default()
    }
}
