//! The layout of a batch: a list of 32-bit words, one slab of small payloads and a list of everything else ("extras").
//!
//! A record is its tag and the words that its function below writes. A payload is an offset and a length: an offset of
//! zero or more lies in the current slab, a negative one is `-1 - index` of an extra with a `Buffer` of its own; a
//! negative length stands for no payload. Metadata crosses packed (`Metadata::pack`) and is decoded when somebody looks.
//! A call's id takes two words, low half first. `src/batch.ts` reads what is written here.
use crate::{
    failure::FailedParts,
    memory::{self, Shared, Value},
};
use causewire::bridge::{Ask, AskKind, ConnectivityState, Event, Failed, Level, Log, Message, Metadata, Reply};
use napi::{Env, Result};
use std::sync::Arc;

const REPLY: i32 = 0;
const HEADERS: i32 = 1;
const MESSAGES: i32 = 2;
const ROOM: i32 = 3;
const FAILED: i32 = 4;
const SLAB: i32 = 5;
const PEER: i32 = 6;
const TOKEN: i32 = 7;
const RESOLVE: i32 = 8;
const LOG: i32 = 9;
const STATE: i32 = 10;
const ASK_CANCELLED: i32 = 11;

/// Small payloads share a slab of this size, as Node's own pool does: one allocation serves hundreds of messages.
const SLAB_BYTES: usize = 64 << 10;
/// From here on a payload gets a buffer of its own, because a view that is kept pins its whole slab.
const OWN_BUFFER_BYTES: usize = 8 << 10;
/// Words of the first header; it grows to the largest batch.
const WORDS: usize = 4096;
/// Peers that are known by a number; a new one takes the place of the oldest.
const PEERS: usize = 64;

/// Offset and length of a payload.
type Place = (i32, i32);
const NOTHING: Place = (0, -1);

/// Writes batches; lives as long as its environment.
#[derive(Default)]
pub(crate) struct Writer {
    words: Vec<i32>,
    extras: Vec<Value>,
    header: Option<Shared>,
    slab: Option<Shared>,
    used: usize,
    /// Where the slab last got response headers: most replies of a server repeat them.
    headers: Option<Place>,
    peers: Vec<Arc<str>>,
    next_peer: usize,
}

impl Writer {
    /// Forgets what an earlier batch left if it could not be finished (its extras are values of a scope that has ended),
    /// and memory that JavaScript has given away since.
    pub(crate) fn begin(&mut self) -> Result<()> {
        self.words.clear();
        self.extras.clear();
        self.header = still_attached(self.header.take())?;
        self.slab = still_attached(self.slab.take())?;
        if self.slab.is_none() {
            (self.used, self.headers) = (0, None);
        }
        Ok(())
    }

    /// Writes one event. `channel` is the one whose questions, log lines and states these are.
    pub(crate) fn write(&mut self, env: Env, channel: u32, event: Event) -> Result<()> {
        match event {
            Event::Headers { call, headers, peer } => self.headers(env, call, &headers, peer.as_ref()),
            Event::Messages { call, messages } => self.messages(env, call, messages),
            Event::Room { call } => {
                self.record(ROOM, call);
                Ok(())
            }
            Event::Done { call, outcome: Ok(reply) } => self.reply(env, call, reply),
            Event::Done { call, outcome: Err(failed) } => self.failed(env, call, *failed),
            Event::Ask(ask) => self.ask(env, channel, ask),
            Event::AskCancelled { ask } => {
                self.record(ASK_CANCELLED, ask);
                self.words.push(channel as i32);
                Ok(())
            }
            Event::Log(log) => self.log(env, channel, log),
            Event::State { watch, state } => {
                self.record(STATE, watch);
                self.words.extend([channel as i32, state_number(state)]);
                Ok(())
            }
            Event::Ready { .. } => Ok(()), // nothing here asks for it
        }
    }

