//! Message compression: gzip (RFC 1952), deflate in its zlib form (RFC 1950, as gRPC means it) and zstd (RFC 8878).
//!
//! Each message has its own context (doc/compression.md). Decompression never holds more than its limit and one byte.
mod inflate;
#[cfg(test)]
mod tests;

pub use inflate::{DecompressError, decompress};

use std::io::{self, Write};

use bytes::Bytes;
use flate2::{Compression as Level, write::GzEncoder, write::ZlibEncoder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An algorithm of `grpc-encoding`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Compression {
    /// None.
    #[default]
    Identity,
    /// gzip.
    Gzip,
    /// zlib.
    Deflate,
    /// Zstandard.
    #[cfg(feature = "zstd")]
    Zstd,
}

impl Compression {
    /// Every algorithm of this build.
    pub const ALL: &'static [Self] = &[
        Self::Identity,
        Self::Gzip,
        Self::Deflate,
        #[cfg(feature = "zstd")]
        Self::Zstd,
    ];

    /// The name in `grpc-encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            #[cfg(feature = "zstd")]
            Self::Zstd => "zstd",
        }
    }

    /// The algorithm of this name, if this build has it.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }
}

/// The value of `grpc-accept-encoding`: what [`decompress`] can read.
pub const fn accept_encoding() -> &'static str {
    if cfg!(feature = "zstd") { "identity,gzip,deflate,zstd" } else { "identity,gzip,deflate" }
}

/// Compresses one message. `None` when the algorithm failed, which it does for want of memory only; send the message
/// as it is then.
pub fn compress(algorithm: Compression, message: &[u8]) -> Option<Bytes> {
    let compressed = match algorithm {
        Compression::Identity => return Some(Bytes::copy_from_slice(message)),
        Compression::Gzip => encode(GzEncoder::new(Vec::new(), Level::default()), message, GzEncoder::finish),
        Compression::Deflate => encode(ZlibEncoder::new(Vec::new(), Level::default()), message, ZlibEncoder::finish),
        #[cfg(feature = "zstd")]
        Compression::Zstd => zstd::bulk::compress(message, zstd::DEFAULT_COMPRESSION_LEVEL),
    };
    compressed.ok().map(Bytes::from)
}

fn encode<W: Write>(
    mut encoder: W,
    message: &[u8],
    finish: impl FnOnce(W) -> io::Result<Vec<u8>>,
) -> io::Result<Vec<u8>> {
    encoder.write_all(message)?;
    finish(encoder)
}
