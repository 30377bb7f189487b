//! How responses are read: as bytes, or as a message type, as the users of a generated client do.
use bytes::{Buf, BufMut, Bytes};
use causewire::{Call, Channel, Request, Response, RpcError};
use prost::{
    DecodeError, Message,
    encoding::{DecodeContext, WireType},
};

/// One way to read responses. `Call<(), ()>` hands out bytes.
pub(crate) trait Reply: Sized {
    async fn unary(channel: &Channel, method: &str, request: Request<Bytes>) -> Result<Response<Bytes>, RpcError>;
    async fn next(call: &mut Call<(), Self>) -> Result<Option<Bytes>, RpcError>;
}

impl Reply for () {
    async fn unary(channel: &Channel, method: &str, request: Request<Bytes>) -> Result<Response<Bytes>, RpcError> {
        channel.unary_bytes(method, request).await
    }

    async fn next(call: &mut Call<(), Self>) -> Result<Option<Bytes>, RpcError> {
        call.message_bytes().await
    }
}

/// A message type that keeps the bytes it was read from.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Decoded<const REFUSES: bool>(Bytes);

/// Takes everything in protobuf's wire format, as a type does that knows no field of it.
pub(crate) type Protobuf = Decoded<false>;
/// A response type that nothing parses as.
pub(crate) type Refuses = Decoded<true>;

impl<const REFUSES: bool> Reply for Decoded<REFUSES> {
    async fn unary(channel: &Channel, method: &str, request: Request<Bytes>) -> Result<Response<Bytes>, RpcError> {
        let response = channel.unary::<Self, Self>(method, request.map(Decoded)).await?;
        let Response { message, headers, trailers, peer, attempts } = response;
        Ok(Response { message: message.0, headers, trailers, peer, attempts })
    }

    async fn next(call: &mut Call<(), Self>) -> Result<Option<Bytes>, RpcError> {
        Ok(call.message().await?.map(|message| message.0))
    }
}

impl<const REFUSES: bool> Message for Decoded<REFUSES> {
    fn decode(mut buf: impl Buf) -> Result<Self, DecodeError> {
        let bytes = buf.copy_to_bytes(buf.remaining());
        if REFUSES {
            // group end without a start: what prost itself says of broken input
            prost::encoding::skip_field(WireType::EndGroup, 1, &mut bytes.clone(), DecodeContext::default())?;
        }
        <()>::decode(bytes.clone())?;
        Ok(Decoded(bytes))
    }

    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.0);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        prost::encoding::skip_field(wire_type, tag, buf, context)
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}
