//! Name resolution by the program itself.
use super::{Lookup, Resolved, Resolver, target};
use crate::{
    clock,
    failure::{Evidence, NameAnswer, ResolverProblem},
};
use std::{future::Future, pin::Pin, sync::Arc};

/// A future that a [`ResolveHook`] returns.
pub type ResolveFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<String>, Evidence>> + Send + 'a>>;

/// Finds the addresses of a target instead of DNS.
pub trait ResolveHook: Send + Sync {
    /// The addresses of `target` as `ip:port`, `[ip6]:port` or `unix:/path`, in the order in which they are to be tried.
    /// It is asked again after failures, and its future is dropped when nobody waits for it any more.
    fn resolve<'a>(&'a self, target: &'a str) -> ResolveFuture<'a>;
}

/// Asks the program.
pub(super) struct HostResolver {
    target: Arc<str>,
    hook: Arc<dyn ResolveHook>,
}

impl HostResolver {
    pub(super) fn new(target: Arc<str>, hook: Arc<dyn ResolveHook>) -> HostResolver {
        HostResolver { target, hook }
    }
}

impl Resolver for HostResolver {
    fn resolve(&self) -> Lookup {
        let (target, hook) = (self.target.clone(), self.hook.clone());
        Box::pin(async move { read(&target, hook.resolve(&target).await?) })
    }
}

fn read(target: &str, texts: Vec<String>) -> Result<Resolved, Evidence> {
    if texts.is_empty() {
        return Err(Evidence::Name { host: target.to_owned(), answer: NameAnswer::NoData });
    }
    let addresses: Option<Vec<_>> = texts.iter().map(|text| target::address(text)).collect();
    match addresses {
        Some(addresses) => Ok(Resolved { addresses, at: clock::now() }),
        None => Err(Evidence::Resolver { host: target.to_owned(), problem: ResolverProblem::Plugin }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Address;

    fn answer(texts: &[&str]) -> Result<Vec<Address>, Evidence> {
        read("x:///y", texts.iter().map(|text| (*text).to_owned()).collect()).map(|resolved| resolved.addresses)
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
}
