//! The error of Rust users.
use crate::{
    call::Failed,
    failure::Failure,
    metadata::{Metadata, MetadataFault},
    status::Code,
};
use std::{error::Error, fmt};

/// A call that failed, or a channel that could not be built. One pointer; its [`Failure`] says everything.
pub struct RpcError(Box<Failed>);

impl RpcError {
    /// What failed, where, whether a retry is safe and what to do.
    pub fn failure(&self) -> &Failure {
        &self.0.failure
    }

    /// The gRPC status code.
    pub fn code(&self) -> Code {
        self.0.failure.code()
    }

    /// The server's exact grpc-message, or one line of ours.
    pub fn details(&self) -> &str {
        &self.0.details
    }

    /// The server's serialized `google.rpc.Status`.
    pub fn status_details(&self) -> Option<&bytes::Bytes> {
        self.0.status_details.as_ref()
    }

    /// Response headers, if the call got that far.
    pub fn headers(&self) -> Option<&Metadata> {
        self.0.headers.as_ref()
    }

    /// Trailers, empty if there were none.
    pub fn trailers(&self) -> &Metadata {
        &self.0.trailers
    }

    /// Address of the server that was talked to last.
    pub fn peer(&self) -> Option<&str> {
        self.0.peer.as_deref()
    }

    /// Attempts made.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Request messages that were accepted from the caller and never sent.
    pub fn unsent(&self) -> usize {
        self.0.unsent
    }
}

impl From<Box<Failed>> for RpcError {
    fn from(failed: Box<Failed>) -> Self {
        RpcError(failed)
    }
}

impl From<MetadataFault> for RpcError {
    fn from(fault: MetadataFault) -> Self {
        Failure::from(fault.evidence()).into()
    }
}

impl From<Failure> for RpcError {
    fn from(failure: Failure) -> Self {
        RpcError(Box::new(Failed::local(failure)))
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.failure.fmt(f)
    }
}

impl fmt::Debug for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RpcError({})", self.0.failure)
    }
}

impl Error for RpcError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.failure.record().underlying.as_ref().map(|failure| failure as _)
    }
}
