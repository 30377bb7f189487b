//! What one call asks for.
use super::{deadline::Deadline, method::Method};
use crate::{
    clock::Instant,
    compress::Compression,
    metadata::Metadata,
    options::{CallRetry, HedgingPolicy, MethodConfig},
    retry::Policy,
};
use http::Uri;
use std::sync::Arc;

/// One call's wishes, checked.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Arc<Method>,
    pub(crate) metadata: Metadata,
    pub(crate) started: Instant,
    pub(crate) deadline: Option<Deadline>,
    /// What the service config said of the method when the call began.
    pub(crate) config: Option<Arc<MethodConfig>>,
    /// The resolver has yet to say what the service config is.
    pub(crate) unconfigured: bool,
    pub(super) wait_for_ready: Option<bool>,
    pub(crate) compression: Compression,
    pub(crate) uri: Option<Uri>,
    pub(super) retry: CallRetry,
    pub(super) idempotent: bool,
}

/// What follows a failed attempt beside transparent retries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Following<'a> {
    Policy(Policy<'a>),
    /// Nothing: the attempts race.
    Hedges(&'a HedgingPolicy),
}

impl Request {
    /// The caller's wish, else the service config's.
    pub(crate) fn wait_for_ready(&self) -> bool {
        let configured = || self.config.as_ref().and_then(|config| config.wait_for_ready);
        self.wait_for_ready.or_else(configured).unwrap_or(false)
    }

    /// The call's own wish, or what the service config says of its method.
    pub(crate) fn following(&self) -> Following<'_> {
        let config = self.config.as_deref();
        match (&self.retry, config) {
            (CallRetry::Off, _) => Following::Policy(Policy::Off),
            (CallRetry::Retry(policy), _) => Following::Policy(Policy::Configured(policy)),
            (CallRetry::Hedging(policy), _) => Following::Hedges(policy),
            (CallRetry::Inherit, Some(MethodConfig { retry_policy: Some(policy), .. })) => {
                Following::Policy(Policy::Configured(policy))
            }
            (CallRetry::Inherit, Some(MethodConfig { hedging_policy: Some(policy), .. })) => Following::Hedges(policy),
            (CallRetry::Inherit, _) => Following::Policy(Policy::Safe),
        }
    }

    /// The policy of a call whose attempts race.
    pub(crate) fn hedging(&self) -> Option<&HedgingPolicy> {
        match self.following() {
            Following::Hedges(policy) => Some(policy),
            Following::Policy(_) => None,
        }
    }

    /// Running the request twice does no harm.
    pub(crate) fn is_idempotent(&self) -> bool {
        self.idempotent || self.config.as_ref().and_then(|config| config.idempotent).unwrap_or(false)
    }
}
