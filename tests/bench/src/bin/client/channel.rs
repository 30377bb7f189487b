//! Causewire's public channel.
use crate::load::{Client, Turns};
use bytes::Bytes;
use causewire::{Call, Channel, ChannelOptions, Kind, Metadata, Request};
use causewire_bench::{BIDI, DEADLINE, METADATA, PLACE, Result, SERVER_STREAM, UNARY, pb::Order};

#[derive(Clone, Debug)]
pub(crate) struct Causewire(Channel);

fn request<T>(message: T) -> Result<Request<T>> {
    let mut metadata = Metadata::new();
    for (key, value) in METADATA {
        metadata.append(key, value.as_bytes()).map_err(|fault| format!("{fault:?}"))?;
    }
    Ok(Request::new(message).metadata(metadata).timeout(DEADLINE))
}

impl Client for Causewire {
    type Turns = Call<(), ()>;

    async fn open(address: &str) -> Result<Self> {
        let options = ChannelOptions { tls: None, ..ChannelOptions::default() };
        Ok(Causewire(Channel::builder(address).options(options).build()?))
    }

    async fn place(&self, order: Order) -> Result<Order> {
        Ok(self.0.unary(PLACE, request(order)?).await?.message)
    }

    async fn unary(&self, message: Bytes) -> Result<Bytes> {
        Ok(self.0.unary_bytes(UNARY, request(message)?).await?.message)
    }

    async fn stream(&self, wish: Bytes) -> Result<u64> {
        let mut call = self.0.start::<(), ()>(SERVER_STREAM, Kind::ServerStreaming, request(Some(wish))?)?;
        let mut received = 0;
        while call.message_bytes().await?.is_some() {
            received += 1;
        }
        Ok(received)
    }

    async fn ping_pong(&self) -> Result<Call<(), ()>> {
        Ok(self.0.start(BIDI, Kind::Bidi, request(None)?)?)
    }
}

impl Turns for Call<(), ()> {
    async fn turn(&mut self, message: Bytes) -> Result<Bytes> {
        self.send_bytes(message).await?;
        self.message_bytes().await?.ok_or_else(|| "the call ended".into())
    }

    async fn end(mut self) -> Result<()> {
        self.close_send();
        self.message_bytes().await?;
        Ok(())
    }
}
