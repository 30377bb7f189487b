//! The lines that go out. The failure record is spliced in as core wrote it, byte for byte.
use crate::request::Misuse;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use causewire::{
    Failure, RpcError,
    metadata::{Metadata, Value as Entry},
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{
    io::AsyncWriteExt,
    sync::{mpsc, oneshot},
};

/// Writes whole lines, one after another.
#[derive(Clone)]
pub(crate) struct Out(mpsc::UnboundedSender<Job>);

enum Job {
    Line(String),
    Flush(oneshot::Sender<()>),
}

/// What a call's line tells.
pub(crate) struct Answer {
    pub(crate) id: Value,
    pub(crate) headers: Option<Metadata>,
    pub(crate) messages: Vec<Bytes>,
    pub(crate) trailers: Metadata,
    pub(crate) error: Option<RpcError>,
    pub(crate) dropped: bool,
    pub(crate) unsent: usize,
    pub(crate) send_error: Option<RpcError>,
    pub(crate) attempts: u32,
    pub(crate) peer: Option<String>,
    pub(crate) elapsed: Duration,
    pub(crate) render: bool,
}

impl Out {
    #[allow(clippy::disallowed_methods)] // the driver is a program of its own, not the library
    pub(crate) fn start() -> Out {
        let (sender, mut jobs) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut stdout = tokio::io::stdout();
            while let Some(job) = jobs.recv().await {
                match job {
                    Job::Line(line) => drop(stdout.write_all(line.as_bytes()).await),
                    Job::Flush(done) => {
                        let _ = stdout.flush().await;
                        let _ = done.send(());
                    }
                }
                if jobs.is_empty() {
                    let _ = stdout.flush().await;
                }
            }
        });
        Out(sender)
    }

    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        let _ = self.0.send(Job::Flush(done));
        let _ = wait.await;
    }

    pub(crate) fn misuse(&self, misuse: &Misuse) {
        self.value(&json!({"id": misuse.id, "error": {"field": misuse.field, "message": misuse.message}}));
    }

    pub(crate) fn logs(&self, id: &Value, logs: Vec<String>) {
        self.value(&json!({"id": id, "logs": logs}));
    }

    pub(crate) fn value(&self, value: &Value) {
        self.line(value.to_string());
    }

    pub(crate) fn line(&self, mut line: String) {
        line.push('\n');
        let _ = self.0.send(Job::Line(line));
    }
}

impl Answer {
    /// Whether a message was; keeps the first error that says why not.
    pub(crate) fn accepted(&mut self, sent: Result<bool, RpcError>) -> bool {
        sent.unwrap_or_else(|error| {
            self.send_error.get_or_insert(error);
            false
        })
    }

    pub(crate) fn line(&self) -> String {
        let status = match &self.error {
            None if self.dropped => json!({"code": 1, "message": "dropped", "details": null}),
            None => json!({"code": 0, "message": "", "details": null}),
            Some(error) => json!({
                "code": error.code().as_u8(),
                "message": error.details(),
                "details": error.status_details().map(|d| STANDARD.encode(d)),
            }),
        };
        let failure = self.error.as_ref().map(RpcError::failure);
        let messages: Vec<_> = self.messages.iter().map(|m| STANDARD.encode(m)).collect();
        let send_error = match &self.send_error {
            Some(error) if Some(error.failure()) != failure => format!(",\"send_error\":{}", error.failure().to_json()),
            _ => String::new(),
        };
        let rendered = match failure {
            Some(failure) if self.render => format!(",\"rendered\":{}", self.rendered(failure)),
            _ => String::new(),
        };
        format!(
            "{{\"id\":{},\"headers\":{},\"messages\":{},\"trailers\":{},\"status\":{},\"failure\":{},\"unsent\":{},\
             \"attempts\":{},\"peer\":{},\"elapsed_ms\":{}{}{}}}",
            self.id,
            self.headers.as_ref().map_or(Value::Null, entries),
            json!(messages),
            entries(&self.trailers),
            status,
            failure.map_or("null".to_owned(), Failure::to_json),
            self.unsent,
            self.attempts,
            json!(self.peer),
            self.elapsed.as_millis(),
            send_error,
            rendered,
        )
    }

    fn rendered(&self, failure: &Failure) -> Value {
        let error = self.error.as_ref();
        json!({
            "text": error.map(ToString::to_string),
            "repr": error.map(|e| format!("{e:?}")),
            "diagnostic": failure.diagnostic(),
            "public": failure.public(),
            "stack": error.map(|e| format!("{e:#?}")),
        })
    }
}

fn entries(metadata: &Metadata) -> Value {
    let entry = |(key, value): (&str, Entry<'_>)| match value {
        // A peer may send any byte; each is one character, as in the other languages.
        Entry::Ascii(text) => json!([key, text.iter().copied().map(char::from).collect::<String>()]),
        Entry::Binary(bytes) => json!([key, STANDARD.encode(bytes)]),
    };
    metadata.iter().map(entry).collect()
}
