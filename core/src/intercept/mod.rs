//! Interceptors of Rust users. Those of another language run in that language, above the border.
use crate::{failure::Failure, metadata::Metadata};
use std::{fmt, sync::Arc};

/// Sees every call of a channel once, whatever its number of attempts. Runs on the call's own task: it must not block.
pub trait Interceptor: Send + Sync {
    /// Before anything is sent: may add metadata.
    ///
    /// # Errors
    /// A refusal ends the call with REQUEST_INVALID; the reason must hold no secret.
    fn before(&self, method: &str, metadata: &mut Metadata) -> Result<(), &'static str> {
        let _ = (method, metadata);
        Ok(())
    }

    /// After the call ended: `Ok`, or what failed.
    fn after(&self, method: &str, outcome: Result<(), &Failure>) {
        let _ = (method, outcome);
    }
}

/// The interceptors of a channel, outermost first.
#[derive(Clone, Default)]
pub(crate) struct Chain(Arc<[Arc<dyn Interceptor>]>);

impl Chain {
    pub(crate) fn new(interceptors: Vec<Arc<dyn Interceptor>>) -> Self {
        Chain(interceptors.into())
    }

    pub(crate) fn before(&self, method: &str, metadata: &mut Metadata) -> Result<(), &'static str> {
        self.0.iter().try_for_each(|i| i.before(method, metadata))
    }

    pub(crate) fn after(&self, method: &str, outcome: Result<(), &Failure>) {
        self.0.iter().rev().for_each(|i| i.after(method, outcome));
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({})", self.0.len())
    }
}
