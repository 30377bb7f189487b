//! A call whose attempts race (gRFC A6, Hedging): all send the same messages, and the first whose response begins wins.
use super::{
    attempt::{Opened, open},
    context::Context,
    exchange::Exchange,
    fault::Fault,
    ledger::{Ledger, Racer},
    outcome::{Failed, Outcome, Reply},
    port::Port,
    request::Request,
    sink::Sink,
    trace::Trace,
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

/// The attempts of a call that lets them race. Dropping it cancels all of them, and leaves them to the ledger.
pub(super) async fn hedged<S: Sink>(
    context: &Context,
    request: &Request,
    policy: &HedgingPolicy,
    port: &Port,
    sink: &S,
    trace: &Trace,
    ledger: &mut Ledger,
) -> Outcome {
    let now = clock::now();
    let mut race = Race {
        call: Call { context, request, port, sink },
        trace,
        ledger,
        hedge: Hedge::new(policy, context.options.retry.max_attempts, request.is_idempotent(), now),
        replay: context.replay(),
        runners: Vec::new(),
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
    ledger: &'a mut Ledger,
    hedge: Hedge<'a>,
    replay: Replay,
    /// In the order in which they left, those that are out included.
    runners: Vec<Runner<'a, S>>,
    /// The place of the attempt that failed last.
    lost: Option<(usize, Fault)>,
    /// When the last attempt left.
    launched: Instant,
    alarm: Option<Pin<Box<Sleep>>>,
}

struct Runner<'a, S> {
    racer: Racer,
    history: History,
    stage: Stage<'a, S>,
}

enum Stage<'a, S> {
    Opening(Pin<Box<dyn Future<Output = Result<Opened, Fault>> + Send + 'a>>),
    Open(Box<Exchange<'a, S, Arc<Trace>>>),
    Out,
}

impl<'a, S: Sink> Race<'a, S> {
    fn poll(&mut self, cx: &mut task::Context<'_>) -> Poll<Outcome> {
        loop {
            self.launch();
            let sent = self.replay.end();
            if let Some(outcome) = self.poll_runners(cx).or_else(|| self.over().map(Err)) {
                return Poll::Ready(outcome);
            }
            // what one attempt took from the caller is there for the others
            let moved = self.replay.end() != sent && self.running() > 1;
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
            let previous = self.runners.len() as u32;
            if previous > 0 {
                self.trace.joined(previous + 1);
            }
            self.runners.push(Runner::new(&self.call, self.trace.racing(previous, delay)));
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

    fn poll_runners(&mut self, cx: &mut task::Context<'_>) -> Option<Outcome> {
        let mut place = 0;
        while let Some(runner) = self.runners.get_mut(place) {
            match runner.poll(&self.call, &mut self.replay, cx) {
                Poll::Ready(Ok(reply)) => {
                    self.call.context.configs.throttle().succeeded();
                    let racers = self.finish();
                    self.ledger.won(racers, place);
                    return Some(Ok(reply));
                }
                Poll::Ready(Err(fault)) => {
                    if let Err(failed) = self.failed(place, fault) {
                        return Some(Err(failed));
                    }
                    continue; // it may have begun again
                }
                Poll::Pending if runner.is_committed() && !self.hedge.is_decided() => {
                    self.hedge.decide();
                    let others = self.runners.iter_mut().enumerate().filter(|(other, _)| *other != place);
                    others.for_each(|(_, other)| other.stage = Stage::Out);
                }
                Poll::Pending => {}
            }
            place += 1;
        }
        None
    }

    /// One attempt is out. An error is the call's.
    fn failed(&mut self, place: usize, fault: Fault) -> Result<(), Box<Failed>> {
        let Some(runner) = self.runners.get_mut(place) else { return Err(fault.failed) };
        let ended = fault.ended(runner.racer.trace.is_committed());
        if runner.is_repeated(&self.call, ended, &fault) {
            return Ok(());
        }
        if self.hedge.costs_a_token(ended) {
            self.call.context.configs.throttle().failed();
        }
        if ended.committed {
            return Err(self.lost(place, fault, Some(RetryStopped::Committed)));
        }
        if self.hedge.failed(ended, clock::now()) == Verdict::Fatal {
            let why = self.hedge.stopped();
            return Err(self.lost(place, fault, why));
        }
        runner.out(&fault);
        self.lost = Some((place, fault));
        Ok(())
    }

    /// The call's failure, once no attempt runs and none will leave.
    fn over(&mut self) -> Option<Box<Failed>> {
        let why = self.stopped().filter(|_| self.running() == 0)?;
        let (place, fault) = self.lost.take()?;
        Some(self.lost(place, fault, Some(why)))
    }

    fn lost(&mut self, place: usize, fault: Fault, why: Option<RetryStopped>) -> Box<Failed> {
        let racers = self.finish();
        self.ledger.lost(racers, place, fault, why)
    }

    /// Ends the work of every attempt.
    fn finish(&mut self) -> Vec<Racer> {
        self.runners.drain(..).map(|runner| runner.racer).collect()
    }

    fn running(&self) -> usize {
        self.runners.iter().filter(|runner| !matches!(runner.stage, Stage::Out)).count()
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

impl<S> Drop for Race<'_, S> {
    fn drop(&mut self) {
        self.ledger.interrupted(self.runners.drain(..).map(|runner| runner.racer).collect());
    }
}

impl<'a, S: Sink> Runner<'a, S> {
    fn new(call: &Call<'a, S>, trace: Trace) -> Self {
        let trace = Arc::new(trace);
        let stage = Stage::Opening(Box::pin(opening(call.context, call.request, trace.clone())));
        Runner { racer: Racer { trace, ledger: Ledger::new() }, history: History::default(), stage }
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
            let exchange = Exchange::new(context, request, self.racer.trace.clone(), port, sink, send, reader);
            self.stage = Stage::Open(Box::new(exchange));
        }
        match &mut self.stage {
            Stage::Open(exchange) => exchange.poll(replay, cx),
            Stage::Opening(_) | Stage::Out => Poll::Pending,
        }
    }

    fn is_committed(&self) -> bool {
        !matches!(self.stage, Stage::Out) && self.racer.trace.is_committed()
    }

    fn out(&mut self, fault: &Fault) {
        self.stage = Stage::Out;
        self.racer.ledger.close(&self.racer.trace, fault);
    }

    /// Begins again where the peer provably did not process it (gRFC A6, transparent retries).
    fn is_repeated(&mut self, call: &Call<'a, S>, ended: Ended, fault: &Fault) -> bool {
        if !is_repeated(ended, self.history) {
            return false;
        }
        self.history = self.history.after(ended, Decision::Transparent);
        let Racer { trace, ledger } = &mut self.racer;
        ledger.again(trace, fault, None);
        ledger.next(trace);
        let (context, request, trace) = (call.context, call.request, trace.clone());
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
