//! TLS by rustls, and its failures as types. No rustls type is visible above `transport`.
mod classify;
mod config;
mod facts;
mod handshake;
mod leaf;
mod name;
mod presented;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use config::{TlsMaterial, TlsPem};
pub(super) use facts::Facts;
pub(super) use handshake::handshake;

use crate::failure::evidence::Evidence;
use std::sync::Arc;

/// Where a connection gets its TLS material, asked per connection so that reloading needs no new channel.
pub(crate) trait TlsSource: Send + Sync {
    /// # Errors
    /// The material cannot be used.
    fn material(&self) -> Result<Arc<TlsMaterial>, Box<Evidence>>;
}

impl TlsSource for Arc<TlsMaterial> {
    fn material(&self) -> Result<Arc<TlsMaterial>, Box<Evidence>> {
        Ok(self.clone())
    }
}
