//! The methods that a host has registered: each crosses as its number from then on.
use crate::{
    call::{Context, Kind, Method},
    failure::{Evidence, Failure},
};
use std::sync::{Arc, PoisonError, RwLock};

/// See the module. A number is a place in the list.
#[derive(Debug, Default)]
pub(super) struct Methods(RwLock<Vec<Arc<Method>>>);

impl Methods {
    pub(super) fn register(&self, context: &Context, path: &str, kind: Kind) -> Result<u32, Failure> {
        let mut methods = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = methods.iter().position(|m| m.kind == kind && *m.path == *path) {
            return Ok(known as u32);
        }
        methods.push(Arc::new(context.method(path, kind)?));
        Ok(methods.len() as u32 - 1)
    }

    pub(super) fn get(&self, context: &Context, method: u32) -> Result<Arc<Method>, Failure> {
        let methods = self.0.read().unwrap_or_else(PoisonError::into_inner);
        methods.get(method as usize).cloned().ok_or_else(|| {
            let evidence = Evidence::Request { field: "method".into(), reason: "is not registered".into() };
            context.refuse(evidence, None)
        })
    }
}
