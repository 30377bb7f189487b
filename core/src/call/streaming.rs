//! The three streaming kinds: messages go out as the caller gives them and come in as lists, each side at its own pace.
use super::{
    attempt::{Opened, open},
    context::Context,
    exchange::Exchange,
    fault::Fault,
    outcome::Reply,
    port::Port,
    request::Request,
    sink::Sink,
    trace::Trace,
};
use crate::retry::Replay;
use std::future::poll_fn;

/// One attempt. What the caller sends comes through `port`, and what an attempt before has sent from `replay`.
pub(super) async fn streaming(
    context: &Context,
    request: &Request,
    port: &Port,
    sink: &impl Sink,
    trace: &Trace,
    replay: &mut Replay,
) -> Result<Reply, Fault> {
    let Opened { send, reader, .. } = open(context, request, trace).await?;
    let mut exchange = Exchange::new(context, request, trace, port, sink, send, reader);
    poll_fn(|cx| exchange.poll(replay, cx)).await
}
