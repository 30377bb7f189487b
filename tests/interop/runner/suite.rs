//! All cases of one server and one client.
use crate::{
    Result,
    client::Client,
    matrix::{self, Case, Lack, Plan},
    servers::{Server, launch},
    wire::{Relay, Side},
};
use std::{collections::HashMap, sync::Arc, time::Instant};
use tokio::{sync::Semaphore, task::JoinSet};

/// Cases at a time. Clients wait for servers most of the time.
const AT_ONCE: u32 = 4;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

#[derive(Debug)]
pub(crate) struct Suite {
    plans: Vec<Plan>,
    client: Client,
    tls: bool,
    /// By program; the usual one has no name.
    servers: HashMap<Option<String>, Server>,
}

impl Suite {
    pub(crate) async fn start(server: &str, client: &str, tls: bool) -> Result<Self> {
        let plans = matrix::plans(server, tls)?;
        let mut servers = HashMap::from([(None, launch(server, tls, None).await?)]);
        for program in plans.iter().filter_map(|plan| plan.another.clone()) {
            let started = launch(server, tls, Some(&program)).await?;
            servers.insert(Some(program), started);
        }
        Ok(Suite { plans, client: Client::new(client, tls), tls, servers })
    }

    pub(crate) async fn run(mut self, only: Option<&str>) -> Tally {
        let mut plans = std::mem::take(&mut self.plans);
        plans.retain(|plan| only.is_none_or(|only| plan.name == only));
        let suite = Arc::new(self);
        let slots = Arc::new(Semaphore::new(AT_ONCE as usize));
        let mut running = JoinSet::new();
        for plan in plans {
            let (suite, slots) = (suite.clone(), slots.clone());
            running.spawn(async move {
                let wanted = if plan.case.alone { AT_ONCE } else { 1 };
                let _slot = slots.acquire_many(wanted).await;
                suite.perform(&plan).await
            });
        }
        let mut tally = Tally::default();
        while let Some(ended) = running.join_next().await {
            match ended {
                Ok(Some(true)) => tally.passed += 1,
                Ok(Some(false)) | Err(_) => tally.failed += 1,
                Ok(None) => {}
            }
        }
        tally
    }

    /// Whether the case passed; `None` where the server lacks it.
    async fn perform(&self, plan: &Plan) -> Option<bool> {
        let (name, started) = (&plan.name, Instant::now());
        if let Some(lack) = &plan.lack {
            return self.show(plan, lack).await;
        }
        match self.judge(plan).await {
            Ok(()) => {
                println!("ok {name} {:.1} s", started.elapsed().as_secs_f32());
                Some(true)
            }
            Err(reason) => {
                println!("not ok {name}: {}", indented(&reason.to_string()));
                Some(false)
            }
        }
    }

    /// A server that has learnt what it lacked fails the suite.
    async fn show(&self, plan: &Plan, lack: &Lack) -> Option<bool> {
        let (name, why) = (&plan.name, &lack.why);
        match self.judge(plan).await {
            Err(reason) if reason.to_string().contains(&lack.says) => {
                println!("lacks {name}: {why} (tried: {})", lack.says);
                None
            }
            Err(reason) => {
                let reason = indented(&reason.to_string());
                println!("not ok {name}: not what is said where a server lacks it: {reason}");
                Some(false)
            }
            Ok(()) => {
                println!("not ok {name}: the server has it now");
                Some(false)
            }
        }
    }

    async fn judge(&self, plan: &Plan) -> Result {
        let Plan { name, case, another, .. } = plan;
        let server = self.servers.get(another).ok_or("the server was not started")?;
        if self.tls || (case.sent.is_none() && case.received.is_none()) {
            return self.client.run(name, server.port, &case.flags).await;
        }
        let relay = Relay::start(server.port).await?;
        self.client.run(name, relay.port, &case.flags).await?;
        compare(case, &relay)
    }
}

fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n    ")
}

/// The flags on the wire.
fn compare(case: &Case, relay: &Relay) -> Result {
    for (side, expected) in [(Side::Sent, &case.sent), (Side::Received, &case.received)] {
        let Some(expected) = expected else { continue };
        let flags = relay.flags(side);
        if flags != *expected {
            return Err(format!("{side:?}: compressed flags {flags:?} instead of {expected:?}").into());
        }
    }
    Ok(())
}
