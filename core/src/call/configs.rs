//! The service config of the moment, as calls read it: one load per call, and no lock.
use super::method::Method;
use crate::{
    options::{MethodConfig, ServiceConfig},
    retry::{Throttle, throttle},
};
use arc_swap::{ArcSwap, ArcSwapOption, Guard};
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
        current.as_ref().map(|current| method.settings(current)).ok_or(Unselected)
    }

    pub(super) async fn selected(&self) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Kind;
    use http::Uri;
    use serde_json::json;

    fn config(seconds: u32) -> Arc<ServiceConfig> {
        let document = json!({"methodConfig": [{"name": [{"service": "a.B"}], "timeout": format!("{seconds}s")}]});
        Arc::new(ServiceConfig::from_value(&document).unwrap())
    }

    #[test]
    fn a_method_follows_what_is_selected() {
        let configs = ServiceConfigs::new("a.test".into(), None);
        let [known, other] = ["/a.B/C", "/x.Y/Z"].map(|path| Method::new(path, Kind::Unary, Uri::from_static(path)));
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
