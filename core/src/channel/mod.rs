//! A channel: what connects a target, its options and its calls.
//!
//! `core` is the handle; `controller` is the one serial task behind it, which owns the resolver, the policy and the
//! subchannels. Calls never pass through it: they read the [`PickerCell`](crate::balance::PickerCell). `open` puts the
//! two together; `client` and `stream` are the face for Rust.
mod checks;
mod client;
#[cfg(test)]
mod config_tests;
mod controller;
mod core;
mod lookups;
mod method;
mod open;
mod orders;
mod ready;
mod selection;
mod stream;
#[cfg(test)]
mod tests;
mod unusable;

pub use self::core::Stats;
pub(crate) use self::core::{ChannelCore, Parts};
pub use client::{Channel, ChannelBuilder, Request, Response};
pub use method::{Method, MethodName};
pub(crate) use open::{Hooks, open, stats};
pub(crate) use ready::Readiness;
pub use stream::{Call, Sender};
