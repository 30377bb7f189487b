//! The health service: says what its script has, to whoever watches.
use crate::{
    pb::health::{
        HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus as Wire, health_server::Health,
    },
    script::{HealthStep, ServingStatus},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::mpsc::{Sender, channel},
    time::sleep,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};

#[derive(Clone, Debug)]
pub(crate) struct Doctor {
    steps: Arc<[HealthStep]>,
}

impl Doctor {
    pub(crate) fn new(steps: Option<Vec<HealthStep>>) -> Self {
        Doctor { steps: steps.unwrap_or_else(|| vec![HealthStep::Say(ServingStatus::Serving)]).into() }
    }
}

type Answer = Result<HealthCheckResponse, Status>;

#[tonic::async_trait]
impl Health for Doctor {
    type WatchStream = ReceiverStream<Answer>;

    /// What a watch would say first.
    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let first = self.steps.iter().find_map(|step| match step {
            HealthStep::Say(status) => Some(Ok(says(*status))),
            HealthStep::End(code) => Some(Err(Status::new(Code::from(i32::from(*code)), "scripted"))),
            HealthStep::SleepMs(_) => None,
        });
        first.unwrap_or_else(|| Ok(says(ServingStatus::Unknown))).map(Response::new)
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let (sender, receiver) = channel(1);
        tokio::spawn(play(self.steps.clone(), sender));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

/// The watch stays open after its last step.
async fn play(steps: Arc<[HealthStep]>, sender: Sender<Answer>) {
    for step in steps.iter() {
        match step {
            HealthStep::Say(status) => {
                if sender.send(Ok(says(*status))).await.is_err() {
                    return;
                }
            }
            HealthStep::SleepMs(ms) => sleep(Duration::from_millis(*ms)).await,
            HealthStep::End(code) => {
                let _ = sender.send(Err(Status::new(Code::from(i32::from(*code)), "scripted"))).await;
                return;
            }
        }
    }
    sender.closed().await;
}

fn says(status: ServingStatus) -> HealthCheckResponse {
    let status = match status {
        ServingStatus::Unknown => Wire::Unknown,
        ServingStatus::Serving => Wire::Serving,
        ServingStatus::NotServing => Wire::NotServing,
        ServingStatus::ServiceUnknown => Wire::ServiceUnknown,
    };
    HealthCheckResponse { status: status.into() }
}
