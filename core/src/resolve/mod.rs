//! STUB
use crate::failure::Evidence;
use std::{future::Future, pin::Pin};
pub type ResolveFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<String>, Evidence>> + Send + 'a>>;
pub trait ResolveHook: Send + Sync {
    fn resolve<'a>(&'a self, target: &'a str) -> ResolveFuture<'a>;
}
