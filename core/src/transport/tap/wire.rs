use super::early::EarlyEnds;
use crate::failure::evidence::Speaks;
use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// GOAWAY as the peer sent it (RFC 9113 section 6.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GoAway {
    pub(crate) last_stream: u32,
    pub(crate) code: u32,
    /// The first 1024 bytes.
    pub(crate) debug: Vec<u8>,
}

/// How one direction of the connection ended.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Eof {
        #[allow(dead_code)] // shown by Debug
        inside_frame: bool,
    },
    /// Keeps the typed error: the errno, the TLS alert. h2 keeps only its kind and text.
    Failed(Arc<io::Error>),
}

/// Why this side ended the connection. h2 tells its streams nothing but a broken pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LocalEnd {
    Closed,
    Keepalive { waited: Duration },
    Panicked { site: &'static str },
}

/// The newest value of each setting of the peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) max_concurrent_streams: Option<u32>,
    pub(crate) initial_window: Option<u32>,
    pub(crate) max_frame: Option<u32>,
    pub(crate) max_header_list: Option<u32>,
}

impl Settings {
    pub(super) fn update(&mut self, payload: &[u8]) {
        for setting in payload.chunks_exact(6) {
            let [k0, k1, v0, v1, v2, v3] = *setting else { continue };
            let value = Some(u32::from_be_bytes([v0, v1, v2, v3]));
            match u16::from_be_bytes([k0, k1]) {
                3 => self.max_concurrent_streams = value,
                4 => self.initial_window = value,
                5 => self.max_frame = value,
                6 => self.max_header_list = value,
                _ => {}
            }
        }
    }
}

/// The rare events of a connection, all that a failed call needs to be explained.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) settings: Option<Settings>,
    pub(crate) first_goaway: Option<GoAway>,
    pub(crate) last_goaway: Option<GoAway>,
    /// At most 64, kept only until SETTINGS came.
    pub(crate) first_bytes: Vec<u8>,
    pub(crate) not_http2: Option<Speaks>,
    pub(crate) read_end: Option<End>,
    pub(crate) write_end: Option<End>,
    pub(crate) local_end: Option<LocalEnd>,
    /// The largest header block received: its stream, and its length in bytes as it was on the wire.
    pub(crate) largest_block: (u32, u32),
}

impl Seen {
    /// The typed errors of both directions: a write may consume what the read then cannot tell.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &Arc<io::Error>> {
        [&self.read_end, &self.write_end].into_iter().filter_map(|end| match end {
            Some(End::Failed(error)) => Some(error),
            _ => None,
        })
    }

    pub(crate) fn ended(&self) -> bool {
        self.read_end.is_some() || self.write_end.is_some()
    }
}

/// What the taps learned about a connection, shared by its driver and its calls.
///
/// It is written before h2 sees the bytes, so a failed call always finds its evidence, and it may be ahead of h2: h2's
/// error decides, this adds.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    bytes_in: AtomicU64,
    headers_out: AtomicU32,
    answers_in: AtomicU32,
    empty_data_in: AtomicU32,
    resets_out: AtomicU32,
    pings_out: AtomicU32,
    changes: AtomicU32,
    write_blocked: AtomicBool,
    early_ends: EarlyEnds,
    seen: Mutex<Seen>,
}

impl Wire {
    /// Grows with every read. Keepalive compares two samples, so that no clock is read per packet.
    pub(crate) fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Relaxed)
    }

    /// Grows with every HEADERS and DATA frame read, so not with the answer to a PING.
    pub(crate) fn answers_in(&self) -> u32 {
        self.answers_in.load(Relaxed)
    }

    /// False: the socket never took this stream's HEADERS, so the peer cannot know the call. Final only once h2 has
    /// failed the stream; before that the frame may still leave.
    pub(crate) fn may_have_left(&self, stream: u32) -> bool {
        stream <= self.headers_out.load(Relaxed)
    }

    /// This stream's END_STREAM may have come with its head. No frame that h2 queues tells, see [`EarlyEnds`].
    pub(crate) fn may_end_with_head(&self, stream: u32) -> bool {
        self.early_ends.contains(stream)
    }

    /// The stream is over.
    pub(crate) fn forget(&self, stream: u32) {
        self.early_ends.remove(stream);
    }

    /// Remembers the ends of so many streams, and no older ones.
    pub(crate) fn remember(&self, streams: usize) {
        self.early_ends.keep(streams);
    }

    /// The socket takes no more: the peer or the path is stuck. One look means little, a lasting state means that h2
    /// has stopped reading too.
    pub(crate) fn write_blocked(&self) -> bool {
        self.write_blocked.load(Relaxed)
    }

    /// h2 closes a connection at the 101st empty DATA frame of its life.
    pub(crate) fn empty_data_in(&self) -> u32 {
        self.empty_data_in.load(Relaxed)
    }

    pub(crate) fn resets_out(&self) -> u32 {
        self.resets_out.load(Relaxed)
    }

    pub(crate) fn pings_out(&self) -> u32 {
        self.pings_out.load(Relaxed)
    }

    /// Grows when [`seen`](Wire::seen) changed: one relaxed load tells the driver whether to look.
    pub(crate) fn changes(&self) -> u32 {
        self.changes.load(Relaxed)
    }

    pub(crate) fn seen(&self) -> Seen {
        self.lock().clone()
    }

    /// Records why this side ends the connection; the first reason stays.
    pub(crate) fn end_locally(&self, end: LocalEnd) {
        self.change(|seen| {
            seen.local_end.get_or_insert(end);
        });
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, f: impl FnOnce(&mut Seen)) {
        f(&mut self.lock());
        self.changes.fetch_add(1, Relaxed);
    }

    // One task reads and writes a connection, so these need no read-modify-write.

    pub(super) fn add_bytes_in(&self, n: usize) {
        self.bytes_in.store(self.bytes_in.load(Relaxed).wrapping_add(n as u64), Relaxed);
    }

    pub(super) fn count_answer(&self) {
        self.answers_in.store(self.answers_in.load(Relaxed).wrapping_add(1), Relaxed);
    }

    pub(super) fn ended_early(&self, stream: u32) {
        self.early_ends.add(stream);
    }

    pub(super) fn headers_left(&self, stream: u32) {
        self.headers_out.store(self.headers_out.load(Relaxed).max(stream), Relaxed);
    }

    pub(super) fn count_empty_data(&self) {
        self.empty_data_in.store(self.empty_data_in.load(Relaxed).saturating_add(1), Relaxed);
    }

    pub(super) fn count_reset(&self) {
        self.resets_out.store(self.resets_out.load(Relaxed).saturating_add(1), Relaxed);
    }

    pub(super) fn count_ping(&self) {
        self.pings_out.store(self.pings_out.load(Relaxed).saturating_add(1), Relaxed);
    }

    pub(super) fn set_write_blocked(&self, blocked: bool) {
        self.write_blocked.store(blocked, Relaxed);
    }
}
