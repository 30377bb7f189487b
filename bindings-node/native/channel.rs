//! A channel and what is asked of it.
use crate::{
    batch::state_number,
    border::{Border, Home},
    failure::FailedParts,
};
use bytes::Bytes;
use causewire::bridge::{
    self, Answer, CallOptions, CallRetry, CallSpec, Channel, ChannelSpec, Compression, ConnectivityState, Failure,
    HostFault, Kind, Language, Metadata, Resolution, Secret, Secrets, Style,
};
use napi::{Env, Error, Result, bindgen_prelude::Either};
use napi_derive::napi;
use std::rc::Rc;

/// Bits of `hooks`: which functions the host has set.
const ASKS_TOKEN: u32 = 1;
const ASKS_RESOLVE: u32 = 2;
const LOGS: u32 = 4;

/// Bits of `flags`, see `flagsOf` in `src/options.ts`: two for `wait_for_ready` (1 no, 2 yes), one for `idempotent`, three for the
/// compression.
const WAIT_SHIFT: u32 = 0;
const IDEMPOTENT: u32 = 1 << 2;
const COMPRESSION_SHIFT: u32 = 3;

#[napi]
pub struct NativeChannel {
    channel: Channel,
    home: Rc<Home>,
    id: u32,
}

#[napi(object)]
pub struct NativeStats {
    pub connections: f64,
    pub streams: f64,
    pub tasks: f64,
    pub buffered_bytes: f64,
}

/// Opens a channel. `key_pem` crosses beside the options, so that no text that somebody logs has it.
#[napi(catch_unwind)]
pub fn open_channel(
    border: &Border,
    target: String,
    options: String,
    key_pem: Option<String>,
    hooks: u32,
) -> Either<NativeChannel, FailedParts> {
    let (id, queue) = border.home.open_channel();
    let opened = Channel::open(ChannelSpec {
        target: &target,
        options: &options,
        secrets: Secrets { tls_key_pem: key_pem.map(Secret::new) },
        language: Language::Node,
        home: Some(queue),
        ask_token: hooks & ASKS_TOKEN != 0,
        ask_resolve: hooks & ASKS_RESOLVE != 0,
        logs: hooks & LOGS != 0,
    });
    match opened {
        Ok(channel) => Either::A(NativeChannel { channel, home: border.home.clone(), id }),
        Err(failure) => {
            border.home.forget_channel(id);
            Either::B(failure.into())
        }
    }
}

/// Renders a canonical record: 0 one line, 1 the diagnostic, 2 the public form.
#[napi(catch_unwind)]
pub fn render(record: String, style: u32) -> Result<String> {
    let style = match style {
        1 => Style::Diagnostic,
        2 => Style::Public,
        _ => Style::Line,
    };
    bridge::render(&record, style).map_err(|error| Error::from_reason(error.to_string()))
}

/// The parts of a record that is not of a call here; nothing where the text is none.
#[napi(catch_unwind)]
pub fn read_record(record: String) -> Option<FailedParts> {
    Failure::from_json(&record).ok().map(FailedParts::from)
}

/// For a name that no options object has; `known` are those that it has.
#[napi(catch_unwind)]
pub fn unknown_option(field: String, name: String, known: Vec<String>) -> FailedParts {
    let known: Vec<_> = known.iter().map(String::as_str).collect();
    bridge::unknown_option(field, &name, &known).into()
}

#[napi]
impl NativeChannel {
    /// The number by which batches name this channel.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The target as it may be shown.
    #[napi(getter, catch_unwind)]
    pub fn target(&self) -> &str {
        self.channel.target()
    }

    /// Registers a method once; calls name it by the number.
    #[napi(catch_unwind)]
    pub fn method(&self, path: String, kind: u8) -> Result<Either<u32, FailedParts>> {
        let kind = Kind::from_u8(kind).ok_or_else(|| Error::from_reason("unknown kind"))?;
        Ok(match self.channel.method(&path, kind) {
            Ok(method) => Either::A(method),
            Err(failure) => Either::B(failure.into()),
        })
    }

    /// Starts a call and returns its id, or what is wrong with an argument. A message is copied: a `Buffer` can be
    /// detached (`structuredClone` with a transfer list) while the call is on its way, and Node-API cannot pin it.
    #[napi(catch_unwind)]
    #[allow(clippy::too_many_arguments)]
    pub fn submit(
        &self,
        env: Env,
        method: u32,
        message: Option<&[u8]>,
        metadata: Option<&[u8]>,
        timeout_ms: Option<f64>,
        flags: u32,
        authority: Option<String>,
        retry: Option<String>,
    ) -> Result<Either<f64, FailedParts>> {
        let submitted = call_options(timeout_ms, flags, authority, retry).and_then(|options| {
            let metadata = unpack(metadata)?;
            let message = message.map(Bytes::copy_from_slice);
            self.channel.submit(self.home.queue(), CallSpec { method, metadata, options, message })
        });
        match submitted {
            Ok(call) => {
                self.home.hold(env)?;
                Ok(Either::A(call as f64))
            }
            Err(failure) => Ok(Either::B(failure.into())),
        }
    }

