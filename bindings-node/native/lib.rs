//! The native half of the npm package `causewire`: it moves calls into the core and news out of it, and decides
//! nothing. The TypeScript half makes classes, promises and iterators of what crosses here.
//!
//! One [`border::Border`] per JavaScript environment holds the environment's queue, so workers share no state. Its news
//! cross in batches, one call into JavaScript per batch; [`batch`] describes their layout.
#![allow(
    missing_debug_implementations,
    unreachable_pub,
    reason = "nothing links this crate: what is public in it is public to JavaScript"
)]
mod batch;
mod border;
mod channel;
mod failure;
mod memory;
