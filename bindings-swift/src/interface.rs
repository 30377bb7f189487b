//! What crosses. `build.sh bindings` makes the Swift half of it anew.
use crate::{
    batch::{self, state_from_number, state_number},
    failure::{self, FailureText, Refusal},
    memory::Packed,
};
use causewire::bridge::{
    self, Answer, CallOptions, CallRetry, CallSpec, Channel, ChannelSpec, Failure, Kind, Language, Metadata, Secret,
    Sent, Style,
};
use std::{fmt, sync::Arc, time::Duration};

/// Rung on a core thread, with no lock held, once per batch.
#[uniffi::export(foreign)]
pub trait Notify: Send + Sync {
    /// Take until the queue is empty.
    fn ready(&self);
}

/// What crosses beside the options document.
#[derive(uniffi::Record)]
pub struct Secrets {
    /// PEM private key of the client certificate.
    pub tls_key_pem: Option<String>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(<redacted>)")
    }
}

/// What a channel holds right now.
#[derive(Clone, Copy, Debug, uniffi::Record)]
pub struct Counters {
    pub connections: u64,
    pub streams: u64,
    pub tasks: u64,
    pub buffered_bytes: u64,
}

const ASK_TOKEN: u8 = 1;
const ASK_ADDRESSES: u8 = 2;
const LOGS: u8 = 4;

const WAIT_FOR_READY_GIVEN: u32 = 1;
const WAIT_FOR_READY: u32 = 2;
const IDEMPOTENT: u32 = 4;

const EXTRA_AUTHORITY: u8 = 1;
const EXTRA_COMPRESSION: u8 = 2;
const EXTRA_RETRY: u8 = 3;

/// A channel with the queue of its calls.
#[derive(Debug, uniffi::Object)]
pub struct Queue {
    queue: bridge::Queue,
    channel: Channel,
}

#[uniffi::export]
impl Queue {
    /// Opens a channel. `hooks`: 1 the host answers for tokens, 2 for addresses, 4 it has a logger.
    #[uniffi::constructor]
    pub fn new(
        target: String,
        options: String,
        secrets: Secrets,
        hooks: u8,
        notify: Arc<dyn Notify>,
    ) -> Result<Arc<Self>, Refusal> {
        let queue = bridge::Queue::new(move || notify.ready());
        let spec = ChannelSpec {
            target: &target,
            options: &options,
            secrets: bridge::Secrets { tls_key_pem: secrets.tls_key_pem.map(Secret::new) },
            language: Language::Swift,
            home: Some(queue.clone()),
            ask_token: hooks & ASK_TOKEN != 0,
            ask_resolve: hooks & ASK_ADDRESSES != 0,
            logs: hooks & LOGS != 0,
        };
        match Channel::open(spec) {
            Ok(channel) => Ok(Arc::new(Queue { queue, channel })),
            Err(failure) => {
                queue.close();
                Err(failure.into())
            }
        }
    }

    /// Registers a method; `kind`: 0 unary, 1 server streaming, 2 client streaming, 3 both.
    pub fn register(&self, path: String, kind: u8) -> Result<u32, Refusal> {
        let kind = Kind::from_u8(kind).ok_or_else(|| bridge::bad_option("kind", "must be 0 to 3"))?;
        Ok(self.channel.method(&path, kind)?)
    }

    /// Starts a call. Integers, because an enum or an option would be a buffer of its own; `extras` is empty for most
    /// calls. `flags`: 1 wait_for_ready is given, 2 it is true, 4 idempotent; `streamed`: the requests come by `send`.
    #[expect(clippy::too_many_arguments, reason = "a struct would be one more buffer for each call")]
    pub fn submit(
        &self,
        method: u32,
        flags: u32,
        timeout_ms: f64,
        extras: &[u8],
        metadata: &[u8],
        message: &[u8],
        streamed: bool,
    ) -> Result<u64, Refusal> {
        let options = call_options(flags, timeout_ms, extras)?;
        let metadata = match metadata {
            [] => Metadata::default(),
            packed => Metadata::unpack(&packed.to_vec().into()).map_err(|fault| bridge::bad_metadata(&fault))?,
        };
        let message = (!streamed).then(|| message.to_vec().into());
        Ok(self.channel.submit(&self.queue, CallSpec { method, metadata, options, message })?)
    }

    /// 0 taken, 1 taken but wait for room before the next, 2 not taken: the call is over, 3 not taken: its sending side
    /// was closed before.
    pub fn send(&self, call: u64, message: &[u8]) -> u8 {
        number_of(self.queue.send(call, message.to_vec().into()))
    }

