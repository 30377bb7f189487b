//! The response as tonic reads it: framed messages, then trailers of a call that ended with OK.
use super::status;
use crate::channel::Call;
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame};
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tonic::Status;

/// Body of a response; dropping it cancels the call.
pub struct ResponseBody {
    call: Call<(), ()>,
    over: bool,
}

impl ResponseBody {
    pub(super) fn new(call: Call<(), ()>) -> Self {
        ResponseBody { call, over: false }
    }

    fn trailers(&self) -> HeaderMap {
        let mut trailers = HeaderMap::new();
        if let Some(metadata) = self.call.trailers() {
            metadata.extend_headers(&mut trailers);
        }
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        trailers
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.over {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(match ready!(self.call.poll_message(cx)) {
            Ok(Some(message)) => Ok(Frame::data(frame(&message))),
            Ok(None) => {
                self.over = true;
                Ok(Frame::trailers(self.trailers()))
            }
            Err(error) => {
                self.over = true;
                Err(status::from_error(error))
            }
        }))
    }
}

fn frame(message: &Bytes) -> Bytes {
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX)); // our own limit is below
    frame.put_slice(message);
    frame.freeze()
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").field("call", &self.call).finish()
    }
}
