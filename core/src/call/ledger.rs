//! The attempts of a call, as its record lists them, and what may be claimed of all of them together. Owned by whatever
//! makes the attempts, one after the other or as a race, and read when that has ended.
use super::{fault::Fault, outcome::Failed, trace::Trace};
use crate::failure::{Attempt, Evidence, Failure, Reached, Retry, RetryStopped};
use std::{sync::Arc, time::Duration};

/// Attempts that followed each other. The call's own also takes in those of a race.
pub(super) struct Ledger {
    attempts: Vec<Attempt>,
    /// What may be claimed of the attempts that ended.
    reached: Reached,
    /// After one of them, running the request again was not known to be harmless.
    risky: bool,
    /// How the attempt before ended.
    before: Option<Failure>,
    /// The last attempt ended, and no other took its place.
    closed: bool,
    race: Race,
}

/// How a race ended that another end of the call may follow.
enum Race {
    None,
    /// It was stopped with these in it.
    Interrupted(Vec<Racer>),
    /// The failure of this attempt, which has this place, became the call's.
    Lost(Arc<Trace>, usize),
}

/// One of the attempts that race, and those that it began again for.
pub(super) struct Racer {
    pub(super) trace: Arc<Trace>,
    pub(super) ledger: Ledger,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Ledger {
            attempts: Vec::new(),
            reached: Reached::No,
            risky: false,
            before: None,
            closed: false,
            race: Race::None,
        }
    }

    /// Attempts that ended without success.
    pub(super) fn count(&self) -> u32 {
        self.attempts.len() as u32
    }

    /// A failed attempt is followed by another: at once, or after a wait where a policy wants it.
    pub(super) fn again(&mut self, trace: &Trace, fault: &Fault, wait: Option<Duration>) {
        let failure = &fault.failed.failure;
        self.push(trace, failure);
        self.before = Some(failure.clone());
        trace.follow(wait);
    }

    /// The wait is over.
    pub(super) fn next(&self, trace: &Trace) {
        trace.begin(self.count() + 1);
    }

    /// The last attempt's failure becomes the call's.
    pub(super) fn ended(&mut self, trace: &Trace, fault: Fault, why: Option<RetryStopped>) -> Box<Failed> {
        self.close(trace, &fault);
        let mut failed = fault.failed;
        failed.failure.record_mut().retry_stopped = why;
        self.fill(trace, failed)
    }

    /// A stop from outside: deadline, cancel, panic. Nothing works on the call any more.
    pub(super) fn stopped(&mut self, trace: &Trace, evidence: Evidence) -> Box<Failed> {
        let (teller, last) = match std::mem::replace(&mut self.race, Race::None) {
            Race::Interrupted(racers) => return self.stopped_race(racers, trace, evidence),
            Race::Lost(teller, place) => (Some(teller), place),
            Race::None => (None, self.attempts.len().saturating_sub(1)),
        };
        let trace = teller.as_deref().unwrap_or(trace);
        let failed = trace.stopped(evidence, self.before.clone());
        if std::mem::replace(&mut self.closed, true) {
            // the last attempt had ended in another way, which this one takes the place of
            if let Some(attempt) = self.attempts.get_mut(last) {
                (attempt.code, attempt.cause) = (Some(failed.failure.code()), Some(failed.failure.cause()));
            }
        } else {
            self.push(trace, &failed.failure);
        }
        self.fill(trace, failed)
    }

    // --- races

    /// The attempt is out, and others go on.
    pub(super) fn close(&mut self, trace: &Trace, fault: &Fault) {
        if !std::mem::replace(&mut self.closed, true) {
            self.push(trace, &fault.failed.failure);
        }
    }

    /// The race was stopped with these still in it.
    pub(super) fn interrupted(&mut self, racers: Vec<Racer>) {
        if !racers.is_empty() {
            self.race = Race::Interrupted(racers);
        }
    }

    /// One of the racers answered.
    pub(super) fn won(&mut self, mut racers: Vec<Racer>, winner: usize) {
        if let Some(racer) = racers.get_mut(winner) {
            racer.ledger.closed = true;
        }
        self.absorb(racers);
    }

    /// The failure of one of the racers becomes the call's.
    pub(super) fn lost(
        &mut self,
        mut racers: Vec<Racer>,
        last: usize,
        fault: Fault,
        why: Option<RetryStopped>,
    ) -> Box<Failed> {
        let Some(racer) = racers.get_mut(last) else { return fault.failed };
        let teller = racer.trace.clone();
        let mut failed = racer.ledger.ended(&teller, fault, why);
        let later = racers.split_off(last + 1);
        self.absorb(racers);
        self.race = Race::Lost(teller, self.attempts.len().saturating_sub(1));
        self.absorb(later);
        self.adopt(&mut failed);
        failed
    }

    /// The racer that came furthest tells of it.
    fn stopped_race(&mut self, mut racers: Vec<Racer>, trace: &Trace, evidence: Evidence) -> Box<Failed> {
        let running = racers.iter_mut().filter(|racer| !racer.ledger.closed);
        let mut failed = match running.max_by_key(|racer| racer.trace.reached()) {
            Some(racer) => racer.ledger.stopped(&racer.trace, evidence),
            None => {
                let failed = trace.stopped(evidence, None);
                self.fill(trace, failed)
            }
        };
        self.absorb(racers);
        self.adopt(&mut failed);
        failed
    }

    /// Takes in the attempts of a race, in the order in which they left.
    fn absorb(&mut self, racers: Vec<Racer>) {
        for Racer { trace, mut ledger } in racers {
            ledger.give_up(&trace);
            self.reached = self.reached.max(ledger.reached);
            self.risky |= ledger.risky;
            self.attempts.append(&mut ledger.attempts);
        }
        self.closed = true;
    }

    fn give_up(&mut self, trace: &Trace) {
        if !std::mem::replace(&mut self.closed, true) {
            let reached = trace.reached();
            self.reached = self.reached.max(reached);
            self.risky |= reached >= Reached::Maybe;
            self.attempts.push(trace.close(None, &self.attempts));
        }
    }

    fn adopt(&self, failed: &mut Failed) {
        let record = failed.failure.record_mut();
        record.raise(self.reached, self.risky);
        record.attempts = self.attempts.as_slice().into();
        failed.attempts = self.count();
    }

    // --- both

    fn push(&mut self, trace: &Trace, failure: &Failure) {
        let record = failure.record();
        self.reached = self.reached.max(record.reached);
        self.risky |= record.retry == Retry::Idempotent;
        self.attempts.push(trace.close(Some(failure), &self.attempts));
    }

    fn fill(&self, trace: &Trace, mut failed: Box<Failed>) -> Box<Failed> {
        let record = failed.failure.record_mut();
        trace.fill(record);
        record.raise(self.reached, self.risky);
        if record.attempts.is_empty() {
            record.attempts = self.attempts.as_slice().into();
        }
        failed.attempts = self.count();
        failed
    }
}
