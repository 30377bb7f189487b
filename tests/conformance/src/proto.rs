//! What the suite and its client say to each other, and the details of an error.
// Generated from whole files, of which a client says a part.
#![allow(clippy::doc_lazy_continuation, dead_code, unreachable_pub)]

pub(crate) mod rpc {
    include!(concat!(env!("OUT_DIR"), "/google.rpc.rs"));
}

mod suite {
    include!(concat!(env!("OUT_DIR"), "/connectrpc.conformance.v1.rs"));
}

pub(crate) use suite::*;