    #[napi(catch_unwind)]
    pub fn state(&self) -> i32 {
        state_number(self.channel.state())
    }

    #[napi(catch_unwind)]
    pub fn connect(&self) {
        self.channel.connect();
    }

    /// Asks for one `STATE` record once the state differs from `last`, and returns the number it will carry.
    #[napi(catch_unwind)]
    pub fn watch_state(&self, last: i32) -> f64 {
        self.channel.watch_state(state_of(last)) as f64
    }

    /// Nobody waits for this record any more. False: it is on its way.
    #[napi(catch_unwind)]
    pub fn unwatch(&self, watch: f64) -> bool {
        self.channel.unwatch(watch as u64)
    }

    #[napi(catch_unwind)]
    pub fn reset_backoff(&self) {
        self.channel.reset_backoff();
    }

    #[napi(catch_unwind)]
    pub fn network_changed(&self) {
        self.channel.network_changed();
    }

    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.channel.close();
    }

    #[napi(catch_unwind)]
    pub fn stats(&self) -> NativeStats {
        let stats = self.channel.stats();
        NativeStats {
            connections: stats.connections as f64,
            streams: stats.streams as f64,
            tasks: stats.tasks as f64,
            buffered_bytes: stats.buffered_bytes as f64,
        }
    }

    #[napi(catch_unwind)]
    pub fn answer_token(&self, ask: f64, token: String) {
        self.channel.answer(ask as u64, Answer::Token(Secret::new(token)));
    }

    #[napi(catch_unwind)]
    pub fn answer_resolution(&self, ask: f64, addresses: Vec<String>, service_config: Option<String>) {
        self.channel.answer(ask as u64, Answer::Resolution(Resolution { addresses, service_config }));
    }

    /// The host's function threw; its text stays on its side.
    #[napi(catch_unwind)]
    pub fn answer_failed(&self, ask: f64, unavailable: bool) {
        self.channel.answer(ask as u64, Answer::Failed { unavailable });
    }

    #[napi(catch_unwind)]
    pub fn decode_failed(&self, method: u32, peer: Option<String>, type_name: Option<String>) -> FailedParts {
        let fault = HostFault::Decode { type_name: type_name.as_deref() };
        self.channel.failed(method, fault, peer.as_deref()).into()
    }

    #[napi(catch_unwind)]
    pub fn encode_failed(&self, method: u32) -> FailedParts {
        self.channel.failed(method, HostFault::Encode, None).into()
    }

    #[napi(catch_unwind)]
    pub fn sending_closed(&self, method: u32) -> FailedParts {
        self.channel.failed(method, HostFault::SendingClosed, None).into()
    }
}

impl Drop for NativeChannel {
    fn drop(&mut self) {
        self.home.forget_channel(self.id);
    }
}

fn unpack(packed: Option<&[u8]>) -> std::result::Result<Metadata, Failure> {
    match packed {
        None => Ok(Metadata::default()),
        Some(packed) => Metadata::unpack(&Bytes::copy_from_slice(packed)).map_err(|fault| bridge::bad_metadata(&fault)),
    }
}

fn call_options(
    timeout_ms: Option<f64>,
    flags: u32,
    authority: Option<String>,
    retry: Option<String>,
) -> std::result::Result<CallOptions, Failure> {
    Ok(CallOptions {
        timeout: timeout_ms.map_or(Ok(None), bridge::timeout_from_ms)?,
        wait_for_ready: match flags >> WAIT_SHIFT & 3 {
            1 => Some(false),
            2 => Some(true),
            _ => None,
        },
        compression: match flags >> COMPRESSION_SHIFT & 7 {
            0 => None,
            1 => Some(Compression::Identity),
            2 => Some(Compression::Gzip),
            3 => Some(Compression::Deflate),
            4 => Some(Compression::Zstd),
            _ => return Err(bridge::bad_option("compression", "must be identity, gzip, deflate or zstd")),
        },
        authority,
        idempotent: flags & IDEMPOTENT != 0,
        retry: retry.map_or(Ok(CallRetry::Inherit), |document| CallRetry::from_json(&document))?,
    })
}

fn state_of(number: i32) -> ConnectivityState {
    match number {
        0 => ConnectivityState::Idle,
        1 => ConnectivityState::Connecting,
        2 => ConnectivityState::Ready,
        3 => ConnectivityState::TransientFailure,
        _ => ConnectivityState::Shutdown,
    }
}
