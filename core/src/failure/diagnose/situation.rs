use super::super::{Failure, Phase, Reached, ShownTarget};
use std::sync::Arc;

/// What the call knows at the moment when the evidence arrives.
#[derive(Clone, Debug, Default)]
pub struct Situation {
    /// As far as the layer that failed can prove it; `None` when it cannot tell, which leaves what the table says.
    pub reached: Option<Reached>,
    /// Response headers were seen.
    pub headers: bool,
    /// What the call was doing.
    pub phase: Option<Phase>,
    /// `/package.Service/Method`.
    pub method: Option<Arc<str>>,
    /// The target of the channel.
    pub target: Option<ShownTarget>,
    /// The address of the connection.
    pub peer: Option<Arc<str>>,
    /// `host:port` of the proxy.
    pub via_proxy: Option<Arc<str>>,
    /// What went wrong before, and still is: the last connection error behind a deadline, the last attempt's failure.
    pub underlying: Option<Failure>,
}
