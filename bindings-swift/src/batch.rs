//! One batch of events as one flat buffer, little endian. `Sources/Causewire/Batch.swift` reads it.
//!
//! ```text
//! u8 more, then events until the end:
//!   1 headers   u64 call, metadata, string? peer
//!   2 messages  u64 call, u32 count, bytes...
//!   3 room      u64 call
//!   4 ok        u64 call, bytes? message, metadata headers, metadata trailers, string? peer, u32 attempts
//!   5 failed    u64 call, string record, string message, bytes? details, metadata? headers, metadata trailers,
//!               string? peer, u32 attempts
//!   6 token     u64 ask, string method, string audience
//!   7 addresses u64 ask, string target
//!   8 log       u8 level, u64 dropped, string text
//!   9 state     u64 watch, u8 state
//!   10 ask cancelled u64 ask
//! ```
//! A string, metadata or bytes: u32 length and as many bytes; length 2^32-2: absent; length 2^32-1: u64 address, u64
//! length, u64 capacity of a vector that is the reader's now.
use crate::memory::{Packed, lend};
use causewire::bridge::{Ask, AskKind, Batch, ConnectivityState, Event, Failed, Level, Log, Message, Metadata, Reply};

const ABSENT: u32 = u32::MAX - 1;
const BY_REFERENCE: u32 = u32::MAX;
/// From here on a copy costs more than an allocation of its own.
const LARGE: usize = 64 << 10;

/// See the module.
pub(crate) fn pack(batch: Batch) -> Packed {
    let mut out = Writer(Packed::start());
    out.byte(u8::from(batch.more));
    for event in batch.events {
        out.event(event);
    }
    Packed::new(out.0)
}

struct Writer(Vec<u8>);

impl Writer {
    fn event(&mut self, event: Event) {
        match event {
            Event::Headers { call, headers, peer } => {
                self.tag(1, call);
                self.metadata(&headers);
                self.optional(peer.as_deref().map(str::as_bytes));
            }
            Event::Messages { call, messages } => {
                self.tag(2, call);
                self.count(messages.len());
                for message in messages {
                    self.message(message);
                }
            }
            Event::Room { call } => self.tag(3, call),
            Event::Done { call, outcome: Ok(reply) } => self.reply(call, reply),
            Event::Done { call, outcome: Err(failed) } => self.failed(call, *failed),
            Event::Ask(ask) => self.ask(&ask),
            Event::AskCancelled { ask } => self.tag(10, ask),
            Event::Log(Log { level, text, dropped }) => {
                self.byte(8);
                self.byte(level_number(level));
                self.long(dropped);
                self.bytes(text.as_bytes());
            }
            Event::State { watch, state } => {
                self.tag(9, watch);
                self.byte(state_number(state));
            }
            Event::Ready { .. } => {} // nothing here asks for it
        }
    }

    fn reply(&mut self, call: u64, reply: Reply) {
        // No `..`: a new field has to be carried across before this compiles again.
        let Reply { message, headers, trailers, peer, attempts } = reply;
        self.tag(4, call);
        match message {
            Some(message) => self.message(message),
            None => self.int(ABSENT),
        }
        self.metadata(&headers);
        self.metadata(&trailers);
        self.optional(peer.as_deref().map(str::as_bytes));
        self.int(attempts);
    }

    fn failed(&mut self, call: u64, failed: Failed) {
        let Failed { failure, details, status_details, headers, trailers, peer, attempts, unsent: _ } = failed;
        self.tag(5, call);
        self.bytes(failure.to_json().as_bytes());
        self.bytes(details.as_bytes());
        self.optional(status_details.as_deref());
        match headers {
            Some(headers) => self.metadata(&headers),
            None => self.int(ABSENT),
        }
        self.metadata(&trailers);
        self.optional(peer.as_deref().map(str::as_bytes));
        self.int(attempts);
    }

    fn ask(&mut self, ask: &Ask) {
        match &ask.kind {
            AskKind::Token { method, audience } => {
                self.tag(6, ask.id);
                self.bytes(method.as_bytes());
                self.bytes(audience.as_bytes());
            }
            AskKind::Resolve { target } => {
                self.tag(7, ask.id);
                self.bytes(target.expose().as_bytes());
            }
        }
    }

    /// The one copy of a received message.
    fn message(&mut self, message: Message) {
        let length = message.len();
        if length >= LARGE {
            let mut whole = vec![0; length];
            message.copy_to(&mut whole);
            self.int(BY_REFERENCE);
            for part in lend(whole) {
                self.long(part);
            }
            return;
        }
        self.count(length);
        let start = self.0.len();
        self.0.resize(start + length, 0);
        if let Some(room) = self.0.get_mut(start..) {
            message.copy_to(room);
        }
    }

    fn metadata(&mut self, metadata: &Metadata) {
        if metadata.is_empty() {
            self.int(0);
        } else {
            self.bytes(&metadata.pack());
        }
    }

    fn optional(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bytes(bytes),
            None => self.int(ABSENT),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn tag(&mut self, tag: u8, id: u64) {
        self.byte(tag);
        self.long(id);
    }

    /// Lengths here are those of one message or of one header block, all of them limited far below 4 GiB.
    fn count(&mut self, count: usize) {
        self.int(u32::try_from(count).unwrap_or(ABSENT));
    }

    fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    fn int(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn long(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }
}

fn level_number(level: Level) -> u8 {
    match level {
        Level::Error => 0,
        Level::Warn => 1,
        Level::Info => 2,
        Level::Debug => 3,
    }
}

/// The place in the specification's order: idle, connecting, ready, transient failure, shutdown.
pub(crate) fn state_number(state: ConnectivityState) -> u8 {
    let place = ConnectivityState::ALL.iter().position(|known| *known == state);
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX)
}

pub(crate) fn state_from_number(number: u8) -> Option<ConnectivityState> {
    ConnectivityState::ALL.get(usize::from(number)).copied()
}
