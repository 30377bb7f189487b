//! One attempt up to its open stream: pick, credentials, slot, HEADERS.
use super::{
    context::Context,
    fault::Fault,
    head::{head, previous_attempts},
    request::Request,
    trace::Trace,
};
use crate::{
    balance::{Picked, Waiting},
    clock::{self, Instant},
    compress::{self, Compression},
    credentials::{self, TokenRequest},
    failure::{Evidence, Phase, Reached},
    response::Reader,
    transport::{Connection, SendHalf, framing::Framed},
};
use bytes::Bytes;
use http::Uri;
use std::sync::Arc;

/// An open stream; dropping it before its end cancels it on the wire.
pub(crate) struct Opened {
    pub(crate) send: SendHalf,
    pub(crate) reader: Reader,
    pub(crate) at: Instant,
}

/// Brings an attempt to its stream. What rarely has to be waited for is boxed, so that every call does not carry room
/// for it.
pub(crate) async fn open(context: &Context, request: &Request, trace: &Trace) -> Result<Opened, Fault> {
    let Picked { mut lane, charge } = match context.picker.try_pick() {
        Some(picked) => picked,
        None => Box::pin(pick(context, request, trace)).await?,
    };
    let previous = trace.picked(lane.connection(), charge);
    check_authority(lane.connection(), request, trace)?;
    let mut headers = context.template.headers(request);
    previous_attempts(previous, &mut headers);
    if let Some(provider) = &context.credentials {
        trace.enter(Phase::Credentials);
        let secure = lane.connection().is_secure();
        let asked = credentials::apply(&**provider, token_request(request), secure, &mut headers);
        Box::pin(asked).await.map_err(|evidence| trace.fault(evidence, Reached::No))?;
    }
    let slot = match lane.connection().try_slot() {
        Some(slot) => slot,
        None => {
            trace.enter(Phase::StreamSlot);
            let (with_room, slot) = Box::pin(lane.slot()).await.map_err(|fault| trace.broken(fault))?;
            lane = with_room;
            // The one with room may be another connection, whose server presented another certificate.
            check_authority(lane.connection(), request, trace)?;
            slot
        }
    };
    let now = clock::now();
    trace.sending(now);
    let opened = lane.connection().open(slot, head(request, headers, now), false);
    let (send, receive) = opened.map_err(|fault| trace.broken(fault))?;
    trace.opened(send.id());
    let limit = context.receive_limit(request.config.as_deref());
    Ok(Opened { send, reader: Reader::new(receive, limit), at: now })
}

/// An authority that only this call has was not part of the handshake, and it decides whom a token is for: a server whose
/// certificate does not carry it gets neither HEADERS nor token.
fn check_authority(connection: &Connection, request: &Request, trace: &Trace) -> Result<(), Fault> {
    let Some(authority) = request.uri.as_ref().and_then(Uri::authority) else { return Ok(()) };
    connection.carries(authority.as_str()).map_err(|evidence| trace.fault(evidence, Reached::No))
}

async fn pick(context: &Context, request: &Request, trace: &Trace) -> Result<Picked, Fault> {
    let mut on_wait = |waiting: &Waiting| trace.waiting(waiting.phase, waiting.problem.clone());
    let picked = context.picker.pick(request.wait_for_ready(), &mut on_wait).await;
    picked.map_err(|failure| trace.unpicked(failure))
}

/// A message as it leaves: compressed, framed.
pub(crate) fn framed(compression: Compression, message: &Bytes) -> Framed {
    match compression {
        Compression::Identity => Framed::new(false, message.clone()),
        algorithm => match compress::compress(algorithm, message) {
            Some(compressed) => Framed::new(true, compressed),
            None => Framed::new(false, message.clone()),
        },
    }
}

fn token_request(request: &Request) -> TokenRequest {
    let uri: &Uri = request.uri.as_ref().unwrap_or(&request.method.uri);
    let service = request.method.path.rsplit_once('/').map_or("", |(service, _)| service);
    let host = uri.authority().map_or("", |a| a.as_str());
    let audience: Arc<str> = format!("https://{}{service}", host.strip_suffix(":443").unwrap_or(host)).into();
    TokenRequest { method: request.method.path.clone(), audience }
}

/// A message that is over our own limit ends the call before it is sent.
pub(crate) fn too_large(context: &Context, request: &Request, message: &Bytes) -> Option<Evidence> {
    context.check_size(request.config.as_deref(), message.len()).err()
}
