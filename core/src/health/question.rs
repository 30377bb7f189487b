//! One Watch call: a service's name out, its states in.
use crate::{
    failure::{Evidence, Failure, Phase, Reached, ServerHealth, Situation, diagnose},
    response::{Broken, Reader, Received},
    status::{Code, Decoded},
    transport::{RecvHalf, framing::Framed},
};
use prost::Message;
use std::future::poll_fn;

/// An answer is two bytes; a server that sends more than this has something else to say.
const LONGEST: u64 = 4 << 10;

/// `grpc/health/v1/health.proto`, written by hand so that core has no build script.
#[derive(Clone, PartialEq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// How a question ended without a last word on the service's health.
#[derive(Debug)]
pub(super) enum End {
    /// The server has no health service.
    Unimplemented,
    Failed(Failure),
}

pub(super) fn request(service: &str) -> Framed {
    Framed::new(false, HealthCheckRequest { service: service.to_owned() }.encode_to_vec().into())
}

/// The answers of one question.
pub(super) struct Answers(Reader);

impl Answers {
    pub(super) fn new(half: RecvHalf) -> Answers {
        Answers(Reader::new(half, LONGEST))
    }

    /// The next answer; absent: the service serves.
    pub(super) async fn next(&mut self) -> Result<Option<ServerHealth>, End> {
        loop {
            match poll_fn(|cx| self.0.poll_next(cx)).await {
                Ok(Received::Headers(_)) => {}
                Ok(Received::Message(message)) => {
                    let answer = HealthCheckResponse::decode(message.into_bytes());
                    let answer = answer.map_err(|_| failed(Evidence::Decode { type_name: None }, Reached::Yes))?;
                    return Ok(health(answer.status));
                }
                Ok(Received::End(status, _)) => return Err(ended(&status)),
                Err(Broken::Transport(fault)) => return Err(failed(*fault.evidence, fault.reached)),
                Err(Broken::Response(evidence, reached)) => return Err(failed(evidence, reached)),
            }
        }
    }
}

fn ended(status: &Decoded) -> End {
    match status.code {
        Code::Unimplemented => End::Unimplemented,
        // A watch that ends is not a word on health, whatever its status.
        Code::Ok => failed(Evidence::Cardinality { received: 0 }, Reached::Yes),
        _ => End::Failed(status.failure(situation(Reached::Yes))),
    }
}

pub(super) fn failed(evidence: Evidence, reached: Reached) -> End {
    End::Failed(diagnose(evidence, situation(reached)))
}

fn situation(reached: Reached) -> Situation {
    Situation {
        reached: Some(reached),
        phase: Some(Phase::Receive),
        method: Some(super::METHOD.into()),
        ..Situation::default()
    }
}

fn health(status: i32) -> Option<ServerHealth> {
    match status {
        1 => None,
        2 => Some(ServerHealth::NotServing),
        3 => Some(ServerHealth::ServiceUnknown),
        _ => Some(ServerHealth::Unknown),
    }
}
