//! What runs while there is an attempt or a connection: one task for both.
use super::{Fleet, News, Signal, SubId};
use crate::{
    failure::Evidence,
    rt,
    transport::{Connection, DialFailed, DialPhase, DialSpec, DialTimings, dial_observed},
};
use std::{pin::pin, sync::Arc};
use tokio::sync::mpsc::UnboundedSender;

/// Dials, then moves the connection's bytes until it ends.
pub(super) async fn connect(spec: DialSpec, mut report: Report, fleet: Arc<Fleet>) {
    let _counted = fleet.task();
    let (connection, driver) = match dial_observed(&spec, |phase| report.tell(News::Entered(phase))).await {
        Ok(dialled) => dialled,
        Err(failed) => return report.dialled(Err(failed)),
    };
    let _enlisted = fleet.enlist(connection.monitor());
    report.dialled(Ok(connection.clone()));
    let mut driver = pin!(driver);
    let end = tokio::select! {
        biased;
        end = &mut driver => Some(end),
        _ = connection.closed_or_draining() => None,
    };
    let goaway = connection.goaway();
    // A draining connection ends with its last call, unless somebody still holds a handle.
    drop(connection);
    match end {
        Some(end) => report.gone(Some(end.evidence)),
        None => {
            report.gone(goaway);
            driver.await;
        }
    }
}

/// The way to the controller. Dropped too early, by a panic, it says so itself.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) id: SubId,
    pub(super) attempt: u64,
    pub(super) signals: UnboundedSender<Signal>,
    pub(super) stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Dialling,
    Connected,
    Over,
}

impl Report {
    /// A controller that is gone needs no news.
    fn tell(&self, news: News) {
        let _ = self.signals.send(Signal { id: self.id, attempt: self.attempt, news });
    }

    fn dialled(&mut self, result: Result<Connection, Box<DialFailed>>) {
        self.stage = if result.is_ok() { Stage::Connected } else { Stage::Over };
        self.tell(News::Dialled(result));
    }

    fn gone(&mut self, evidence: Option<Evidence>) {
        self.stage = Stage::Over;
        self.tell(News::Gone(evidence));
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let Some(site) = rt::panicked() else { return };
        let evidence = Evidence::Core { site };
        match self.stage {
            Stage::Dialling => {
                let failed = DialFailed { evidence, phase: DialPhase::Connect, timings: DialTimings::default() };
                self.dialled(Err(Box::new(failed)));
            }
            Stage::Connected => self.gone(Some(evidence)),
            Stage::Over => {}
        }
    }
}
