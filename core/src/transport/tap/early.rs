use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

const RECENT: usize = 128;

/// Streams whose END_STREAM stood in a HEADERS frame that no DATA was seen to precede: responses that are nothing but
/// their head, among others.
///
/// h2 keeps what it has queued for a stream, trailers too, whatever becomes of the stream. That a head was the end it
/// keeps in the stream's state alone, which a lost connection overwrites.
#[derive(Debug, Default)]
pub(super) struct EarlyEnds {
    len: AtomicUsize,
    streams: Mutex<BTreeSet<u32>>,
}

impl EarlyEnds {
    pub(super) fn add(&self, stream: u32) {
        self.change(|streams| {
            streams.insert(stream);
        });
    }

    pub(super) fn contains(&self, stream: u32) -> bool {
        self.len.load(Relaxed) > 0 && self.streams.lock().unwrap_or_else(PoisonError::into_inner).contains(&stream)
    }

    pub(super) fn remove(&self, stream: u32) {
        if self.len.load(Relaxed) > 0 {
            self.change(|streams| {
                streams.remove(&stream);
            });
        }
    }

    /// Lets go of the oldest: answers to calls that were over before they came.
    pub(super) fn keep(&self, most: usize) {
        if self.len.load(Relaxed) > most {
            self.change(|streams| {
                while streams.len() > most {
                    streams.pop_first();
                }
            });
        }
    }

    fn change(&self, change: impl FnOnce(&mut BTreeSet<u32>)) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut streams);
        self.len.store(streams.len(), Relaxed);
    }
}

/// The streams that had DATA lately, each in a place of its own until another takes it: what ends them is trailers.
#[derive(Debug)]
pub(super) struct WithData([u32; RECENT]);

impl WithData {
    pub(super) fn new() -> WithData {
        WithData([0; RECENT])
    }

    pub(super) fn add(&mut self, stream: u32) {
        self.0.iter_mut().skip(place(stream)).take(1).for_each(|kept| *kept = stream);
    }

    pub(super) fn contains(&self, stream: u32) -> bool {
        self.0.get(place(stream)) == Some(&stream)
    }
}

/// A client's streams have odd numbers.
fn place(stream: u32) -> usize {
    (stream >> 1) as usize % RECENT
}
