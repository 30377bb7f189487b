//! gRPC messages of one HTTP/2 stream with their compressed flag.
use bytes::{Buf, BufMut, Bytes, BytesMut};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Response, header::CONTENT_TYPE};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use prost::Message;
use std::{
    convert::Infallible,
    io::{Read, Write},
};
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, body::Body};

const PREFIX: usize = 5;
/// Requests beyond this are refused, compressed or not.
const LARGEST: usize = 64 << 20;
/// Frames that wait for a slow reader beyond its flow-control window.
const QUEUE: usize = 4;

/// Reads the messages of a request.
pub(super) struct Reader {
    body: Incoming,
    buffer: BytesMut,
    gzip: bool,
}

impl Reader {
    pub(super) fn new(body: Incoming, headers: &HeaderMap) -> Self {
        Reader { body, buffer: BytesMut::new(), gzip: headers.get("grpc-encoding").is_some_and(|v| v == "gzip") }
    }

    /// The next message, and whether it came compressed.
    pub(super) async fn next<M: Message + Default>(&mut self) -> Result<Option<(M, bool)>, Status> {
        loop {
            if let Some((compressed, body)) = self.cut()? {
                let plain = if compressed { self.inflate(&body)? } else { body };
                let message = M::decode(plain).map_err(|e| Status::internal(e.to_string()))?;
                return Ok(Some((message, compressed)));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.buffer.extend(frame.into_data().unwrap_or_default()),
                Some(Err(error)) => return Err(Status::cancelled(error.to_string())),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(Status::internal("the request ends within a message")),
            }
        }
    }

    /// The one message of a request that is not streamed.
    pub(super) async fn only<M: Message + Default>(&mut self) -> Result<(M, bool), Status> {
        let first = self.next().await?.ok_or_else(|| Status::internal("no message"))?;
        match self.next::<M>().await? {
            None => Ok(first),
            Some(_) => Err(Status::internal("more than one message")),
        }
    }

    fn cut(&mut self) -> Result<Option<(bool, Bytes)>, Status> {
        let Some((mut prefix, rest)) = self.buffer.split_at_checked(PREFIX) else { return Ok(None) };
        let (flag, length) = (prefix.get_u8(), prefix.get_u32() as usize);
        if flag > 1 || length > LARGEST {
            return Err(Status::internal("a message prefix that cannot be"));
        }
        if rest.len() < length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        Ok(Some((flag == 1, self.buffer.split_to(length).freeze())))
    }

    fn inflate(&self, body: &[u8]) -> Result<Bytes, Status> {
        if !self.gzip {
            return Err(Status::unimplemented("only gzip is understood"));
        }
        let mut plain = vec![];
        let read = GzDecoder::new(body).take(LARGEST as u64 + 1).read_to_end(&mut plain);
        match read {
            Ok(length) if length <= LARGEST => Ok(plain.into()),
            _ => Err(Status::internal("a message that cannot be decompressed")),
        }
    }
}

/// Writes the messages of a response.
pub(super) struct Writer {
    frames: Sender<Result<Frame<Bytes>, Infallible>>,
    gzip: bool,
}

/// The head of the response is sent at once.
pub(super) fn response(request: &HeaderMap, metadata: HeaderMap) -> (Writer, Response<Body>) {
    let accepted = request.get("grpc-accept-encoding").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let gzip = accepted.split(',').any(|name| name.trim() == "gzip");
    let (frames, receiver) = channel(QUEUE);
    let mut response = Response::new(Body::new(StreamBody::new(ReceiverStream::new(receiver))));
    *response.headers_mut() = metadata;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    if gzip {
        response.headers_mut().insert("grpc-encoding", HeaderValue::from_static("gzip"));
    }
    (Writer { frames, gzip }, response)
}

impl Writer {
    pub(super) async fn send(&self, message: &impl Message, compress: bool) -> Result<(), Status> {
        let compress = compress && self.gzip;
        let plain = message.encode_to_vec();
        let body = if compress { deflated(&plain).map_err(|e| Status::internal(e.to_string()))? } else { plain };
        let mut framed = BytesMut::with_capacity(PREFIX + body.len());
        framed.put_u8(compress.into());
        framed.put_u32(u32::try_from(body.len()).map_err(|_| Status::internal("a message of 4 GiB"))?);
        framed.extend(body);
        let gone = |_| Status::cancelled("the client has gone");
        self.frames.send(Ok(Frame::data(framed.freeze()))).await.map_err(gone)
    }

    /// Ends the response.
    pub(super) async fn end(self, ended: Result<(), Status>, mut trailers: HeaderMap) {
        let status = ended.err().unwrap_or_else(|| Status::ok(""));
        if status.add_header(&mut trailers).is_ok() {
            // A client that has gone needs no trailers.
            let _ = self.frames.send(Ok(Frame::trailers(trailers))).await;
        }
    }
}

fn deflated(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(vec![], Compression::default());
    encoder.write_all(plain)?;
    encoder.finish()
}
