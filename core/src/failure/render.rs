//! The three renderings of a record. Their wording is for people and no contract.
use std::{
    fmt::{Display, Write},
    time::Duration,
};

use super::{
    Attempt, Category, Origin, Phase, Reached, Record, Retry,
    hint::{self, Audience},
    record::{MAX_UNDERLYING, summed},
    time::millis,
};

/// How to render a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Style {
    /// One line with target and peer.
    Line,
    /// Everything, on several lines, with addresses and names.
    Diagnostic,
    /// One line without addresses and names.
    Public,
}

pub(super) fn line(record: &Record) -> String {
    let mut line = format!(
        "{} {} ({}, {}, {}): {}",
        record.code,
        record.cause,
        record.layer(),
        record.category,
        record.retry,
        record.hint()
    );
    let peer = record.peer.as_deref().filter(|peer| record.target.as_deref() != Some(peer));
    let places: Vec<&str> = [record.target.as_deref(), peer].into_iter().flatten().collect();
    if !places.is_empty() {
        add(&mut line, format_args!(" [{}]", places.join(" ")));
    }
    line
}

pub(super) fn public(record: &Record) -> String {
    let hint = hint::fill(record, Audience::Stranger);
    format!("{} {} ({}, {}): {hint}", record.code, record.cause, record.cause.id(), record.category)
}

pub(super) fn diagnostic(record: &Record) -> String {
    let mut page = Page::default();
    page.record(record);
    page.text.truncate(page.text.trim_end().len());
    page.text
}

/// Lines of `label  text`, indented by the depth of the underlying failure.
#[derive(Default)]
struct Page {
    text: String,
    indent: usize,
}

impl Page {
    fn record(&mut self, record: &Record) {
        self.line(format_args!("{} {} ({})", record.code, record.cause, record.cause.id()));
        self.line(format_args!("{}", record.hint()));
        self.row("what", format_args!("{}, {}", fault(record), seen_by(record.origin)));
        self.maybe("where", place(record));
        self.row("sent", sent(record.reached));
        self.row("retry", retry(record));
        self.maybe("phase", record.phase.map(doing));
        self.maybe("deadline", record.deadline.map(|it| format!("{} ms (set by {})", millis(it.budget), it.source)));
        self.maybe("time", times(&record.elapsed));
        self.maybe("stream", stream(record));
        for (index, attempt) in record.attempts.iter().enumerate() {
            self.row(if index == 0 { "attempts" } else { "" }, format_args!("{}. {}", index + 1, tried(attempt)));
        }
        let rows: Vec<(String, String)> =
            record.evidence.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let width = rows.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
        for (index, (key, value)) in rows.iter().enumerate() {
            self.row(if index == 0 { "evidence" } else { "" }, format_args!("{key:width$}  {value}"));
        }
        self.maybe("peer said", record.peer_text.as_ref().map(|text| format!("\"{text}\"")));
        let types: Vec<&str> = record.details.iter().map(super::Detail::type_name).collect();
        self.maybe("details", (!types.is_empty()).then(|| types.join(", ")));
        if let Some(failure) = record.underlying.as_ref().filter(|_| self.indent < 2 * MAX_UNDERLYING) {
            self.row("because", "");
            self.indent += 2;
            self.record(failure.record());
            self.indent -= 2;
        }
    }

    fn line(&mut self, text: impl Display) {
        let indent = self.indent;
        add(&mut self.text, format_args!("{:indent$}{text}\n", ""));
    }

    fn row(&mut self, label: &str, text: impl Display) {
        let text = text.to_string();
        self.line(format_args!("{}", format!("  {label:<10}{text}").trim_end()));
    }

    fn maybe(&mut self, label: &str, text: Option<impl Display>) {
        if let Some(text) = text {
            self.row(label, text);
        }
    }
}

/// Writing to a `String` cannot fail.
fn add(text: &mut String, part: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(part);
}

fn fault(record: &Record) -> String {
    let fault = match record.category {
        Category::Security => "a security fault",
        Category::Network => "a network fault",
        Category::Server => "a fault of the server",
        Category::Client => "a fault of this program",
        Category::Config => "a fault of the set-up",
    };
    format!("{fault} in the {} layer", record.layer())
}

fn seen_by(origin: Origin) -> &'static str {
    match origin {
        Origin::Local => "decided by this process",
        Origin::PeerTransport => "signalled by the peer's transport",
        Origin::Intermediary => "answered by a proxy or gateway, not by the service",
        Origin::PeerApp => "answered by the service itself",
    }
}

fn place(record: &Record) -> Option<String> {
    let parts = [
        record.method.as_deref().map(str::to_owned),
        record.target.as_deref().map(|target| format!("on {target}")),
        record.peer.as_deref().map(|peer| format!("at {peer}")),
        record.via_proxy.as_deref().map(|proxy| format!("via the proxy {proxy}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn sent(reached: Reached) -> &'static str {
    match reached {
        Reached::No => "no, the request never reached the server",
        Reached::Unprocessed => "yes, and the server proved that it did not process it",
        Reached::Maybe => "perhaps: nobody can tell whether the server processed it",
        Reached::Yes => "yes, the request reached the server",
    }
}

fn retry(record: &Record) -> String {
    let advice = match record.retry {
        Retry::Safe => "safe: a second try cannot run it twice",
        Retry::Delay => "yes, after a wait",
        Retry::Idempotent => "only if running the method twice is harmless",
        Retry::Fix => "no: it fails again until something is changed",
        Retry::Never => "no",
    };
    match record.retry_stopped {
        Some(why) => format!("{advice} (stopped: {why})"),
        None => advice.to_owned(),
    }
}

fn doing(phase: Phase) -> &'static str {
    match phase {
        Phase::Resolve => "resolve: waiting for addresses",
        Phase::Pick => "pick: waiting for a usable connection",
        Phase::Proxy => "proxy: waiting for the CONNECT proxy",
        Phase::Connect => "connect: connecting the socket",
        Phase::Tls => "tls: in the TLS handshake",
        Phase::Settings => "settings: waiting for the peer's HTTP/2 SETTINGS",
        Phase::Credentials => "credentials: waiting for call credentials",
        Phase::StreamSlot => "stream_slot: waiting for a free stream",
        Phase::Send => "send: sending the request",
        Phase::AwaitHeaders => "await_headers: waiting for the response headers",
        Phase::Receive => "receive: receiving the response",
        Phase::Backoff => "backoff: waiting before the next attempt",
    }
}

fn times(elapsed: &[(Phase, Duration)]) -> Option<String> {
    let parts: Vec<String> =
        summed(elapsed).into_iter().map(|(phase, spent)| format!("{phase} {} ms", millis(spent))).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn stream(record: &Record) -> Option<String> {
    let facts = record.stream?;
    let id = facts.id.map(|id| format!("{id}: ")).unwrap_or_default();
    let messages = if facts.sent_messages == 1 { "message" } else { "messages" };
    Some(format!(
        "{id}sent {} {messages} ({} bytes), received {} ({} bytes)",
        facts.sent_messages, facts.sent_bytes, facts.received_messages, facts.received_bytes
    ))
}

fn tried(attempt: &Attempt) -> String {
    let parts = [
        attempt.address.as_deref().or(attempt.peer.as_deref()).map(str::to_owned),
        attempt.code.map(|code| code.to_string()),
        attempt.cause.map(|cause| cause.to_string()),
        (!attempt.delay.is_zero()).then(|| format!("after {} ms", millis(attempt.delay))),
        times(&attempt.elapsed).map(|times| format!("({times})")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
