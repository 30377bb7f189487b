//! What is known of a method.
use crate::options::{MethodConfig, ServiceConfig};
use arc_swap::ArcSwapOption;
use http::Uri;
use std::sync::Arc;

/// The four kinds of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// One request, one response.
    Unary = 0,
    /// One request, many responses.
    ServerStreaming = 1,
    /// Many requests, one response.
    ClientStreaming = 2,
    /// Many of both.
    Bidi = 3,
}

impl Kind {
    /// The kind that crosses a border as this number.
    pub fn from_u8(n: u8) -> Option<Self> {
        [Kind::Unary, Kind::ServerStreaming, Kind::ClientStreaming, Kind::Bidi].into_iter().find(|k| *k as u8 == n)
    }

    /// Whether the response is exactly one message.
    pub(crate) fn one_response(self) -> bool {
        matches!(self, Kind::Unary | Kind::ClientStreaming)
    }

    /// Whether the request is exactly one message.
    pub(crate) fn one_request(self) -> bool {
        matches!(self, Kind::Unary | Kind::ServerStreaming)
    }
}

/// A method, registered once: what does not change from call to call.
#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) path: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) uri: Uri,
    found: ArcSwapOption<Found>,
}

/// What a service config was last found to say of a method.
#[derive(Debug)]
struct Found {
    of: Arc<ServiceConfig>,
    config: Option<Arc<MethodConfig>>,
}

impl Method {
    pub(super) fn new(path: &str, kind: Kind, uri: Uri) -> Method {
        Method { path: path.into(), kind, uri, found: ArcSwapOption::empty() }
    }

    /// What `current` says of it: looked up once for each config.
    pub(super) fn settings(&self, current: &Arc<ServiceConfig>) -> Option<Arc<MethodConfig>> {
        if current.method_config.is_empty() {
            return None;
        }
        if let Some(found) = &*self.found.load()
            && Arc::ptr_eq(&found.of, current)
        {
            return found.config.clone();
        }
        let config = current.method(&self.path).cloned().map(Arc::new);
        self.found.store(Some(Arc::new(Found { of: current.clone(), config: config.clone() })));
        config
    }
}
