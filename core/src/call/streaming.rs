//! The three streaming kinds: messages go out as the caller gives them and come in as lists, each side at its own pace.
//! A unary call whose attempts race goes this way too.
use super::{
    Context, Fault, Outcome, Port, Reply, Request, Trace,
    attempt::{Opened, open},
    configs::configure,
    deadline::guarded,
    exchange::Exchange,
    finish,
    hedged::hedged,
    retries::Retries,
    task::Sink,
};
use crate::retry::Replay;
use std::{future::poll_fn, sync::Arc};

/// Makes a call of a streaming kind. What the caller sends comes through `port`.
pub(crate) async fn streaming(
    context: &Arc<Context>,
    request: &mut Request,
    trace: &Trace,
    port: &Arc<Port>,
    sink: &impl Sink,
) -> Outcome {
    if let Err(fault) = super::begin(context, request, trace) {
        return finish(context, request, Err(trace.ended(fault, None)));
    }
    let configured = match request.unconfigured {
        true => Box::pin(configure(context, request, None, trace, port)).await,
        false => Ok(()),
    };
    let (alarms, deadline) = (&context.alarms, request.deadline);
    let mut outcome = match (configured, request.hedging()) {
        (Err(failed), _) => Err(failed),
        (Ok(()), Some(policy)) => {
            let work = Box::pin(hedged(context, request, policy, trace, port, sink));
            guarded(trace, port, alarms, deadline, work).await
        }
        (Ok(()), None) => guarded(trace, port, alarms, deadline, attempts(context, request, trace, port, sink)).await,
    };
    let unsent = port.end();
    if let Err(failed) = &mut outcome {
        failed.unsent = unsent;
    }
    finish(context, request, outcome)
}

async fn attempts(context: &Context, request: &Request, trace: &Trace, port: &Port, sink: &impl Sink) -> Outcome {
    let mut replay = Replay::new(&context.budget, context.options.retry.call_buffer_bytes);
    if !context.options.retry.enabled {
        replay.commit(0);
    }
    let mut retries = Retries::new(context, request, trace, true);
    loop {
        let end = match retries.time_of_an_attempt() {
            None => attempt(context, request, trace, port, sink, &mut replay).await,
            Some(limit) => {
                let attempt = attempt(context, request, trace, port, sink, &mut replay);
                Box::pin(retries.within(limit, attempt)).await
            }
        };
        match end {
            Ok(reply) => {
                retries.succeeded();
                return Ok(reply);
            }
            Err(fault) => Box::pin(retries.after(fault)).await?,
        }
    }
}

async fn attempt(
    context: &Context,
    request: &Request,
    trace: &Trace,
    port: &Port,
    sink: &impl Sink,
    replay: &mut Replay,
) -> Result<Reply, Fault> {
    let Opened { send, reader, .. } = open(context, request, trace).await?;
    let mut exchange = Exchange::new(context, request, trace, port, sink, send, reader);
    poll_fn(|cx| exchange.poll(replay, cx)).await
}
