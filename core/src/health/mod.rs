//! What is known of a server beyond that it is connected (gRFC A17).
use crate::failure::Failure;

/// Whether a connected server wants calls.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Health {
    /// It was asked, and has not answered yet.
    Unknown,
    /// It does, or was not asked.
    Serving,
    /// It does not, or the question failed.
    #[cfg_attr(not(test), expect(dead_code, reason = "servers are not asked yet"))]
    Failing(Failure),
}
