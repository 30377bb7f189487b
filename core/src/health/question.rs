//! One Watch call: a service's name out, its states in.
use crate::{
    failure::{Evidence, Failure, MessageProblem, Phase, Reached, ServerHealth, Situation, diagnose},
    status::{
        Code,
        decode::{self, Decoded, Head},
    },
    transport::{
        RecvHalf,
        framing::{Deframer, Framed},
    },
};
use http::StatusCode;
use prost::Message;
use std::future::poll_fn;

/// An answer is two bytes; a server that sends more than this has something else to say.
const LONGEST: usize = 4 << 10;

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
pub(super) struct Answers {
    half: RecvHalf,
    http: Option<StatusCode>,
    deframer: Deframer,
}

impl Answers {
    pub(super) fn new(half: RecvHalf) -> Answers {
        Answers { half, http: None, deframer: Deframer::new(LONGEST) }
    }

    /// The next answer; absent: the service serves.
    pub(super) async fn next(&mut self) -> Result<Option<ServerHealth>, End> {
        let http = match self.http {
            Some(http) => http,
            None => self.head().await?,
        };
        loop {
            if let Some(frame) = self.deframer.next().map_err(|evidence| failed(*evidence, Reached::Yes))? {
                let malformed = |problem| failed(Evidence::Message { problem }, Reached::Yes);
                if frame.compressed {
                    return Err(malformed(MessageProblem::CompressedWithoutEncoding));
                }
                let answer = HealthCheckResponse::decode(frame.message.into_bytes());
                let answer = answer.map_err(|_| failed(Evidence::Decode { type_name: None }, Reached::Yes))?;
                return Ok(health(answer.status));
            }
            match poll_fn(|cx| self.half.poll_data(cx)).await {
                Some(data) => {
                    let data = data.map_err(|fault| failed(*fault.evidence, fault.reached))?;
                    self.half.release(data.len());
                    self.deframer.push(data);
                }
                None => return Err(self.trailers(http).await),
            }
        }
    }

    async fn head(&mut self) -> Result<StatusCode, End> {
        let head = poll_fn(|cx| self.half.poll_head(cx)).await;
        let head = head.map_err(|fault| failed(*fault.evidence, fault.reached))?;
        match decode::response(head.status, &head.headers, self.half.is_end_stream()) {
            Head::Grpc => {
                self.http = Some(head.status);
                Ok(head.status)
            }
            Head::TrailersOnly(decoded) => Err(ended(decoded)),
            Head::NotGrpc(foreign) => Err(failed(foreign.finish(0), Reached::Maybe)),
        }
    }

    async fn trailers(&mut self, http: StatusCode) -> End {
        match poll_fn(|cx| self.half.poll_trailers(cx)).await {
            Ok(trailers) => ended(decode::trailers(trailers.as_ref(), http)),
            Err(fault) => failed(*fault.evidence, fault.reached),
        }
    }
}

fn ended(decoded: Result<Decoded, Evidence>) -> End {
    match decoded {
        Ok(decoded) if decoded.code == Code::Unimplemented => End::Unimplemented,
        // A watch that ends is not a word on health, whatever its status.
        Ok(decoded) if decoded.code == Code::Ok => failed(Evidence::Cardinality { received: 0 }, Reached::Yes),
        Ok(decoded) => End::Failed(decoded.failure(situation(Reached::Yes))),
        Err(evidence) => failed(evidence, Reached::Yes),
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