    /// The arguments of the JavaScript function: number of words, extras, and the header if it is a new one.
    pub(crate) fn finish(&mut self, env: Env) -> Result<Vec<Value>> {
        let extras = match self.extras.as_slice() {
            [] => memory::value(env, ())?,
            extras => memory::array(env, extras)?,
        };
        let count = self.words.len();
        let header = self.copy_words(env)?;
        Ok(vec![memory::value(env, count as u32)?, extras, header])
    }

    fn copy_words(&mut self, env: Env) -> Result<Value> {
        let bytes = self.words.len() * size_of::<i32>();
        let mut new = memory::value(env, ())?;
        if self.header.as_ref().is_none_or(|header| header.len() < bytes) {
            let len = bytes.next_power_of_two().max(WORDS * size_of::<i32>());
            let (header, value) = Shared::new(env, len)?;
            (self.header, new) = (Some(header), value);
        }
        if let Some(header) = &mut self.header {
            let space = header.write(0, bytes).chunks_exact_mut(size_of::<i32>());
            space.zip(&self.words).for_each(|(space, word)| space.copy_from_slice(&word.to_ne_bytes()));
        }
        Ok(new)
    }

    fn record(&mut self, tag: i32, id: u64) {
        self.words.extend([tag, id as i32, (id >> 32) as i32]);
    }

    fn headers(&mut self, env: Env, call: u64, headers: &Metadata, peer: Option<&Arc<str>>) -> Result<()> {
        let packed = headers.pack();
        self.make_room(env, in_slab(packed.len()))?;
        let (at, len) = self.repeated(env, &packed)?;
        let peer = self.peer(env, peer)?;
        self.record(HEADERS, call);
        self.words.extend([at, len, peer]);
        Ok(())
    }

    /// One record per slab that the list touches.
    fn messages(&mut self, env: Env, call: u64, messages: Vec<Message>) -> Result<()> {
        let mut rest = messages.into_iter().peekable();
        while let Some(first) = rest.peek() {
            self.make_room(env, in_slab(first.len()))?;
            self.record(MESSAGES, call);
            let count_at = self.words.len();
            self.words.push(0);
            let mut count = 0;
            while let Some(message) = rest.next_if(|m| self.has_room(in_slab(m.len()))) {
                let (at, len) = self.payload(env, message.len(), |out| copy(message, out))?;
                self.words.extend([at, len]);
                count += 1;
            }
            if let Some(word) = self.words.get_mut(count_at) {
                *word = count;
            }
        }
        Ok(())
    }

    fn reply(&mut self, env: Env, call: u64, reply: Reply) -> Result<()> {
        let Reply { message, headers, trailers, peer, attempts } = reply;
        let (headers, trailers) = (headers.pack(), trailers.pack());
        let len = message.as_ref().map_or(0, Message::len);
        self.make_room(env, in_slab(len) + in_slab(headers.len()) + in_slab(trailers.len()))?;
        let message = match message {
            None => NOTHING,
            Some(message) => self.payload(env, len, |out| copy(message, out))?,
        };
        let headers = self.repeated(env, &headers)?;
        let trailers = self.payload(env, trailers.len(), |out| out.copy_from_slice(&trailers))?;
        let peer = self.peer(env, peer.as_ref())?;
        self.record(REPLY, call);
        for (at, len) in [message, headers, trailers] {
            self.words.extend([at, len]);
        }
        self.words.extend([peer, attempts as i32]);
        Ok(())
    }

    fn failed(&mut self, env: Env, call: u64, failed: Failed) -> Result<()> {
        let extra = memory::value(env, FailedParts::from(failed))?;
        let extra = self.extra(extra);
        self.record(FAILED, call);
        self.words.push(extra);
        Ok(())
    }

    fn ask(&mut self, env: Env, channel: u32, ask: Ask) -> Result<()> {
        let Ask { id, kind } = ask;
        let (tag, inputs) = match &kind {
            AskKind::Token { method, audience } => (TOKEN, vec![method, audience]),
            AskKind::Resolve { target } => (RESOLVE, vec![target.expose()]),
        };
        let inputs = inputs.into_iter().map(|input| memory::value(env, &**input)).collect::<Result<Vec<_>>>()?;
        self.record(tag, id);
        self.words.push(channel as i32);
        for input in inputs {
            let extra = self.extra(input);
            self.words.push(extra);
        }
        Ok(())
    }

