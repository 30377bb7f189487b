//! STUB
use crate::{
    failure::{Failure, Phase},
    transport::Connection,
};
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectivityState {
    Idle,
    Connecting,
    Ready,
    TransientFailure,
    Shutdown,
}
#[derive(Clone)]
pub(crate) struct PickerCell;
pub(crate) struct Waiting {
    pub(crate) phase: Phase,
    pub(crate) problem: Option<Failure>,
}
impl PickerCell {
    pub(crate) async fn pick(&self, _w: bool, _o: &mut (dyn FnMut(&Waiting) + Send)) -> Result<Connection, Failure> {
        std::future::pending().await
    }
}
