//! What a channel tells the host's own logger. Nothing here prints.
use std::{fmt, sync::Arc};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something that has to be mended.
    Error,
    /// Something that may have to be.
    Warn,
    /// A change of state.
    Info,
    /// Detail.
    Debug,
}

/// One line for the host's logger; free of secrets like every rendering of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// How much it matters.
    pub level: Level,
    /// One line.
    pub text: String,
    /// Lines that were dropped before this one because nobody took them.
    pub dropped: u64,
}

/// Where lines go; absent by default, and then no line is even built.
#[derive(Clone, Default)]
pub struct LogSink(Option<Arc<dyn Fn(Level, String) + Send + Sync>>);

impl LogSink {
    /// A sink that hands lines to `write`, which must not block.
    pub fn new(write: impl Fn(Level, String) + Send + Sync + 'static) -> Self {
        LogSink(Some(Arc::new(write)))
    }

    /// Builds and hands on a line, if somebody listens.
    pub fn log(&self, level: Level, text: impl FnOnce() -> String) {
        if let Some(write) = &self.0 {
            write(level, text());
        }
    }
}

impl fmt::Debug for LogSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "LogSink(on)" } else { "LogSink(off)" })
    }
}
