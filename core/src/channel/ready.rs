//! Waiting for a connection without a call.
use crate::{
    balance::PickerCell,
    failure::{self, DeadlineSource, Evidence, Failure, Reached, ShownTarget, Situation, diagnose},
};
use std::time::Duration;
use tokio::time::timeout;

/// A wait until a call would find a connection. Does not hold the channel.
#[derive(Debug)]
pub(crate) struct Readiness {
    cell: PickerCell,
    target: ShownTarget,
}

impl Readiness {
    pub(crate) fn new(cell: &PickerCell, target: &ShownTarget) -> Self {
        Readiness { cell: cell.clone(), target: target.clone() }
    }

    /// Connects.
    ///
    /// # Errors
    /// What stands in the way: at once, as soon as something does, or with `wait_for_ready` when the time is up; the
    /// time alone, where nothing is known to; CHANNEL_UNUSABLE of a channel that is closed.
    pub(crate) async fn wait(self, wait_for_ready: bool, time: Option<Duration>) -> Result<(), Failure> {
        let mut on_wait = |_: &_| ();
        let pick = self.cell.pick(wait_for_ready, &mut on_wait);
        match time {
            None => pick.await.map(drop),
            Some(time) => match timeout(time, pick).await {
                Ok(picked) => picked.map(drop),
                Err(_) => Err(self.late(time)),
            },
        }
    }

    fn late(&self, budget: Duration) -> Failure {
        let waiting = self.cell.waiting();
        if let Some(problem) = waiting.problem {
            return problem;
        }
        let situation = Situation {
            reached: Some(Reached::No),
            phase: Some(waiting.phase),
            target: Some(self.target.clone()),
            ..Situation::default()
        };
        let mut failure = diagnose(Evidence::Deadline { budget, already_past: false }, situation);
        failure.record_mut().deadline = Some(failure::Deadline { budget, source: DeadlineSource::Call });
        failure
    }
}
