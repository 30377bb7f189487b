//! Scripted callbacks: the next entry per use, the last one again and again.
use crate::request::{Hooks, Reading};
use causewire::{
    Secret,
    credentials::{Provider, ProviderError, TokenFuture, TokenRequest},
    failure::{Evidence, ResolverProblem},
    resolve::{Resolution, ResolveFuture, ResolveHook},
};
use serde_json::Value;
use std::sync::{Mutex, PoisonError};

pub(crate) struct Script {
    token: Option<Steps>,
    addresses: Option<Steps>,
    pub(crate) deserialize: Reading,
}

struct Steps(Mutex<Vec<Value>>);

impl Script {
    pub(crate) fn new(hooks: Hooks) -> Self {
        Script {
            token: hooks.token.map(Steps::new),
            addresses: hooks.addresses.map(Steps::new),
            deserialize: hooks.deserialize,
        }
    }

    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    pub(crate) fn has_addresses(&self) -> bool {
        self.addresses.is_some()
    }
}

impl Steps {
    fn new(mut entries: Vec<Value>) -> Self {
        entries.reverse();
        Steps(Mutex::new(entries))
    }

    /// `None`: the callback throws. An entry that hangs does not come back.
    async fn next(&self) -> Option<Value> {
        let entry = {
            let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if left.len() > 1 { left.pop() } else { left.last().cloned() }
        };
        match entry {
            Some(Value::Object(entry)) if entry.contains_key("hang") => std::future::pending().await,
            Some(Value::Object(entry)) if entry.contains_key("error") => None,
            value => value,
        }
    }
}

impl Provider for Script {
    fn name(&self) -> &str {
        "token_provider"
    }

    fn token(&self, _: TokenRequest) -> TokenFuture<'_> {
        Box::pin(async move {
            let steps = self.token.as_ref().ok_or(ProviderError::Refused)?;
            let token = steps.next().await.and_then(|v| v.as_str().map(str::to_owned));
            token.map(Secret::new).ok_or(ProviderError::Refused)
        })
    }
}

impl ResolveHook for Script {
    fn resolve<'a>(&'a self, target: &'a str) -> ResolveFuture<'a> {
        Box::pin(async move {
            let failed = || Evidence::Resolver { host: target.into(), problem: ResolverProblem::Plugin };
            let steps = self.addresses.as_ref().ok_or_else(failed)?;
            let found = match steps.next().await {
                Some(Value::Object(mut entry)) => entry.remove("addresses").zip(Some(entry.remove("service_config"))),
                Some(list) => Some((list, None)),
                None => None,
            };
            let (addresses, config) = found.ok_or_else(failed)?;
            let addresses = serde_json::from_value(addresses).map_err(|_| failed())?;
            Ok(Resolution { addresses, service_config: config.map(|config| config.to_string()) })
        })
    }
}
