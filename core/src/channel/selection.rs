//! Which service config counts (gRFC A21): pure.
use crate::{
    failure::Evidence,
    options::{ChannelOptions, ServiceConfig},
    resolve::Brought,
};
use std::sync::Arc;

/// Of one channel, over all answers of its resolver.
#[derive(Debug)]
pub(super) struct Selection {
    /// The program's: counts while the resolver brings none.
    own: Option<Arc<ServiceConfig>>,
    selected: Option<Arc<ServiceConfig>>,
}

/// What follows from an answer.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    /// As before.
    Keep,
    /// From now on this one.
    Change(Arc<ServiceConfig>),
    /// What came is not valid; as before.
    Rejected(Evidence),
    /// What came is not valid, and this takes the place of a config that was never there.
    FallBack(Arc<ServiceConfig>, Evidence),
    /// What came is not valid, and there is nothing to go on with: as if the lookup had failed.
    Failed(Evidence),
}

impl Selection {
    pub(super) fn new(own: Option<Arc<ServiceConfig>>) -> Selection {
        Selection { own, selected: None }
    }

    pub(super) fn hear(&mut self, brought: Brought) -> Heard {
        let next = match (brought, &self.selected, &self.own) {
            (Brought::Nothing, ..) | (Brought::Unknown, None, _) => self.own.clone().unwrap_or_default(),
            (Brought::Config(config), ..) => config,
            (Brought::Unknown, Some(_), _) => return Heard::Keep,
            (Brought::Invalid(evidence), Some(_), _) => return Heard::Rejected(evidence),
            (Brought::Invalid(evidence), None, None) => return Heard::Failed(evidence),
            (Brought::Invalid(evidence), None, Some(own)) => {
                let own = own.clone();
                self.selected = Some(own.clone());
                return Heard::FallBack(own, evidence);
            }
        };
        if self.selected.as_ref() == Some(&next) {
            return Heard::Keep;
        }
        self.selected = Some(next.clone());
        Heard::Change(next)
    }

    /// What counts at this moment, as far as it is known.
    pub(super) fn now(&self) -> Arc<ServiceConfig> {
        self.selected.clone().or_else(|| self.own.clone()).unwrap_or_default()
    }
}

/// What the service config asks for, as far as the channel allows it (gRFC A105).
pub(super) fn most_connections(options: &ChannelOptions, config: &ServiceConfig) -> u32 {
    let scaling = config.connection_scaling.as_ref();
    let wanted = scaling.and_then(|scaling| scaling.max_connections_per_subchannel).unwrap_or(1);
    wanted.min(options.max_connections_per_subchannel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(service: &str) -> Arc<ServiceConfig> {
        let document = json!({"methodConfig": [{"name": [{"service": service}]}]});
        Arc::new(ServiceConfig::from_value(&document).unwrap())
    }

    fn invalid() -> Evidence {
        Evidence::ServiceConfig { field: "service_config.methodConfig".into(), reason: "must be a list".into() }
    }

    #[test]
    fn a_config_of_the_resolver_comes_before_the_programs_own() {
        let mut selection = Selection::new(Some(config("own")));
        assert_eq!(selection.now(), config("own"));
        assert_eq!(selection.hear(Brought::Config(config("a"))), Heard::Change(config("a")));
        assert_eq!(selection.hear(Brought::Config(config("a"))), Heard::Keep);
        assert_eq!(selection.hear(Brought::Nothing), Heard::Change(config("own")));
        assert_eq!(selection.hear(Brought::Unknown), Heard::Keep);
        assert_eq!(selection.now(), config("own"));
    }

    #[test]
    fn an_invalid_one_is_rejected_whole_and_the_last_one_kept() {
        let mut selection = Selection::new(None);
        assert_eq!(selection.hear(Brought::Invalid(invalid())), Heard::Failed(invalid()));
        assert_eq!(selection.hear(Brought::Config(config("a"))), Heard::Change(config("a")));
        assert_eq!(selection.hear(Brought::Invalid(invalid())), Heard::Rejected(invalid()));
        assert_eq!(selection.now(), config("a"));
    }

    #[test]
    fn no_config_is_a_selection_too() {
        let mut selection = Selection::new(None);
        assert_eq!(selection.hear(Brought::Nothing), Heard::Change(Arc::default()));
        assert_eq!(selection.hear(Brought::Invalid(invalid())), Heard::Rejected(invalid()));
        let mut selection = Selection::new(None);
        assert_eq!(selection.hear(Brought::Unknown), Heard::Change(Arc::default()), "better than to fail for ever");
    }

    #[test]
    fn the_programs_own_is_what_a_bad_start_falls_back_on() {
        let mut selection = Selection::new(Some(config("own")));
        assert_eq!(selection.hear(Brought::Invalid(invalid())), Heard::FallBack(config("own"), invalid()));
        assert_eq!(selection.hear(Brought::Invalid(invalid())), Heard::Rejected(invalid()));
    }
}
