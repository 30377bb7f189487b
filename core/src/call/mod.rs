//! The life of one call: `Headers? Message* Trailers`, whatever happens on the way.
//!
//! `unary` and `streaming` are the two ways through; both open attempts with `attempt`, read with `response`, and are
//! bounded by `deadline`, the one source of DEADLINE_EXCEEDED. Attempts follow each other (`retries`) or race
//! (`hedged`). `trace` collects what a failure record tells.
mod alarms;
mod attempt;
mod canceller;
mod configs;
mod deadline;
mod exchange;
mod head;
mod hedged;
mod outcome;
mod port;
mod request;
mod retries;
mod streaming;
mod task;
mod trace;
mod unary;

pub(crate) use alarms::Alarms;
pub use canceller::Canceller;
pub(crate) use canceller::Registration;
pub(crate) use configs::ServiceConfigs;
pub(crate) use deadline::Deadline;
pub(crate) use head::Template;
pub use outcome::{Failed, Outcome, Reply};
pub use port::Sent;
pub(crate) use port::{Buffered, Port, SENDING_CLOSED};
pub use request::Kind;
pub(crate) use request::{Context, Method, Request};
pub(crate) use task::{Sink, Task, in_place, task};
pub(crate) use trace::Trace;

use crate::failure::Evidence;
use request::LiveCall;
use std::sync::Arc;
use streaming::streaming;
use trace::Fault;
use unary::unary;

/// What comes before the first attempt: interceptors and the test's planted panic.
fn begin(context: &Context, request: &mut Request, trace: &Trace) -> Result<(), Fault> {
    context.planted.fire_if(|| true);
    let method = request.method.clone();
    context.interceptors.before(&method.path, &mut request.metadata).map_err(|reason| {
        let evidence = Evidence::Request { field: "interceptor".into(), reason: reason.into() };
        trace.fault(evidence, crate::failure::Reached::No)
    })
}

fn finish(context: &Arc<Context>, request: &Request, outcome: Outcome) -> Outcome {
    let seen = outcome.as_ref().map(|_| ()).map_err(|failed| &failed.failure);
    context.interceptors.after(&request.method.path, seen);
    outcome
}
