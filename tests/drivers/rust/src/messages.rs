//! Raw bytes as prost messages, so that calls go through the typed API as a user's would.
use bytes::{Buf, BufMut};
use prost::{
    DecodeError, Message,
    encoding::{DecodeContext, WireType},
};

/// A response type that nothing parses as.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Refuses;

impl Message for Refuses {
    fn encode_raw(&self, _: &mut impl BufMut) {}

    fn merge_field(&mut self, _: u32, _: WireType, buf: &mut impl Buf, _: DecodeContext) -> Result<(), DecodeError> {
        // group end without a start: what prost itself says of broken input
        prost::encoding::skip_field(WireType::EndGroup, 1, buf, DecodeContext::default())
    }

    fn encoded_len(&self) -> usize {
        0
    }

    fn clear(&mut self) {}
}
