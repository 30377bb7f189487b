//! gRPC messages on an HTTP/2 stream: a flag, a length, a body (gRPC over HTTP/2, Length-Prefixed-Message).
mod deframer;
mod framed;
mod message;
#[cfg(test)]
mod tests;

pub(crate) use deframer::{Deframer, Frame};
pub(crate) use framed::Framed;
pub use message::Message;
pub(crate) use message::Outbound;

/// Bytes in front of each message: 1 for the compressed flag, 4 for the length, big-endian.
pub(crate) const PREFIX: usize = 5;
