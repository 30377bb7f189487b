//! One gRPC channel whose failures are values.
#![forbid(unsafe_code)]

#[allow(dead_code)] // until the layers above are there
mod clock;
pub mod compress;
pub mod failure;
pub mod metadata;
#[allow(dead_code)] // until the layers above are there
pub mod observe;
pub mod options;
#[allow(dead_code)] // until the layers above are there
mod rt;
pub mod status;
#[allow(dead_code, unused_imports)] // until the layers above are there
mod transport;
