//! From a target to addresses.
//!
//! A [`Resolver`] looks up once per question; [`Pace`] says when to ask again.
mod bypass;
#[cfg(feature = "hickory")]
mod choice;
#[cfg(feature = "hickory")]
mod dns;
mod fixed;
mod host;
mod open;
mod pace;
mod proxy;
#[cfg(any(target_vendor = "apple", test))]
mod system;
mod target;

pub use host::{Resolution, ResolveFuture, ResolveHook};
pub(crate) use open::resolver;
pub(crate) use pace::Pace;
pub(crate) use target::{Destination, Target};

use crate::{
    clock::{self, Instant},
    failure::{Evidence, ResolverProblem, ShownTarget},
    options::{SERVICE_CONFIG, ServiceConfig},
    transport::Address,
};
use serde_json::Value;
use std::{borrow::Cow, future::Future, pin::Pin, sync::Arc, time::Duration};

/// A lookup that takes longer has failed, whatever it still does (as in grpc-go).
pub(crate) const LOOKUP_TIMEOUT: Duration = Duration::from_secs(30);

/// The answer of a resolver: at least one address, in the order in which they are to be tried.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resolved {
    pub(crate) addresses: Vec<Address>,
    pub(crate) service_config: Brought,
    /// When the answer came.
    pub(crate) at: Instant,
}

impl Resolved {
    /// Addresses, and no service config.
    fn now(addresses: Vec<Address>) -> Resolved {
        Resolved { addresses, service_config: Brought::Nothing, at: clock::now() }
    }
}

/// What an answer says of the service config (gRFC A21).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Brought {
    /// There is none.
    Nothing,
    Config(Arc<ServiceConfig>),
    /// There is one, and it is not valid.
    Invalid(Evidence),
    /// The addresses came, and the question for the config failed.
    Unknown,
}

impl Brought {
    /// Reads a document that came with the addresses.
    fn read(document: &Value) -> Brought {
        match ServiceConfig::from_value(document) {
            Ok(config) => Brought::Config(Arc::new(config)),
            Err(Evidence::Option { field, reason, .. }) => Brought::invalid(field, reason),
            Err(other) => Brought::Invalid(other),
        }
    }

    /// The same document, found at `path` of another one.
    fn at(self, path: &str) -> Brought {
        match self {
            Brought::Invalid(Evidence::ServiceConfig { field, reason }) => {
                let inside = field.strip_prefix(SERVICE_CONFIG).unwrap_or(&field);
                Brought::invalid(format!("{path}{inside}"), reason)
            }
            other => other,
        }
    }

    fn invalid(field: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Brought {
        Brought::Invalid(Evidence::ServiceConfig { field: field.into(), reason: reason.into() })
    }
}

/// One lookup under way.
pub(crate) type Lookup = Pin<Box<dyn Future<Output = Result<Resolved, Evidence>> + Send>>;

/// Finds the addresses of one target.
pub(crate) trait Resolver: Send + Sync {
    /// Looks up now. Dropping the future ends the lookup.
    fn resolve(&self) -> Lookup;

    /// Whether every answer is the same, so that asking again is of no use.
    fn is_fixed(&self) -> bool {
        false
    }

    /// Whether an answer may have a service config, which calls then wait for.
    fn brings_config(&self) -> bool {
        false
    }
}

/// Runs one lookup, bounded in time.
pub(crate) async fn look_up(resolver: Arc<dyn Resolver>, host: ShownTarget) -> Result<Resolved, Evidence> {
    match tokio::time::timeout(LOOKUP_TIMEOUT, resolver.resolve()).await {
        Ok(answer) => answer,
        Err(_) => Err(Evidence::Resolver { host, problem: ResolverProblem::Timeout }),
    }
}
