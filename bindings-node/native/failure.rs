//! How a failure crosses.
use causewire::bridge::{Failed, Failure};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

/// What the TypeScript half makes an `RpcError` of.
#[napi(object)]
pub struct FailedParts {
    pub code: u32,
    /// The canonical record.
    pub json: String,
    /// The record in one line.
    pub line: String,
    pub details: String,
    pub status_details: Option<Buffer>,
    /// Packed.
    pub headers: Option<Buffer>,
    /// Packed.
    pub trailers: Buffer,
    pub peer: Option<String>,
    pub attempts: u32,
    pub unsent: u32,
}

impl From<Failed> for FailedParts {
    fn from(failed: Failed) -> Self {
        // Without `..`, so that a new field does not compile until it crosses.
        let Failed { failure, details, status_details, headers, trailers, peer, attempts, unsent } = failed;
        FailedParts {
            code: u32::from(failure.code().as_u8()),
            json: failure.to_json(),
            line: failure.line(),
            details,
            status_details: status_details.map(|bytes| Vec::from(bytes).into()),
            headers: headers.map(|headers| headers.pack().into()),
            trailers: trailers.pack().into(),
            peer: peer.map(|peer| peer.to_string()),
            attempts,
            unsent: u32::try_from(unsent).unwrap_or(u32::MAX),
        }
    }
}

impl From<Failure> for FailedParts {
    fn from(failure: Failure) -> Self {
        Failed::from(failure).into()
    }
}
