//! A call whose attempts race (gRFC A6, Hedging): all send the same messages, and the first whose response begins wins.
use super::{
    Context, Failed, Fault, Outcome, Port, Reply, Request, Trace,
    attempt::{Opened, open},
    exchange::Exchange,
    task::Sink,
};
use crate::{
    clock::{self, Instant},
    failure::RetryStopped,
    options::HedgingPolicy,
    retry::{Decision, Ended, Hedge, History, Replay, Verdict, is_repeated},
};
use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{self, Poll, ready},
};
use tokio::time::{Sleep, sleep_until};

/// The attempts of a call that lets them race. Dropping it cancels all of them.
pub(super) async fn hedged<S: Sink>(
    context: &Context,
    request: &Request,
    policy: &HedgingPolicy,
    trace: &Trace,
    port: &Port,
    sink: &S,
) -> Outcome {
    let now = clock::now();
    let mut race = Race {
        call: Call { context, request, port, sink },
        trace,
        hedge: Hedge::new(policy, context.options.retry.max_attempts, request.is_idempotent(), now),
        replay: Replay::new(&context.budget, context.options.retry.call_buffer_bytes),
        racers: Vec::new(),
        lost: None,
        launched: now,
        alarm: None,
    };
    poll_fn(|cx| race.poll(cx)).await
}

/// What all attempts have in common.
struct Call<'a, S> {
    context: &'a Context,
    request: &'a Request,
    port: &'a Port,
    sink: &'a S,
}

struct Race<'a, S> {
    call: Call<'a, S>,
    trace: &'a Trace,
    hedge: Hedge<'a>,
    replay: Replay,
    racers: Vec<Racer<'a, S>>,
    /// The attempt that failed last.
    lost: Option<(Arc<Trace>, Fault)>,
    /// When the last attempt left.
    launched: Instant,
    alarm: Option<Pin<Box<Sleep>>>,
}

struct Racer<'a, S> {
    trace: Arc<Trace>,
    history: History,
    stage: Stage<'a, S>,
}

