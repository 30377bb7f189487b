//! The connections of one address, as calls see them (gRFC A105).
//!
//! A call is given a [`Lane`]: one connection, and the way to the others. Where there is room it needs nothing else. Where
//! there is none it waits in line at every connection of the address at once, and says that another one is wanted.
use super::{News, Signal, SubId};
use crate::transport::{Connection, Slot, StreamFault};
use std::{
    fmt,
    future::{Future, poll_fn, ready},
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    task::Poll,
};
use tokio::sync::{mpsc::UnboundedSender, watch};

/// One connection of an address. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Lane(Arc<Inner>);

struct Inner {
    connection: Connection,
    pool: Weak<Pool>,
}

/// The connections of an address that take calls, the oldest first.
pub(crate) type Lanes = Arc<[Lane]>;

impl Lane {
    pub(crate) fn connection(&self) -> &Connection {
        &self.0.connection
    }

    /// Room for a call, waited for when every connection of the address is full: first come, first served.
    ///
    /// # Errors
    /// The address has no connection any more: nothing was sent, pick again.
    pub(crate) async fn slot(&self) -> Result<(Lane, Slot), StreamFault> {
        match self.0.pool.upgrade() {
            Some(pool) => pool.slot(self).await,
            None => self.connection().slot().await.map(|slot| (self.clone(), slot)),
        }
    }
}

#[cfg(test)]
impl Lane {
    /// Of no address.
    pub(crate) fn alone(connection: Connection) -> Lane {
        Lane(Arc::new(Inner { connection, pool: Weak::new() }))
    }
}

/// The oldest with room for a call. When none has, the oldest: the call will wait at all of them.
pub(crate) fn choose(lanes: &[Lane]) -> Option<&Lane> {
    let usable = |lane: &&Lane| lane.connection().is_usable();
    match lanes {
        [only] => Some(only).filter(usable),
        many => many.iter().filter(usable).find(|lane| lane.connection().has_room()).or(many.iter().find(usable)),
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lane").field(&self.0.connection.peer()).finish()
    }
}

/// See the module. Owned by the subchannel.
#[derive(Debug)]
pub(super) struct Pool {
    id: SubId,
    signals: UnboundedSender<Signal>,
    lanes: watch::Sender<Lanes>,
    /// As many connections as there may be; shared by all addresses of the channel.
    most: Arc<AtomicU32>,
    /// The controller has been told, and has not looked yet.
    told: AtomicBool,
}

impl Pool {
    pub(super) fn new(id: SubId, signals: UnboundedSender<Signal>, most: Arc<AtomicU32>) -> Arc<Pool> {
        let lanes = watch::Sender::new(Lanes::default());
        Arc::new(Pool { id, signals, lanes, most, told: AtomicBool::new(false) })
    }

    pub(super) fn lane(self: &Arc<Self>, connection: Connection) -> Lane {
        Lane(Arc::new(Inner { connection, pool: Arc::downgrade(self) }))
    }

    /// Those who wait look again.
    pub(super) fn set(&self, lanes: Lanes) {
        self.lanes.send_replace(lanes);
    }

    /// Those who still wait will say so again.
    pub(super) fn ask_again(&self) {
        self.lanes.send_modify(|_| ());
    }

    /// The number of connections that there may be, now that calls wait.
    pub(super) fn heard(&self) -> u32 {
        self.told.store(false, Relaxed);
        self.most.load(Relaxed)
    }

    fn tell(&self, connections: usize) {
        let may_grow = connections < self.most.load(Relaxed) as usize;
        if may_grow && !self.told.swap(true, Relaxed) {
            // A controller that is gone needs no news.
            let _ = self.signals.send(Signal { id: self.id, attempt: 0, news: News::Crowded });
        }
    }

    async fn slot(&self, picked: &Lane) -> Result<(Lane, Slot), StreamFault> {
        let mut changes = self.lanes.subscribe();
        let mut line = Line::default();
        // It may have left since: its end is then what the call learns.
        line.join(picked);
        let mut told = false;
        loop {
            // One that has just begun to drain would end the wait at once, again and again.
            let usable = |lane: &&Lane| lane.connection().is_usable();
            changes.borrow_and_update().iter().filter(usable).for_each(|lane| line.join(lane));
            tokio::select! {
                biased;
                slot = line.next() => match slot {
                    // The call may go on with the others, if there are some.
                    Err(fault) if line.is_empty() => return Err(fault),
                    Err(_) => {}
                    Ok(found) => return Ok(found),
                },
                () = ready(()), if !told => {
                    told = true;
                    self.tell(line.waits.len());
                }
                // Does not end: this pool holds the sender.
                _ = changes.changed() => told = false,
            }
        }
    }
}

/// One call that waits in line at several connections.
#[derive(Default)]
struct Line {
    waits: Vec<(Lane, Wait)>,
}

type Wait = Pin<Box<dyn Future<Output = Result<Slot, StreamFault>> + Send>>;

impl Line {
    /// Keeps its place where it waits already.
    fn join(&mut self, lane: &Lane) {
        if !self.waits.iter().any(|(known, _)| Arc::ptr_eq(&known.0, &lane.0)) {
            let connection = lane.connection().clone();
            self.waits.push((lane.clone(), Box::pin(async move { connection.slot().await })));
        }
    }

    fn is_empty(&self) -> bool {
        self.waits.is_empty()
    }

    /// The first room, from the oldest connection on; or the end of one of them, which is then forgotten.
    async fn next(&mut self) -> Result<(Lane, Slot), StreamFault> {
        poll_fn(|cx| {
            let polled = self.waits.iter_mut().enumerate().find_map(|(at, (_, wait))| match wait.as_mut().poll(cx) {
                Poll::Ready(result) => Some((at, result)),
                Poll::Pending => None,
            });
            match polled {
                Some((at, result)) => {
                    let (lane, _) = self.waits.remove(at);
                    Poll::Ready(result.map(|slot| (lane, slot)))
                }
                None => Poll::Pending,
            }
        })
        .await
    }
}
