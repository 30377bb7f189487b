//! How a call ends.
use crate::{failure::Failure, metadata::Metadata, status::Code, transport::Message};
use bytes::Bytes;
use std::{fmt, sync::Arc};

/// The end of a call. A failure is boxed: it costs nothing until it happens.
pub type Outcome = Result<Reply, Box<Failed>>;

/// A call that the server answered with OK.
#[derive(Debug)]
pub struct Reply {
    /// The one response of a unary or client-streaming call; streamed ones were delivered before.
    pub message: Option<Message>,
    /// Response headers.
    pub headers: Metadata,
    /// Trailers, without those that carry the status.
    pub trailers: Metadata,
    /// Address of the server that answered.
    pub peer: Option<Arc<str>>,
    /// Attempts made, transparent ones included.
    pub attempts: u32,
}

/// A call that ended with any other status, whoever made it.
#[derive(Clone)]
pub struct Failed {
    /// What failed, where, whether a retry is safe and what to do.
    pub failure: Failure,
    /// The server's exact grpc-message, or one line of ours.
    pub details: String,
    /// The server's serialized `google.rpc.Status`.
    pub status_details: Option<Bytes>,
    /// Response headers.
    pub headers: Option<Metadata>,
    /// Trailers, without those that carry the status.
    pub trailers: Metadata,
    /// Address of the server that was talked to last.
    pub peer: Option<Arc<str>>,
    /// Attempts made, transparent ones included.
    pub attempts: u32,
    /// Request messages that were accepted from the caller and never handed to the wire.
    pub unsent: usize,
}

impl Failed {
    /// A failure that no server had a part in.
    pub(crate) fn local(failure: Failure) -> Self {
        let details = failure.line();
        Failed {
            failure,
            details,
            status_details: None,
            headers: None,
            trailers: Metadata::default(),
            peer: None,
            attempts: 0,
            unsent: 0,
        }
    }

    /// The gRPC status code.
    pub fn code(&self) -> Code {
        self.failure.code()
    }
}

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failed")
            .field("failure", &self.failure)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}
