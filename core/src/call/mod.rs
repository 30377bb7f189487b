//! The life of one call: `Headers? Message* Trailers`, whatever happens on the way.
//!
//! `life` is the one way through, for every kind; `unary` and `streaming` are one attempt each, on a stream that `attempt`
//! opens. Attempts follow each other (`retries`) or race (`hedged`), within the bounds of `deadline`. `trace` is what is
//! known of the attempt under way, and `ledger` of those that ended: together they are what a failure record tells.
mod alarms;
mod attempt;
mod canceller;
mod configs;
mod context;
mod deadline;
mod exchange;
mod fault;
mod head;
mod hedged;
mod ledger;
mod life;
mod method;
mod outcome;
mod port;
mod request;
mod retries;
mod sink;
mod streaming;
mod task;
mod trace;
mod unary;

pub(crate) use alarms::Alarms;
pub use canceller::Canceller;
pub(crate) use canceller::Registration;
pub(crate) use configs::ServiceConfigs;
pub(crate) use context::Context;
pub(crate) use head::Template;
pub use method::Kind;
pub(crate) use method::Method;
pub use outcome::{Failed, Outcome, Reply};
pub use port::Sent;
pub(crate) use port::{Buffered, Port, SENDING_CLOSED};
pub(crate) use request::Request;
pub(crate) use sink::Sink;
pub(crate) use task::{Task, in_place, task};
