//! The status of a call: read from response headers, trailers, an HTTP status, a reset code, or from nothing.
//!
//! Rules: PROTOCOL-HTTP2.md, doc/http-grpc-status-mapping.md, doc/statuscodes.md. The code is never lost to a bad
//! message or to bad details.
pub mod decode;
pub mod details;
pub mod percent;
mod proto;
#[cfg(test)]
mod tests;

pub use self::decode::{Decoded, DetailsBin, Foreign, Head};
pub use crate::failure::Code;
