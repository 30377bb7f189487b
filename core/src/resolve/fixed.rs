//! Targets that are addresses already.
use super::{Lookup, Resolved, Resolver};
use crate::transport::Address;
use std::future::ready;

/// Always the same addresses.
#[derive(Debug)]
pub(super) struct FixedResolver {
    addresses: Vec<Address>,
}

impl FixedResolver {
    pub(super) fn new(addresses: Vec<Address>) -> FixedResolver {
        FixedResolver { addresses }
    }
}

impl Resolver for FixedResolver {
    fn resolve(&self) -> Lookup {
        Box::pin(ready(Ok(Resolved::now(self.addresses.clone()))))
    }

    fn is_fixed(&self) -> bool {
        true
    }
}
