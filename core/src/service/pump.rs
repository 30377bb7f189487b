//! tonic's request body, taken apart into messages.
use crate::{
    call::Sent,
    channel::Sender,
    compress::{self, Compression},
    transport::{Outbound, framing::Deframer},
};
use bytes::Bytes;
use http_body::Body;
use std::{future::poll_fn, pin::pin};

/// Sends every message of the body, and lets go of it when the call ends first, however long it has nothing to say.
pub(super) async fn pump<B>(body: B, sender: Sender, compression: Compression)
where
    B: Body<Data = Bytes> + Send + 'static,
{
    tokio::select! {
        biased;
        () = send_all(body, &sender, compression) => {}
        () = sender.ended() => {}
    }
}

/// A body that breaks off cancels the call: the server must not take it for complete.
async fn send_all<B>(body: B, sender: &Sender, compression: Compression)
where
    B: Body<Data = Bytes> + Send + 'static,
{
    let mut body = pin!(body);
    let mut deframer = Deframer::new(usize::MAX);
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await.map(|frame| frame.map_err(drop)) {
        let Ok(frame) = frame else { return sender.cancel() };
        let Ok(data) = frame.into_data() else { continue };
        deframer.push(data);
        loop {
            match next(&mut deframer, compression) {
                Ok(None) => break,
                Err(()) => return sender.cancel(),
                Ok(Some(message)) => {
                    if !matches!(sender.hand_over(message).await, Sent::Accepted | Sent::Full) {
                        return;
                    }
                }
            }
        }
    }
    sender.close();
}

fn next(deframer: &mut Deframer, compression: Compression) -> Result<Option<Outbound>, ()> {
    let Some(frame) = deframer.next().map_err(drop)? else { return Ok(None) };
    let bytes = frame.message.into_bytes();
    if !frame.compressed {
        return Ok(Some(Outbound::uncompressed(bytes)));
    }
    compress::decompress(compression, bytes, usize::MAX).map(|bytes| Some(bytes.into())).map_err(drop)
}
