//! Asks one server, and again when the question ends.
use super::{
    Asker, Health,
    question::{Answers, End, failed, request},
};
use crate::{
    backoff::Backoff,
    clock,
    failure::{Evidence, Failure, Phase, Reached, ServerHealth, ShownTarget, Situation, diagnose},
    options::BackoffOptions,
    subchannel::{Fleet, SubId},
    transport::Connection,
};
use std::sync::Arc;
use tokio::{sync::mpsc::Sender, time::sleep_until};

/// What is needed to ask one server.
pub(crate) struct Check {
    pub(crate) id: SubId,
    /// Tells this check from the ones before it.
    pub(crate) number: u64,
    pub(crate) connection: Connection,
    pub(crate) service: Arc<str>,
    pub(crate) target: ShownTarget,
    pub(crate) asker: Arc<dyn Asker>,
    pub(crate) backoff: BackoffOptions,
    pub(crate) fleet: Arc<Fleet>,
    /// Bounded: a server that changes its mind faster than it is heard has to wait.
    pub(crate) reports: Sender<Report>,
}

/// What a check tells the controller.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) id: SubId,
    pub(crate) number: u64,
    pub(crate) said: Said,
}

/// See [`Report`].
#[derive(Debug)]
pub(crate) enum Said {
    Health(Health),
    /// The server has no health service, and counts as healthy.
    Unimplemented,
}

/// Runs until the connection takes no calls any more.
pub(crate) async fn watch(check: Check) {
    let _counted = check.fleet.check();
    let connection = check.connection.clone();
    tokio::select! {
        biased;
        _ = connection.closed_or_draining() => {}
        () = ask(check) => {}
    }
}

async fn ask(check: Check) {
    let mut backoff = Backoff::new(&check.backoff);
    loop {
        // Counted from the beginning, as for connections: a server that answers and hangs up is not asked in a loop.
        let started = clock::now();
        let mut answered = false;
        match check.question(&mut answered).await {
            End::Unimplemented => return check.report(Said::Unimplemented).await,
            End::Failed(failure) => {
                let failing = check.failing(ServerHealth::CheckFailed, Some(failure));
                check.report(Said::Health(Health::Failing(failing))).await;
            }
        }
        if answered {
            backoff.reset();
        }
        sleep_until(started + backoff.next()).await;
    }
}

impl Check {
    /// One question, to its end.
    async fn question(&self, answered: &mut bool) -> End {
        let head = match self.asker.head(self.connection.is_secure()).await {
            Ok(head) => head,
            Err(evidence) => return failed(evidence, Reached::No),
        };
        let opened = match self.connection.slot().await {
            Ok(slot) => self.connection.open(slot, head, false),
            Err(fault) => Err(fault),
        };
        // Both halves live as long as the question: without them it is cancelled.
        let (mut send, receive) = match opened {
            Ok(halves) => halves,
            Err(fault) => return failed(*fault.evidence, fault.reached),
        };
        let _asking = self.fleet.asking();
        // Broken: the receiving side tells why.
        let _ = send.send_now(request(&self.service), true);
        let mut answers = Answers::new(receive);
        loop {
            match answers.next().await {
                Ok(None) => self.report(Said::Health(Health::Serving)).await,
                Ok(Some(health)) => {
                    self.report(Said::Health(Health::Failing(self.failing(health, None)))).await;
                }
                Err(end) => return end,
            }
            *answered = true;
        }
    }

    async fn report(&self, said: Said) {
        // A controller that is gone needs no news.
        let _ = self.reports.send(Report { id: self.id, number: self.number, said }).await;
    }

    fn failing(&self, health: ServerHealth, underlying: Option<Failure>) -> Failure {
        let address = self.connection.peer();
        let situation = Situation {
            reached: Some(Reached::No),
            phase: Some(Phase::Pick),
            target: Some(self.target.clone()),
            peer: Some(address.clone()),
            underlying,
            ..Situation::default()
        };
        let evidence = Evidence::NotServing { address: address.to_string(), service: self.service.to_string(), health };
        diagnose(evidence, situation)
    }
}