    /// As `send`, and not compressed although the call compresses.
    pub fn send_uncompressed(&self, call: u64, message: &[u8]) -> u8 {
        number_of(self.queue.send_uncompressed(call, message.to_vec().into()))
    }

    pub fn close_send(&self, call: u64) {
        self.queue.close_send(call);
    }

    /// The end of the call still comes.
    pub fn cancel(&self, call: u64) {
        self.queue.cancel(call);
    }

    /// The reader has taken this many messages.
    pub fn credit(&self, call: u64, messages: u32) {
        self.queue.credit(call, messages);
    }

    /// News of up to `max` calls; `batch.rs` says how they are packed.
    pub fn take(&self, max: u32) -> Packed {
        batch::pack(self.queue.take(max as usize))
    }

    pub fn answer_token(&self, ask: u64, token: String) {
        self.channel.answer(ask, Answer::Token(Secret::new(token)));
    }

    pub fn answer_resolution(&self, ask: u64, addresses: Vec<String>, service_config: Option<String>) {
        self.channel.answer(ask, Answer::Resolution(bridge::Resolution { addresses, service_config }));
    }

    pub fn answer_failed(&self, ask: u64, unavailable: bool) {
        self.channel.answer(ask, Answer::Failed { unavailable });
    }

    pub fn state(&self) -> u8 {
        state_number(self.channel.state())
    }

    /// One state event with this number follows, once the state is another than `known`.
    pub fn watch(&self, known: u8) -> u64 {
        let state = state_from_number(known).unwrap_or_else(|| self.channel.state());
        self.channel.watch_state(state)
    }

    /// The state event of this watch is not wanted any more.
    pub fn unwatch(&self, watch: u64) {
        self.channel.unwatch(watch);
    }

    pub fn connect(&self) {
        self.channel.connect();
    }

    pub fn reset_backoff(&self) {
        self.channel.reset_backoff();
    }

    pub fn network_changed(&self) {
        self.channel.network_changed();
    }

    pub fn stats(&self) -> Counters {
        let bridge::Stats { connections, streams, tasks, buffered_bytes } = self.channel.stats();
        Counters { connections, streams, tasks, buffered_bytes }
    }

    /// Ends the calls and the connections. The queue still rings for what they end with.
    pub fn close(&self) {
        self.channel.close();
    }

    /// Nobody is left who could call: `notify` is let go of when the last end was taken.
    pub fn release(&self) {
        self.channel.close();
        self.queue.close();
    }

    /// The record of what went wrong above the border. `kind`: `failure.rs`.
    pub fn local_failure(&self, method: u32, kind: u8, type_name: String, peer: Option<String>) -> FailureText {
        failure::local(&self.channel, method, kind, &type_name, peer.as_deref()).into()
    }
}

/// Renders a record. `style`: 0 one line, 1 several lines for the person who repairs it, 2 a line for strangers.
#[uniffi::export]
pub fn render(record: String, style: u8) -> String {
    let style = match style {
        0 => Style::Line,
        1 => Style::Diagnostic,
        _ => Style::Public,
    };
    bridge::render(&record, style).unwrap_or(record)
}

fn call_options(flags: u32, timeout_ms: f64, extras: &[u8]) -> Result<CallOptions, Failure> {
    let timeout: Option<Duration> = bridge::timeout_from_ms(timeout_ms)?;
    let mut options = CallOptions {
        timeout,
        wait_for_ready: (flags & WAIT_FOR_READY_GIVEN != 0).then_some(flags & WAIT_FOR_READY != 0),
        idempotent: flags & IDEMPOTENT != 0,
        ..CallOptions::default()
    };
    let mut rest = extras;
    while let Some((tag, text, after)) = extra(rest) {
        match tag {
            EXTRA_AUTHORITY => options.authority = Some(text.to_owned()),
            EXTRA_COMPRESSION => options.compression = Some(bridge::compression_from_name(text)?),
            EXTRA_RETRY => options.retry = CallRetry::from_json(text)?,
            _ => {}
        }
        rest = after;
    }
    Ok(options)
}

fn extra(bytes: &[u8]) -> Option<(u8, &str, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((*tag, std::str::from_utf8(text).ok()?, rest))
}

fn number_of(sent: Sent) -> u8 {
    match sent {
        Sent::Accepted => 0,
        Sent::Full => 1,
        Sent::Ended => 2,
        Sent::Closed => 3,
    }
}
