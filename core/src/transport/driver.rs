use super::{
    fault,
    framing::Framed,
    io::Io,
    keepalive::Pinger,
    state::State,
    tap::{LocalEnd, Tap},
};
use crate::{failure::evidence::Evidence, options::PlantedPanic, rt};
use h2::client;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Sleep,
};

/// h2 closes a connection at the 101st empty DATA frame that it received, read or not.
const MAX_EMPTY_DATA: u32 = 80;
/// Answers to calls that are over, for which nobody asks any more.
const LATE_ANSWERS: usize = 1024;
const SITE: &str = "transport.driver";

/// How a connection ended.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionEnd {
    pub(crate) evidence: Evidence,
}

/// Moves the bytes of one connection. The caller spawns it; dropping it closes the connection.
pub(crate) struct Driver<T = Io>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    connection: Option<client::Connection<Tap<T>, Framed>>,
    state: Arc<State>,
    changes: u32,
    pinger: Option<Pinger>,
    reset_timer: Option<Pin<Box<Sleep>>>,
    planted: PlantedPanic,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Driver<T> {
    pub(super) fn new(
        connection: client::Connection<Tap<T>, Framed>,
        state: Arc<State>,
        pinger: Option<Pinger>,
        planted: PlantedPanic,
    ) -> Driver<T> {
        Driver { connection: Some(connection), state, changes: 0, pinger, reset_timer: None, planted }
    }

    fn step(&mut self, cx: &mut Context<'_>) -> Poll<Option<h2::Error>> {
        let state = self.state.clone();
        state.set_driver(cx.waker());
        if state.asked_to_close() {
            return Poll::Ready(None);
        }
        self.planted.fire_if(|| state.slots.used() > 0);
        // Before h2 writes, so that what is due now leaves in the same write.
        state.resets.drain(&mut self.reset_timer, cx);
        if let Some(pinger) = &mut self.pinger {
            pinger.before_write(&state.wire, state.slots.used(), cx);
        }
        let Some(connection) = &mut self.connection else { return Poll::Ready(None) };
        if let Poll::Ready(end) = Pin::new(connection).poll(cx) {
            return Poll::Ready(end.err());
        }
        self.look();
        if let Some(pinger) = &mut self.pinger
            && let Poll::Ready(waited) = pinger.poll(&state.wire, state.slots.used(), cx)
        {
            state.wire.end_locally(LocalEnd::Keepalive { waited });
            return Poll::Ready(None);
        }
        Poll::Pending
    }

    fn look(&mut self) {
        let wire = &self.state.wire;
        if wire.empty_data_in() >= MAX_EMPTY_DATA && self.state.is_usable() {
            self.state.drain();
        }
        wire.remember(LATE_ANSWERS + self.state.slots.used());
        let changes = wire.changes();
        if changes == self.changes {
            return;
        }
        self.changes = changes;
        let seen = wire.seen();
        if let Some(settings) = &seen.settings {
            self.state.apply(settings);
        }
        if seen.first_goaway.is_some() {
            self.state.drain();
        }
    }

    /// The reason is written first: a stream that h2 then fails with a broken pipe finds it.
    fn finish(&mut self, error: Option<&h2::Error>) -> ConnectionEnd {
        let evidence = self.state.finish(fault::of_connection(&self.state, error));
        self.connection = None;
        ConnectionEnd { evidence }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Future for Driver<T> {
    type Output = ConnectionEnd;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ConnectionEnd> {
        let me = self.get_mut();
        me.step(cx).map(|error| {
            if me.state.asked_to_close() {
                me.state.wire.end_locally(LocalEnd::Closed);
            }
            me.finish(error.as_ref())
        })
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Drop for Driver<T> {
    fn drop(&mut self) {
        if self.connection.is_some() {
            self.state.wire.end_locally(match rt::panicked() {
                Some(site) => LocalEnd::Panicked { site },
                None if std::thread::panicking() => LocalEnd::Panicked { site: SITE },
                None => LocalEnd::Closed,
            });
            self.finish(None);
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> fmt::Debug for Driver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("state", &self.state).finish_non_exhaustive()
    }
}
