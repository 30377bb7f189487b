//! tonic's channel, with its defaults and a codec that carries bytes as they are.
use crate::load::{Client, Turns};
use bytes::{Buf, BufMut, Bytes};
use causewire_bench::{BIDI, DEADLINE, METADATA, PLACE, Result, SERVER_STREAM, UNARY, pb::Order};
use http::uri::PathAndQuery;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Status, Streaming,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

#[derive(Clone, Debug)]
pub(crate) struct Tonic(Channel);

fn request<T>(message: T) -> Result<Request<T>> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    for (key, value) in METADATA {
        request.metadata_mut().insert(key, value.parse()?);
    }
    Ok(request)
}

impl Tonic {
    async fn grpc(&self) -> Result<Grpc<Channel>> {
        let mut grpc = Grpc::new(self.0.clone());
        grpc.ready().await?;
        Ok(grpc)
    }
}

impl Client for Tonic {
    type Turns = TonicTurns;

    async fn open(address: &str) -> Result<Self> {
        Ok(Tonic(Endpoint::from_shared(format!("http://{address}"))?.connect().await?))
    }

    async fn place(&self, order: Order) -> Result<Order> {
        let (path, codec) = (PathAndQuery::from_static(PLACE), ProstCodec::default());
        Ok(self.grpc().await?.unary(request(order)?, path, codec).await?.into_inner())
    }

    async fn unary(&self, message: Bytes) -> Result<Bytes> {
        let path = PathAndQuery::from_static(UNARY);
        Ok(self.grpc().await?.unary(request(message)?, path, Raw).await?.into_inner())
    }

    async fn stream(&self, wish: Bytes) -> Result<u64> {
        let path = PathAndQuery::from_static(SERVER_STREAM);
        let mut messages = self.grpc().await?.server_streaming(request(wish)?, path, Raw).await?.into_inner();
        let mut received = 0;
        while messages.message().await?.is_some() {
            received += 1;
        }
        Ok(received)
    }

    async fn ping_pong(&self) -> Result<TonicTurns> {
        let (requests, receiver) = mpsc::channel(16);
        let path = PathAndQuery::from_static(BIDI);
        let response = self.grpc().await?.streaming(request(ReceiverStream::new(receiver))?, path, Raw).await?;
        Ok(TonicTurns { requests, responses: response.into_inner() })
    }
}

#[derive(Debug)]
pub(crate) struct TonicTurns {
    requests: mpsc::Sender<Bytes>,
    responses: Streaming<Bytes>,
}

impl Turns for TonicTurns {
    async fn turn(&mut self, message: Bytes) -> Result<Bytes> {
        self.requests.send(message).await?;
        self.responses.message().await?.ok_or_else(|| "the call ended".into())
    }

    async fn end(self) -> Result<()> {
        let TonicTurns { requests, mut responses } = self;
        drop(requests);
        responses.message().await?;
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> std::result::Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> std::result::Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