    fn log(&mut self, env: Env, channel: u32, log: Log) -> Result<()> {
        let Log { level, text, dropped } = log;
        let extra = memory::value(env, text)?;
        let extra = self.extra(extra);
        let level = match level {
            Level::Error => 0,
            Level::Warn => 1,
            Level::Info => 2,
            Level::Debug => 3,
        };
        self.record(LOG, dropped);
        self.words.extend([channel as i32, level, extra]);
        Ok(())
    }

    /// The number of a peer; a new one is announced by a record before the one that uses it.
    fn peer(&mut self, env: Env, peer: Option<&Arc<str>>) -> Result<i32> {
        let Some(peer) = peer else { return Ok(-1) };
        if let Some(slot) = self.peers.iter().position(|known| Arc::ptr_eq(known, peer) || known == peer) {
            return Ok(slot as i32);
        }
        let slot = self.next_peer;
        self.next_peer = (slot + 1) % PEERS;
        match self.peers.get_mut(slot) {
            Some(old) => *old = peer.clone(),
            None => self.peers.push(peer.clone()),
        }
        let name = memory::value(env, &**peer)?;
        let name = self.extra(name);
        self.words.extend([PEER, slot as i32, name]);
        Ok(slot as i32)
    }

    fn extra(&mut self, value: Value) -> i32 {
        self.extras.push(value);
        self.extras.len() as i32 - 1
    }

    fn has_room(&self, bytes: usize) -> bool {
        bytes == 0 || self.slab.as_ref().is_some_and(|slab| bytes <= slab.len() - self.used)
    }

    /// Starts a new slab if the payloads of the next record do not fit into the current one.
    fn make_room(&mut self, env: Env, bytes: usize) -> Result<()> {
        if !self.has_room(bytes) {
            let (slab, value) = Shared::new(env, SLAB_BYTES)?;
            (self.slab, self.used, self.headers) = (Some(slab), 0, None);
            let extra = self.extra(value);
            self.words.extend([SLAB, extra]);
        }
        Ok(())
    }

    fn payload(&mut self, env: Env, len: usize, fill: impl FnOnce(&mut [u8])) -> Result<Place> {
        if in_slab(len) < len {
            let buffer = memory::buffer(env, len, fill)?;
            return Ok((-1 - self.extra(buffer), len as i32));
        }
        let at = self.used;
        if let (Some(slab), 1..) = (&mut self.slab, len) {
            fill(slab.write(at, len));
            self.used += len;
        }
        Ok((at as i32, len as i32))
    }

    /// As `payload`, but refers to the bytes that are there when they are the same as last time.
    fn repeated(&mut self, env: Env, packed: &[u8]) -> Result<Place> {
        if let (Some((at, len)), Some(slab)) = (self.headers, &mut self.slab)
            && slab.write(at as usize, len as usize) == packed
        {
            return Ok((at, len));
        }
        let place = self.payload(env, packed.len(), |out| out.copy_from_slice(packed))?;
        self.headers = (place.0 >= 0).then_some(place);
        Ok(place)
    }
}

fn still_attached(shared: Option<Shared>) -> Result<Option<Shared>> {
    let Some(mut shared) = shared else { return Ok(None) };
    Ok(shared.attached()?.then_some(shared))
}

fn copy(message: Message, out: &mut [u8]) {
    message.copy_to(out);
}

/// What a payload of this length takes of the slab.
fn in_slab(len: usize) -> usize {
    if len < OWN_BUFFER_BYTES { len } else { 0 }
}

/// The index of the state's name in `src/state.ts`.
pub(crate) fn state_number(state: ConnectivityState) -> i32 {
    match state {
        ConnectivityState::Idle => 0,
        ConnectivityState::Connecting => 1,
        ConnectivityState::Ready => 2,
        ConnectivityState::TransientFailure => 3,
        _ => 4,
    }
}
