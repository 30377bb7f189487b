//! The border between the core and Swift: synchronous functions, one packed buffer per batch, one call back per batch.
//!
//! `interface` is what crosses, and the only file that UniFFI's generated Swift depends on; the facade in
//! `Sources/Causewire` is what users see. Nothing here decides anything.
mod batch;
pub mod failure;
pub mod interface;
pub mod memory;

uniffi::setup_scaffolding!("CausewireCore");
