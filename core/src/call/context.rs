//! What every call of a channel shares, and the checks before a call begins.
use super::{
    alarms::Alarms,
    configs::ServiceConfigs,
    deadline::Deadline,
    head::Template,
    method::{Kind, Method},
    outcome::Failed,
    port::Buffered,
    request::Request,
};
use crate::{
    balance::PickerCell,
    clock,
    credentials::Provider,
    failure::{Evidence, Failure, Reached, ShownTarget, Situation, diagnose},
    intercept::Chain,
    metadata::Metadata,
    observe::Listener,
    options::{CallOptions, CallRetry, ChannelOptions, MethodConfig, PlantedPanic},
    retry::{Budget, Replay},
};
use bytes::Bytes;
use http::{Uri, uri::PathAndQuery};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Shared by all calls of a channel.
pub(crate) struct Context {
    pub(crate) picker: PickerCell,
    pub(crate) options: Arc<ChannelOptions>,
    pub(crate) configs: Arc<ServiceConfigs>,
    pub(crate) target: ShownTarget,
    pub(crate) scheme: &'static str,
    pub(crate) authority: Arc<str>,
    pub(crate) template: Template,
    pub(crate) credentials: Option<Arc<dyn Provider>>,
    pub(crate) interceptors: Chain,
    pub(crate) listener: Option<Arc<dyn Listener>>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) alarms: Alarms,
    pub(crate) live: AtomicU64,
    pub(crate) buffered: Buffered,
    pub(crate) planted: PlantedPanic,
}

/// Counts one call for as long as it lives.
pub(crate) struct LiveCall(Arc<Context>);

impl LiveCall {
    pub(crate) fn new(context: &Arc<Context>) -> Self {
        context.live.fetch_add(1, Relaxed);
        LiveCall(context.clone())
    }

    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.0
    }
}

impl Drop for LiveCall {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Relaxed);
    }
}

impl Context {
    /// Registers a method. `path` is `/pkg.Service/Method`.
    ///
    /// # Errors
    /// REQUEST_INVALID `method`.
    pub(crate) fn method(&self, path: &str, kind: Kind) -> Result<Method, Failure> {
        let uri = is_method(path).then(|| self.uri(path, &self.authority)).flatten();
        let Some(uri) = uri else {
            let reason = "must have the form /package.Service/Method";
            return Err(self.refuse(Evidence::Request { field: "method".into(), reason: reason.into() }, None));
        };
        Ok(Method::new(path, kind, uri))
    }

    /// Checks one call's options and fixes its deadline.
    ///
    /// # Errors
    /// OPTION_INVALID `authority`, REQUEST_INVALID, REQUEST_TOO_LARGE.
    pub(crate) fn request(
        &self,
        method: &Arc<Method>,
        metadata: Metadata,
        options: CallOptions,
        message: Option<&Bytes>,
    ) -> Result<Request, Failure> {
        let refuse = |evidence| self.refuse(evidence, Some(method));
        let (config, unconfigured) = match self.configs.of(method) {
            Ok(config) => (config, false),
            Err(_) => (None, true),
        };
        if let Some(message) = message {
            self.check_size(config.as_deref(), message.len()).map_err(refuse)?;
        }
        let uri = match options.authority.filter(|authority| **authority != *self.authority) {
            None => None,
            Some(authority) => {
                let reason = "must be host or host:port".into();
                let bad = || refuse(Evidence::Option { field: "authority".into(), value: None, reason });
                Some(self.uri(&method.path, &authority).ok_or_else(bad)?)
            }
        };
        let from_config = config.as_deref().and_then(MethodConfig::timeout);
        let started = clock::now();
        Ok(Request {
            started,
            deadline: Deadline::of_call(started, options.timeout, from_config),
            config,
            unconfigured,
            wait_for_ready: options.wait_for_ready,
            compression: options.compression.unwrap_or(self.options.compression),
            method: method.clone(),
            metadata,
            uri,
            retry: if self.options.retry.enabled { options.retry } else { CallRetry::Off },
            idempotent: options.idempotent,
        })
    }

    /// What a call keeps of its messages for further attempts.
    pub(super) fn replay(&self) -> Replay {
        let mut replay = Replay::new(&self.budget, self.options.retry.call_buffer_bytes);
        if !self.options.retry.enabled {
            replay.commit(0);
        }
        replay
    }

    /// Checks an outgoing message against our own limit, before compression.
    pub(crate) fn check_size(&self, config: Option<&MethodConfig>, actual: usize) -> Result<(), Evidence> {
        let configured = config.and_then(|c| c.max_request_message_bytes);
        let limit = [self.options.max_send_message_bytes, configured, Some(u64::from(u32::MAX))];
        let limit = limit.into_iter().flatten().min().unwrap_or(u64::MAX);
        let actual = actual as u64;
        if actual <= limit {
            return Ok(());
        }
        let what = crate::failure::Sized::Message;
        Err(Evidence::RequestTooLarge { what, actual, limit, option: "max_send_message_bytes" })
    }

    pub(crate) fn receive_limit(&self, config: Option<&MethodConfig>) -> u64 {
        let configured = config.and_then(|c| c.max_response_message_bytes);
        configured.unwrap_or(u64::MAX).min(self.options.max_receive_message_bytes)
    }

    /// A failure of this channel before anything was sent.
    pub(crate) fn refuse(&self, evidence: Evidence, method: Option<&Method>) -> Failure {
        let situation = Situation {
            target: Some(self.target.clone()),
            method: method.map(|m| m.path.clone()),
            ..Situation::default()
        };
        diagnose(evidence, situation)
    }

    /// A failure of a response that arrived whole and is of no use.
    pub(crate) fn answered_badly(&self, evidence: Evidence, method: &Arc<str>, peer: Option<Arc<str>>) -> Failed {
        let situation = Situation {
            reached: Some(Reached::Yes),
            headers: true,
            target: Some(self.target.clone()),
            method: Some(method.clone()),
            peer: peer.clone(),
            ..Situation::default()
        };
        Failed { peer, ..Failed::local(diagnose(evidence, situation)) }
    }

    fn uri(&self, path: &str, authority: &str) -> Option<Uri> {
        let path = PathAndQuery::try_from(path).ok()?;
        Uri::builder().scheme(self.scheme).authority(authority).path_and_query(path).build().ok()
    }
}

fn is_method(path: &str) -> bool {
    let Some((service, method)) = path.strip_prefix('/').and_then(|p| p.split_once('/')) else { return false };
    let good = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic() && !b"/?#".contains(&b));
    good(service) && good(method)
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("target", &self.target).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::is_method;

    #[test]
    fn a_method_is_service_and_name() {
        assert!(is_method("/pkg.Service/Method"));
        for bad in ["", "/", "pkg.Service/Method", "/pkg.Service", "/pkg.Service/", "//M", "/a/b/c", "/a/b?c", "/a b/c"]
        {
            assert!(!is_method(bad), "{bad}");
        }
    }
}
