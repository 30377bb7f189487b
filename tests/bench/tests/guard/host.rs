//! The bridge as a binding uses it, with every crossing counted.
use crate::{
    bed::Bed,
    count::{Counts, counting, counts},
};
use bytes::Bytes;
use causewire::bridge::{
    CallId, CallOptions, CallSpec, Channel, ChannelSpec, Event, Kind, Language, Metadata, Queue, Secrets,
};
use causewire_bench::{DEADLINE, METADATA};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

pub(crate) struct Host {
    pub(crate) channel: Channel,
    pub(crate) queue: Queue,
    rings: Arc<AtomicU64>,
}

impl Host {
    pub(crate) fn new(bed: &Bed) -> Self {
        let _runtime = bed.client.enter();
        let rings = Arc::new(AtomicU64::new(0));
        let bell = rings.clone();
        let queue = Queue::new(move || {
            bell.fetch_add(1, Relaxed);
        });
        let spec = ChannelSpec {
            target: &bed.target,
            options: r#"{"tls": null}"#,
            secrets: Secrets::default(),
            language: Language::Rust,
            home: None,
            ask_token: false,
            ask_resolve: false,
            logs: false,
        };
        Host { channel: Channel::open(spec).unwrap(), queue, rings }
    }

    pub(crate) fn method(&self, path: &str, kind: Kind) -> u32 {
        self.channel.method(path, kind).unwrap()
    }

    pub(crate) fn submit(&self, method: u32, message: Option<Bytes>) -> CallId {
        counting(|| self.channel.submit(&self.queue, spec(method, message)).unwrap())
    }

    /// All that has happened; every call that ended has ended well.
    pub(crate) fn take(&self) -> Vec<Event> {
        let batch = counting(|| self.queue.take(1024));
        assert!(!batch.more);
        for event in &batch.events {
            assert!(!matches!(event, Event::Done { outcome: Err(_), .. }), "{event:?}");
        }
        batch.events
    }

    /// What was counted so far, and how often the host was rung.
    pub(crate) fn figures(&self) -> (Counts, u64) {
        (counts(), self.rings.load(Relaxed))
    }
}

pub(crate) fn spec(method: u32, message: Option<Bytes>) -> CallSpec {
    let options = CallOptions { timeout: Some(DEADLINE), ..CallOptions::default() };
    CallSpec { method, metadata: metadata(), options, message }
}

pub(crate) fn metadata() -> Metadata {
    let mut metadata = Metadata::new();
    for (key, value) in METADATA {
        metadata.append(key, value.as_bytes()).unwrap();
    }
    metadata
}
