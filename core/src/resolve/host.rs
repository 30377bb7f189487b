//! Name resolution by the program itself.
use super::{Brought, Lookup, Resolved, Resolver, Target, target};
use crate::{
    failure::{Evidence, NameAnswer, ResolverProblem, ShownTarget},
    options::Secret,
};
use std::{future::Future, pin::Pin, sync::Arc};

/// A future that a [`ResolveHook`] returns.
pub type ResolveFuture<'a> = Pin<Box<dyn Future<Output = Result<Resolution, Evidence>> + Send + 'a>>;

/// Finds the addresses of a target instead of DNS.
pub trait ResolveHook: Send + Sync {
    /// What is known of `target`. It is asked again after failures and on the refresh period, as name servers are, and its
    /// future is dropped when nobody waits for it any more: after 30 s, or when the channel is closed. Nothing but an
    /// answer with an address is a success: an empty list is NAME_NOT_FOUND.
    fn resolve<'a>(&'a self, target: &'a str) -> ResolveFuture<'a>;
}

/// What a [`ResolveHook`] found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolution {
    /// `ip:port`, `[ip6]:port` or `unix:/path`, in the order in which they are to be tried.
    pub addresses: Vec<String>,
    /// The gRPC service config as its JSON document. It takes the place of the channel's own; one that is not valid is
    /// rejected whole (gRFC A21). Absent: the channel's own counts.
    pub service_config: Option<String>,
}

impl From<Vec<String>> for Resolution {
    fn from(addresses: Vec<String>) -> Self {
        Resolution { addresses, service_config: None }
    }
}

/// Asks the program.
pub(super) struct HostResolver {
    /// What it is asked.
    target: Secret<Arc<str>>,
    /// How failures name it.
    shown: ShownTarget,
    hook: Arc<dyn ResolveHook>,
}

impl HostResolver {
    pub(super) fn new(target: &Target, hook: Arc<dyn ResolveHook>) -> HostResolver {
        HostResolver { target: target.given().clone(), shown: target.shown().clone(), hook }
    }
}

impl Resolver for HostResolver {
    fn resolve(&self) -> Lookup {
        let (target, shown, hook) = (self.target.clone(), self.shown.clone(), self.hook.clone());
        Box::pin(async move { read(shown, hook.resolve(target.expose()).await?) })
    }

    fn brings_config(&self) -> bool {
        true
    }
}

fn read(host: ShownTarget, found: Resolution) -> Result<Resolved, Evidence> {
    if found.addresses.is_empty() {
        return Err(Evidence::Name { host, answer: NameAnswer::NoData });
    }
    let addresses: Option<Vec<_>> = found.addresses.iter().map(|text| target::address(text)).collect();
    let Some(addresses) = addresses else {
        return Err(Evidence::Resolver { host, problem: ResolverProblem::Plugin });
    };
    let service_config = match found.service_config.as_deref().map(serde_json::from_str) {
        None => Brought::Nothing,
        Some(Ok(document)) => Brought::read(&document),
        Some(Err(_)) => Brought::invalid("service_config", "is not JSON"),
    };
    Ok(Resolved { service_config, ..Resolved::now(addresses) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Address;

    fn answer(texts: &[&str]) -> Result<Vec<Address>, Evidence> {
        read("x:///y".into(), texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>().into())
            .map(|resolved| resolved.addresses)
    }

    #[test]
    fn addresses_are_read_in_order() {
        let addresses = answer(&["127.0.0.1:80", "[::1]:81", "unix:/run/s"]).unwrap();
        let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["127.0.0.1:80", "[::1]:81", "unix:/run/s"]);
    }

    #[test]
    fn none_is_no_data_and_nonsense_is_the_plugins_fault() {
        assert_eq!(answer(&[]), Err(Evidence::Name { host: "x:///y".into(), answer: NameAnswer::NoData }));
        for bad in ["localhost:80", "127.0.0.1", "", "unix:", "127.0.0.1:0"] {
            let expected = Evidence::Resolver { host: "x:///y".into(), problem: ResolverProblem::Plugin };
            assert_eq!(answer(&["127.0.0.1:80", bad]), Err(expected), "{bad}");
        }
    }

    #[test]
    fn a_service_config_may_come_along() {
        let brought = |text: &str| {
            let found = Resolution { addresses: vec!["127.0.0.1:80".into()], service_config: Some(text.into()) };
            read("x:///y".into(), found).unwrap().service_config
        };
        assert_eq!(brought("{}"), Brought::Config(Arc::default()));
        assert_eq!(brought("{"), Brought::invalid("service_config", "is not JSON"));
        let invalid = Brought::invalid("service_config.methodConfig", "must be a list");
        assert_eq!(brought(r#"{"methodConfig":1}"#), invalid);
    }
}
