//! One timeline per call: which phase it is in, and how long each took.
//!
//! Failure records read it today; metrics, traces and logs are further listeners. Without a listener an event costs one
//! branch.
mod log;
mod timeline;

pub use log::{Level, Log, LogSink};
pub(crate) use timeline::Timeline;
pub use timeline::{Event, Listener};
