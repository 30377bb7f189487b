//! A service without message types: bytes in, bytes out.
use crate::pb::raw_service::echo_server::Echo;
use bytes::{Buf, Bytes};
use tokio_stream::Iter;
use tonic::{Request, Response, Status, Streaming};

#[derive(Clone, Copy, Debug)]
pub(crate) struct RawEcho;

/// The same message, `left` times.
#[derive(Debug)]
pub(crate) struct Repeat {
    message: Bytes,
    left: u32,
}

impl Iterator for Repeat {
    type Item = Result<Bytes, Status>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(Ok(self.message.clone()))
    }
}

#[tonic::async_trait]
impl Echo for RawEcho {
    type ServerStreamStream = Iter<Repeat>;
    type BidiStream = Streaming<Bytes>;

    async fn unary(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    /// The request opens with two little-endian 32-bit numbers: how many messages, and of how many bytes.
    async fn server_stream(&self, request: Request<Bytes>) -> Result<Response<Self::ServerStreamStream>, Status> {
        let mut wish = request.into_inner();
        if wish.len() < 8 {
            return Err(Status::invalid_argument("count and size, 4 bytes each, little-endian"));
        }
        let (left, size) = (wish.get_u32_le(), wish.get_u32_le());
        let message = Bytes::from(vec![b'x'; size as usize]);
        Ok(Response::new(tokio_stream::iter(Repeat { message, left })))
    }

    async fn bidi(&self, request: Request<Streaming<Bytes>>) -> Result<Response<Self::BidiStream>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}
