use super::{
    fault::{self, StreamFault},
    framing::Framed,
    metadata_size,
    slots::Slot,
    state::{Life, State},
    stream::{RecvHalf, SendHalf},
};
use crate::failure::{
    Reached,
    evidence::{Evidence, Sized},
};
use h2::client::SendRequest;
use http::Request;
use std::{fmt, sync::Arc};

/// Near the end of the 2^31 ids that a connection has, new calls go elsewhere.
const LAST_ID: u32 = (1 << 31) - (1 << 20);

/// A handle to a connection, cheap to clone. When the last handle and the last stream are dropped it closes.
#[derive(Clone)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
}

struct Shared {
    send: SendRequest<Framed>,
    state: Arc<State>,
}

/// Numbers of one connection at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConnectionStats {
    /// Streams open or about to be reset.
    pub(crate) streams: usize,
    pub(crate) queued_resets: usize,
    pub(crate) bytes_in: u64,
    pub(crate) resets_out: u32,
    pub(crate) pings_out: u32,
    /// The socket takes no more at the moment.
    pub(crate) write_blocked: bool,
}

impl Connection {
    pub(super) fn new(send: SendRequest<Framed>, state: Arc<State>) -> Connection {
        Connection { shared: Arc::new(Shared { send, state }) }
    }

    /// The address it was dialled to.
    pub(crate) fn peer(&self) -> &Arc<str> {
        &self.state().address
    }

    /// `host:port` of the proxy that it goes through.
    pub(crate) fn via_proxy(&self) -> Option<&Arc<str>> {
        self.state().via_proxy.as_ref()
    }

    /// TLS protects it: call credentials may be sent.
    pub(crate) fn is_secure(&self) -> bool {
        self.state().tls.is_some()
    }

    /// Whether the peer may answer for `authority`, a host with or without a port. Over plaintext everybody may.
    ///
    /// # Errors
    /// The certificate that the peer presented is for other names.
    pub(crate) fn carries(&self, authority: &str) -> Result<(), Evidence> {
        self.state().tls.as_ref().map_or(Ok(()), |facts| facts.carries(authority))
    }

    #[cfg(test)]
    pub(crate) fn timings(&self) -> super::DialTimings {
        self.state().timings
    }

    /// False once it is draining or closed: new calls go elsewhere.
    pub(crate) fn is_usable(&self) -> bool {
        self.state().is_usable()
    }

    /// The peer has answered a stream.
    pub(crate) fn has_answered(&self) -> bool {
        self.state().wire.answers_in() > 0
    }

    /// A stream is open.
    pub(crate) fn has_streams(&self) -> bool {
        self.state().slots.used() > 0
    }

    /// Returns when the connection takes no new calls any more.
    pub(crate) async fn closed_or_draining(&self) -> Life {
        let mut life = self.state().life.subscribe();
        match life.wait_for(|life| *life != Life::Ready).await {
            Ok(life) => *life,
            Err(_) => Life::Closed,
        }
    }

    /// What the peer said when it asked for no more calls.
    pub(crate) fn goaway(&self) -> Option<Evidence> {
        fault::of_drain(self.state())
    }

    /// Waits for room among the streams that the peer allows, first come first served (phase `stream_slot`).
    ///
    /// # Errors
    /// The connection drains or ended: nothing was sent, pick again.
    pub(crate) async fn slot(&self) -> Result<Slot, StreamFault> {
        self.state().slots.take().await.ok_or_else(|| fault::of_opening(self.state(), None))
    }

    /// A slot is free at this moment.
    pub(crate) fn has_room(&self) -> bool {
        self.state().slots.has_room()
    }

    /// A slot if one is free: the usual case, without a future.
    pub(crate) fn try_slot(&self) -> Option<Slot> {
        self.state().slots.try_take()
    }

    /// Queues the HEADERS of a call. With `end_stream` there is no body.
    ///
    /// # Errors
    /// No stream was created and nothing was sent: pick again, unless the request is larger than the peer allows.
    pub(crate) fn open(
        &self,
        slot: Slot,
        request: Request<()>,
        end_stream: bool,
    ) -> Result<(SendHalf, RecvHalf), StreamFault> {
        let state = self.state();
        self.check_size(&request)?;
        // A fresh clone: a handle that has a stream waiting refuses the next.
        match self.shared.send.clone().send_request(request, end_stream) {
            Ok((response, stream)) => {
                if stream.stream_id().as_u32() > LAST_ID {
                    state.drain();
                }
                Ok(super::stream::halves(state.clone(), slot, response, stream, end_stream))
            }
            Err(error) => Err(fault::of_opening(state, Some(&error))),
        }
    }

    #[cfg(test)]
    /// Closes at once: calls in flight end with CHANNEL_UNUSABLE.
    pub(crate) fn close(&self) {
        self.state().ask_to_close();
    }

    /// No new calls; those in flight go on, and the connection closes when they and all handles are gone.
    pub(crate) fn drain(&self) {
        self.state().drain();
    }

    #[cfg(test)]
    pub(crate) fn stats(&self) -> ConnectionStats {
        self.monitor().stats()
    }

    /// Watches the connection without keeping it open.
    pub(crate) fn monitor(&self) -> Monitor {
        Monitor(self.state().clone())
    }

    fn state(&self) -> &Arc<State> {
        &self.shared.state
    }

    // h2 does not look at the peer's limit.
    fn check_size(&self, request: &Request<()>) -> Result<(), StreamFault> {
        let limit = self.state().peer_header_limit();
        if limit == u32::MAX {
            return Ok(());
        }
        let pseudo = [":method", ":scheme", ":authority", ":path"].iter().map(|name| name.len() + 32).sum::<usize>();
        let uri = request.uri();
        let values = request.method().as_str().len()
            + uri.scheme_str().map_or(0, str::len)
            + uri.authority().map_or(0, |authority| authority.as_str().len())
            + uri.path_and_query().map_or(0, |path| path.as_str().len());
        let actual = (metadata_size(request.headers()) + pseudo + values) as u64;
        if actual <= u64::from(limit) {
            return Ok(());
        }
        let evidence = Evidence::RequestTooLarge {
            what: Sized::Metadata,
            actual,
            limit: limit.into(),
            option: "SETTINGS_MAX_HEADER_LIST_SIZE",
        };
        Err(StreamFault::new(evidence, Reached::No))
    }

    #[cfg(test)]
    pub(crate) fn wire(&self) -> &super::tap::Wire {
        &self.state().wire
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("state", self.state()).finish_non_exhaustive()
    }
}

/// Sees and closes a connection that nobody else may hold any more.
#[derive(Clone, Debug)]
pub(crate) struct Monitor(Arc<State>);

impl Monitor {
    pub(crate) fn stats(&self) -> ConnectionStats {
        let State { wire, slots, resets, .. } = &*self.0;
        ConnectionStats {
            streams: slots.used(),
            queued_resets: resets.queued(),
            bytes_in: wire.bytes_in(),
            resets_out: wire.resets_out(),
            pings_out: wire.pings_out(),
            write_blocked: wire.write_blocked(),
        }
    }

    /// See [`Connection::close`].
    pub(crate) fn close(&self) {
        self.0.ask_to_close();
    }
}
