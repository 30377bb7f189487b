//! Our error as tonic's status, which carries ours as its source.
use crate::{RpcError, metadata::Metadata};
use http::HeaderMap;
use std::sync::Arc;
use tonic::{Code, Status, metadata::MetadataMap};

pub(super) fn from_error(error: RpcError) -> Status {
    let mut status = Status::with_details_and_metadata(
        Code::from_i32(i32::from(error.code().as_u8())),
        error.details(),
        error.status_details().cloned().unwrap_or_default(),
        metadata(error.trailers()),
    );
    status.set_source(Arc::new(error));
    status
}

fn metadata(trailers: &Metadata) -> MetadataMap {
    let mut headers = HeaderMap::new();
    trailers.clone().extend_headers(&mut headers);
    MetadataMap::from_headers(headers)
}