enum Stage<'a, S> {
    Opening(Pin<Box<dyn Future<Output = Result<Opened, Fault>> + Send + 'a>>),
    Open(Box<Exchange<'a, S, Arc<Trace>>>),
}

impl<'a, S: Sink> Race<'a, S> {
    fn poll(&mut self, cx: &mut task::Context<'_>) -> Poll<Outcome> {
        loop {
            self.launch();
            let sent = self.replay.end();
            if let Some(outcome) = self.poll_racers(cx).or_else(|| self.over().map(Err)) {
                return Poll::Ready(outcome);
            }
            // what one attempt took from the caller is there for the others
            let moved = self.replay.end() != sent && self.racers.len() > 1;
            if !moved && self.poll_alarm(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn launch(&mut self) {
        let now = clock::now();
        let throttle = self.call.context.configs.throttle();
        while self.hedge.launch(now, throttle.is_configured() && throttle.is_used_up()) {
            let delay = now.saturating_duration_since(self.launched);
            self.launched = now;
            self.racers.push(Racer::new(&self.call, self.trace.race(delay)));
        }
    }

    /// Ready when the next attempt is due.
    fn poll_alarm(&mut self, cx: &mut task::Context<'_>) -> Poll<()> {
        let Some(due) = self.hedge.due() else { return Poll::Pending };
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if alarm.deadline() != due {
            alarm.as_mut().reset(due);
        }
        alarm.as_mut().poll(cx)
    }

    fn poll_racers(&mut self, cx: &mut task::Context<'_>) -> Option<Outcome> {
        let mut place = 0;
        while let Some(racer) = self.racers.get_mut(place) {
            match racer.poll(&self.call, &mut self.replay, cx) {
                Poll::Ready(Ok(reply)) => {
                    self.call.context.configs.throttle().succeeded();
                    return Some(Ok(self.trace.won(reply)));
                }
                Poll::Ready(Err(fault)) => {
                    let racer = self.racers.remove(place);
                    if let Err(failed) = self.failed(racer, fault) {
                        return Some(Err(failed));
                    }
                }
                Poll::Pending if racer.trace.is_committed() && !self.hedge.is_decided() => {
                    self.hedge.decide();
                    self.racers = self.racers.drain(..).skip(place).take(1).collect();
                    place = 1;
                }
                Poll::Pending => place += 1,
            }
        }
        None
    }

    /// One attempt is out. An error is the call's.
    fn failed(&mut self, mut racer: Racer<'a, S>, fault: Fault) -> Result<(), Box<Failed>> {
        let ended = fault.ended(racer.trace.is_committed());
        if racer.is_repeated(&self.call, ended, &fault) {
            self.racers.push(racer);
            return Ok(());
        }
        if self.hedge.costs_a_token(ended) {
            self.call.context.configs.throttle().failed();
        }
        if ended.committed {
            return Err(self.trace.lost(&racer.trace, fault, Some(RetryStopped::Committed)));
        }
        if self.hedge.failed(ended, clock::now()) == Verdict::Fatal {
            return Err(self.trace.lost(&racer.trace, fault, self.hedge.stopped()));
        }
        racer.trace.close(&fault);
        self.lost = Some((racer.trace, fault));
        Ok(())
    }

    /// The call's failure, once no attempt runs and none will leave.
    fn over(&mut self) -> Option<Box<Failed>> {
        let why = self.stopped().filter(|_| self.racers.is_empty())?;
        let (racer, fault) = self.lost.take()?;
        Some(self.trace.lost(&racer, fault, Some(why)))
    }

    /// Why no further attempt will leave, if none will.
    fn stopped(&self) -> Option<RetryStopped> {
        let deadline = self.call.request.deadline.map(|deadline| deadline.at);
        match (self.hedge.due(), deadline) {
            // a wait for the deadline would only hide what failed behind DEADLINE_EXCEEDED
            (Some(due), Some(deadline)) if due >= deadline => Some(RetryStopped::Deadline),
            _ => self.hedge.stopped(),
        }
    }
}

impl<'a, S: Sink> Racer<'a, S> {
    fn new(call: &Call<'a, S>, trace: Arc<Trace>) -> Self {
        let stage = Stage::Opening(Box::pin(opening(call.context, call.request, trace.clone())));
        Racer { trace, history: History::default(), stage }
    }

    fn poll(
        &mut self,
        call: &Call<'a, S>,
        replay: &mut Replay,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<Reply, Fault>> {
        if let Stage::Opening(opening) = &mut self.stage {
            let Opened { send, reader, .. } = ready!(opening.as_mut().poll(cx))?;
            let Call { context, request, port, sink } = *call;
            let exchange = Exchange::new(context, request, self.trace.clone(), port, sink, send, reader);
            self.stage = Stage::Open(Box::new(exchange));
        }
        match &mut self.stage {
            Stage::Open(exchange) => exchange.poll(replay, cx),
            Stage::Opening(_) => Poll::Pending,
        }
    }

    /// Begins again where the peer provably did not process it (gRFC A6, transparent retries).
    fn is_repeated(&mut self, call: &Call<'a, S>, ended: Ended, fault: &Fault) -> bool {
        if !is_repeated(ended, self.history) {
            return false;
        }
        self.history = self.history.after(ended, Decision::Transparent);
        self.trace.again(fault, None);
        self.trace.next_attempt();
        let (context, request, trace) = (call.context, call.request, self.trace.clone());
        self.stage = Stage::Opening(Box::pin(async move {
            // whoever replaces the connection gets a turn before it is picked again
            tokio::task::yield_now().await;
            opening(context, request, trace).await
        }));
        true
    }
}

async fn opening(context: &Context, request: &Request, trace: Arc<Trace>) -> Result<Opened, Fault> {
    open(context, request, &trace).await
}
