//! The floor: calls on the `h2` crate itself, with the headers that a gRPC call has and no care for failures.
use crate::load::{Client, Turns};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use causewire_bench::{BIDI, METADATA, PLACE, Result, SERVER_STREAM, UNARY, pb::Order};
use h2::{
    RecvStream, SendStream,
    client::{self, SendRequest},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use prost::Message;
use std::io::IoSlice;
use tokio::net::TcpStream;

/// Causewire's.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
const MAX_FRAME: u32 = 256 << 10;
const PREFIX: usize = 5;

#[derive(Clone, Debug)]
pub(crate) struct Floor {
    send: SendRequest<Framed>,
    authority: String,
}

impl Floor {
    async fn start(&self, path: &'static str) -> Result<(SendStream<Framed>, client::ResponseFuture)> {
        let uri = Uri::builder().scheme("http").authority(self.authority.as_str()).path_and_query(path).build()?;
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = headers()?;
        let (response, stream) = self.send.clone().ready().await?.send_request(request, false)?;
        Ok((stream, response))
    }

    async fn call(&self, path: &'static str, message: Bytes) -> Result<Bytes> {
        let (mut stream, response) = self.start(path).await?;
        stream.send_data(Framed::new(message), true)?;
        let mut body = response.await?.into_body();
        let mut reader = Reader::default();
        while reader.read(&mut body).await? {}
        ended(&mut body).await?;
        reader.message().ok_or_else(|| "no message".into())
    }
}

fn headers() -> Result<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert("te", HeaderValue::from_static("trailers"));
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    headers.insert("user-agent", HeaderValue::from_static("floor"));
    headers.insert("grpc-timeout", HeaderValue::from_static("30S"));
    for (key, value) in METADATA {
        headers.insert(HeaderName::from_static(key), HeaderValue::from_str(value)?);
    }
    Ok(headers)
}

impl Client for Floor {
    type Turns = FloorTurns;

    async fn open(address: &str) -> Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let mut builder = client::Builder::new();
        builder
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(MAX_FRAME)
            .enable_push(false);
        let (send, connection) = builder.handshake(socket).await?;
        tokio::spawn(connection);
        Ok(Floor { send, authority: address.to_owned() })
    }

    async fn unary(&self, message: Bytes) -> Result<Bytes> {
        self.call(UNARY, message).await
    }

    async fn place(&self, order: Order) -> Result<Order> {
        Ok(Order::decode(self.call(PLACE, order.encode_to_vec().into()).await?)?)
    }

    async fn stream(&self, wish: Bytes) -> Result<u64> {
        let (mut stream, response) = self.start(SERVER_STREAM).await?;
        stream.send_data(Framed::new(wish), true)?;
        let mut body = response.await?.into_body();
        let (mut reader, mut received) = (Reader::default(), 0);
        while reader.read(&mut body).await? {
            while reader.message().is_some() {
                received += 1;
            }
        }
        ended(&mut body).await?;
        Ok(received)
    }

    async fn ping_pong(&self) -> Result<FloorTurns> {
        let (stream, response) = self.start(BIDI).await?;
        Ok(FloorTurns { stream, body: response.await?.into_body(), reader: Reader::default() })
    }
}

async fn ended(body: &mut RecvStream) -> Result<()> {
    let trailers = body.trailers().await?.unwrap_or_default();
    match trailers.get("grpc-status") {
        Some(status) if status == "0" => Ok(()),
        status => Err(format!("{status:?}").into()),
    }
}

#[derive(Debug)]
pub(crate) struct FloorTurns {
    stream: SendStream<Framed>,
    body: RecvStream,
    reader: Reader,
}

impl Turns for FloorTurns {
    async fn turn(&mut self, message: Bytes) -> Result<Bytes> {
        self.stream.send_data(Framed::new(message), false)?;
        loop {
            if let Some(message) = self.reader.message() {
                return Ok(message);
            }
            if !self.reader.read(&mut self.body).await? {
                return Err("the call ended".into());
            }
        }
    }

    async fn end(mut self) -> Result<()> {
        self.stream.send_data(Framed { prefix: [0; PREFIX], sent: PREFIX, body: Bytes::new() }, true)?;
        while self.reader.read(&mut self.body).await? {}
        ended(&mut self.body).await
    }
}

/// Takes messages out of DATA: from one frame without a copy, from several with one.
#[derive(Debug, Default)]
struct Reader {
    first: Bytes,
    joined: BytesMut,
}

impl Reader {
    /// False: the stream has ended.
    async fn read(&mut self, body: &mut RecvStream) -> Result<bool> {
        let Some(data) = body.data().await.transpose()? else { return Ok(false) };
        body.flow_control().release_capacity(data.len())?;
        if self.first.is_empty() && self.joined.is_empty() {
            self.first = data;
            return Ok(true);
        }
        if self.joined.is_empty() {
            self.joined.reserve(self.first.len().max(wanted(&self.first).unwrap_or(0) + PREFIX));
            self.joined.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.joined.extend_from_slice(&data);
        Ok(true)
    }

    fn message(&mut self) -> Option<Bytes> {
        let held = if self.joined.is_empty() { &self.first[..] } else { &self.joined[..] };
        let length = wanted(held)?;
        if held.len() < PREFIX + length {
            return None;
        }
        if self.joined.is_empty() {
            self.first.advance(PREFIX);
            return Some(self.first.split_to(length));
        }
        self.joined.advance(PREFIX);
        Some(self.joined.split_to(length).freeze())
    }
}

fn wanted(held: &[u8]) -> Option<usize> {
    let [_, a, b, c, d] = *held.first_chunk::<PREFIX>()?;
    Some(u32::from_be_bytes([a, b, c, d]) as usize)
}

/// Prefix and body as two chunks, for one `writev`.
#[derive(Debug)]
pub(crate) struct Framed {
    prefix: [u8; PREFIX],
    sent: usize,
    body: Bytes,
}

impl Framed {
    fn new(body: Bytes) -> Self {
        let mut prefix = [0; PREFIX];
        (&mut prefix[1..]).put_u32(body.len() as u32);
        Framed { prefix, sent: 0, body }
    }
}

impl Buf for Framed {
    fn remaining(&self) -> usize {
        PREFIX - self.sent + self.body.len()
    }

    fn chunk(&self) -> &[u8] {
        if self.sent < PREFIX { &self.prefix[self.sent..] } else { &self.body }
    }

    fn advance(&mut self, n: usize) {
        let head = n.min(PREFIX - self.sent);
        self.sent += head;
        self.body.advance(n - head);
    }

    fn chunks_vectored<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        let chunks = [&self.prefix[self.sent..], &self.body[..]].into_iter().filter(|chunk| !chunk.is_empty());
        out.iter_mut().zip(chunks).map(|(slot, chunk)| *slot = IoSlice::new(chunk)).count()
    }
}
