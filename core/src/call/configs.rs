//! The service config of the moment, as calls read it: one load per call, and no lock.
use super::{Context, Deadline, Failed, Method, Port, Request, Trace, deadline::guarded};
use crate::{
    balance::Waiting,
    failure::{Evidence, Phase, Reached},
    options::{MethodConfig, ServiceConfig},
    retry::{Throttle, throttle},
};
use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::watch;

/// Shared by a channel's controller, which selects, and its calls. A call keeps what it began with.
#[derive(Debug)]
pub(crate) struct ServiceConfigs {
    /// Absent until the first selection. An empty config is as good as none.
    current: ArcSwapOption<ServiceConfig>,
    /// The budget of retries that it asks for.
    throttle: ArcSwap<Throttle>,
    /// Whose budget it is.
    server: Arc<str>,
    selected: watch::Sender<bool>,
}

/// What was found for a method when it was last asked for.
#[derive(Debug)]
pub(crate) struct Found {
    of: Arc<ServiceConfig>,
    config: Option<Arc<MethodConfig>>,
}

impl ServiceConfigs {
    /// Without a first config, calls wait for the one that the resolver selects.
    pub(crate) fn new(server: Arc<str>, first: Option<Arc<ServiceConfig>>) -> ServiceConfigs {
        let selected = watch::Sender::new(first.is_some());
        let throttle = ArcSwap::new(throttling(&server, first.as_deref()));
        ServiceConfigs { current: ArcSwapOption::new(first), throttle, server, selected }
    }

    /// Calls that begin from now on follow this one.
    pub(crate) fn select(&self, config: Arc<ServiceConfig>) {
        self.throttle.store(throttling(&self.server, Some(&config)));
        self.current.store(Some(config));
        self.selected.send_replace(true);
    }

    /// The budget of retries of the server's name.
    pub(crate) fn throttle(&self) -> Guard<Arc<Throttle>> {
        self.throttle.load()
    }

    /// What was selected last.
    pub(crate) fn current(&self) -> Option<Arc<ServiceConfig>> {
        self.current.load_full()
    }

    /// The settings of a method; `Err`: nothing is selected yet.
    pub(super) fn of(&self, method: &Method) -> Result<Option<Arc<MethodConfig>>, Unselected> {
        let current = self.current.load();
        let Some(current) = &*current else { return Err(Unselected) };
        if current.method_config.is_empty() {
            return Ok(None);
        }
        if let Some(found) = &*method.found.load()
            && Arc::ptr_eq(&found.of, current)
        {
            return Ok(found.config.clone());
        }
        let config = current.method(&method.path).cloned().map(Arc::new);
        method.found.store(Some(Arc::new(Found { of: current.clone(), config: config.clone() })));
        Ok(config)
    }

    async fn selected(&self) {
        // Does not end: this cell holds the sender.
        let _ = self.selected.subscribe().wait_for(|selected| *selected).await;
    }
}

fn throttling(server: &Arc<str>, config: Option<&ServiceConfig>) -> Arc<Throttle> {
    throttle(server, config.and_then(|config| config.retry_throttling.as_ref()))
}

/// The resolver may bring a config and has not answered yet.
#[derive(Debug)]
pub(super) struct Unselected;

/// Lets a call wait for the first selection, and takes over what that says of its method. Its timeout counts from here:
/// before, nobody knew of it.
pub(super) async fn configure(
    context: &Context,
    request: &mut Request,
    message: Option<&Bytes>,
    trace: &Trace,
    port: &Arc<Port>,
) -> Result<(), Box<Failed>> {
    let selection = selection(context, request.wait_for_ready(), trace);
    guarded(trace, port, &context.alarms, request.deadline, selection).await?;
    trace.enter(Phase::Pick);
    if let Ok(config) = context.configs.of(&request.method) {
        let timeout = config.as_deref().and_then(MethodConfig::timeout);
        request.deadline = Deadline::nearer(request.deadline, timeout);
        trace.set_deadline(request.deadline);
        request.config = config;
        request.unconfigured = false;
    }
    let too_large = |message: &Bytes| context.check_size(request.config.as_deref(), message.len()).err();
    match message.and_then(too_large) {
        Some(evidence) => Err(fail(trace, evidence)),
        None => Ok(()),
    }
}

fn fail(trace: &Trace, evidence: Evidence) -> Box<Failed> {
    trace.ended(trace.fault(evidence, Reached::No), None)
}

/// The pick makes the channel look up, and tells what fails; what it gives is of no use yet.
async fn selection(context: &Context, wait_for_ready: bool, trace: &Trace) -> Result<(), Box<Failed>> {
    let mut on_wait = |waiting: &Waiting| trace.waiting(waiting.phase, waiting.problem.clone());
    tokio::select! {
        biased;
        () = context.configs.selected() => Ok(()),
        picked = context.picker.pick(wait_for_ready, &mut on_wait) => match picked {
            Err(failure) if context.configs.current().is_none() => Err(trace.ended(trace.unpicked(failure), None)),
            _ => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Kind;
    use serde_json::json;

    fn config(seconds: u32) -> Arc<ServiceConfig> {
        let document = json!({"methodConfig": [{"name": [{"service": "a.B"}], "timeout": format!("{seconds}s")}]});
        Arc::new(ServiceConfig::from_value(&document).unwrap())
    }

    #[test]
    fn a_method_follows_what_is_selected() {
        let configs = ServiceConfigs::new("a.test".into(), None);
        let (known, other) = (Method::for_test("/a.B/C", Kind::Unary), Method::for_test("/x.Y/Z", Kind::Unary));
        assert!(configs.of(&known).is_err());
        for seconds in [3, 5, 5] {
            configs.select(config(seconds));
            for _ in 0..2 {
                let found = configs.of(&known).unwrap().unwrap();
                assert_eq!(found.timeout.as_deref(), Some(format!("{seconds}s").as_str()));
                assert_eq!(configs.of(&other).unwrap(), None);
            }
        }
        configs.select(Arc::default());
        assert_eq!(configs.of(&known).unwrap(), None);
    }
}
