//! One gRPC channel whose failures are values.
#![forbid(unsafe_code)]

#[allow(dead_code)] // until the layers above are there
mod clock;
/// What went wrong, as data.
pub mod failure {
    pub mod evidence;
}
#[allow(dead_code)] // until the layers above are there
mod rt;
#[allow(dead_code, unused_imports)] // until the layers above are there
mod transport;
