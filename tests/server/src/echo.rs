//! The service that the tests call: echo in all four kinds, with the wishes that a request carries.
use crate::{
    counted::{Counters, snapshot},
    pb::testbed::{
        CountersRequest, CountersResponse, EchoRequest, EchoResponse, Header, WhoAmIRequest, WhoAmIResponse,
        testbed_server::Testbed,
    },
    seen::who_am_i,
    testbed::WantedTrailers,
};
use bytes::Bytes;
use prost::Message;
use std::time::Duration;
use tokio::{
    sync::mpsc::{Sender, channel},
    time::sleep,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Request, Response, Status, Streaming,
    metadata::{MetadataKey, MetadataMap, MetadataValue},
};

/// Request metadata that comes back as a response header, and as a trailer (the names of gRPC's interop tests).
const ECHO_INITIAL: &str = "x-grpc-test-echo-initial";
const ECHO_TRAILING: &str = "x-grpc-test-echo-trailing-bin";
/// Responses that wait for a slow reader beyond its flow-control window.
const QUEUE: usize = 4;

#[derive(Clone, Debug)]
pub(crate) struct Echo {
    counters: Counters,
}

impl Echo {
    pub(crate) fn new(counters: Counters) -> Self {
        Echo { counters }
    }
}

type Answers = ReceiverStream<Result<EchoResponse, Status>>;

#[tonic::async_trait]
impl Testbed for Echo {
    type EchoServerStreamStream = Answers;
    type EchoBidiStream = Answers;

    async fn echo(&self, request: Request<EchoRequest>) -> Result<Response<EchoResponse>, Status> {
        let (metadata, _, wish) = request.into_parts();
        pause(&wish).await;
        verdict(&wish)?;
        wrap(answer(&wish, 1, 0), &metadata, &wish)
    }

    async fn echo_server_stream(&self, request: Request<EchoRequest>) -> Result<Response<Answers>, Status> {
        let (metadata, _, wish) = request.into_parts();
        let (sender, receiver) = channel(QUEUE);
        let response = wrap(ReceiverStream::new(receiver), &metadata, &wish)?;
        tokio::spawn(stream(wish, sender));
        Ok(response)
    }

    async fn echo_client_stream(
        &self,
        request: Request<Streaming<EchoRequest>>,
    ) -> Result<Response<EchoResponse>, Status> {
        let (metadata, _, mut messages) = request.into_parts();
        let mut first: Option<EchoRequest> = None;
        let mut received = 0;
        while let Some(message) = messages.message().await? {
            received += 1;
            match &mut first {
                None => first = Some(message),
                Some(first) => first.payload.extend(message.payload),
            }
        }
        let wish = first.unwrap_or_default();
        pause(&wish).await;
        verdict(&wish)?;
        wrap(answer(&wish, received, 0), &metadata, &wish)
    }

    async fn echo_bidi(&self, request: Request<Streaming<EchoRequest>>) -> Result<Response<Answers>, Status> {
        let (metadata, _, messages) = request.into_parts();
        let (sender, receiver) = channel(QUEUE);
        let response = wrap(ReceiverStream::new(receiver), &metadata, &EchoRequest::default())?;
        tokio::spawn(converse(messages, sender));
        Ok(response)
    }

    async fn who_am_i(&self, request: Request<WhoAmIRequest>) -> Result<Response<WhoAmIResponse>, Status> {
        who_am_i(request).map(Response::new)
    }

    async fn counters(&self, _: Request<CountersRequest>) -> Result<Response<CountersResponse>, Status> {
        let counts = snapshot(&self.counters);
        Ok(Response::new(CountersResponse {
            connections: counts.connections,
            open_connections: counts.open_connections,
            streams: counts.streams,
            resets: counts.resets.into_iter().collect(),
            pings: counts.pings,
        }))
    }
}

async fn pause(wish: &EchoRequest) {
    if wish.delay_ms > 0 {
        sleep(Duration::from_millis(wish.delay_ms.into())).await;
    }
}

fn answer(wish: &EchoRequest, received: u32, index: u32) -> EchoResponse {
    let payload = match wish.response_bytes {
        0 => wish.payload.clone(),
        size => vec![0; size as usize],
    };
    EchoResponse { payload, received, index }
}

/// An error when the client wants the call to fail, or gave up on it.
async fn stream(wish: EchoRequest, sender: Sender<Result<EchoResponse, Status>>) {
    for index in 0..wish.count.max(1) {
        pause(&wish).await;
        if sender.send(Ok(answer(&wish, 1, index))).await.is_err() {
            return;
        }
    }
    if let Err(status) = verdict(&wish) {
        let _ = sender.send(Err(status)).await;
    }
}

async fn converse(mut messages: Streaming<EchoRequest>, sender: Sender<Result<EchoResponse, Status>>) {
    let (mut received, mut index) = (0, 0);
    while let Ok(Some(wish)) = messages.message().await {
        received += 1;
        for _ in 0..wish.count.max(1) {
            pause(&wish).await;
            if sender.send(Ok(answer(&wish, received, index))).await.is_err() {
                return;
            }
            index += 1;
        }
        if let Err(status) = verdict(&wish) {
            let _ = sender.send(Err(status)).await;
            return;
        }
    }
}

/// The status that the request asks for.
fn verdict(wish: &EchoRequest) -> Result<(), Status> {
    let Some(status) = &wish.status else { return Ok(()) };
    let details = match (&wish.raw_details[..], &status.details[..]) {
        ([], []) => Bytes::new(),
        ([], _) => status.encode_to_vec().into(),
        (raw, _) => raw.to_vec().into(),
    };
    let mut metadata = MetadataMap::new();
    append(&mut metadata, &wish.trailers)?;
    Err(Status::with_details_and_metadata(Code::from_i32(status.code), &status.message, details, metadata))
}

/// Adds the headers and trailers that the client wishes for.
fn wrap<T>(message: T, metadata: &MetadataMap, wish: &EchoRequest) -> Result<Response<T>, Status> {
    let mut response = Response::new(message);
    append(response.metadata_mut(), &wish.headers)?;
    for value in metadata.get_all(ECHO_INITIAL) {
        response.metadata_mut().append(ECHO_INITIAL, value.clone());
    }
    let mut trailers = MetadataMap::new();
    append(&mut trailers, &wish.trailers)?;
    for value in metadata.get_all_bin(ECHO_TRAILING) {
        trailers.append_bin(ECHO_TRAILING, value.clone());
    }
    // After an error the status carries them.
    if wish.status.is_none() && !trailers.is_empty() {
        response.extensions_mut().insert(WantedTrailers(trailers.into_headers()));
    }
    Ok(response)
}

fn append(to: &mut MetadataMap, headers: &[Header]) -> Result<(), Status> {
    let invalid = |key: &str| Status::invalid_argument(format!("header {key} cannot be sent"));
    for Header { key, value } in headers {
        if key.ends_with("-bin") {
            let key = MetadataKey::from_bytes(key.as_bytes()).map_err(|_| invalid(key))?;
            to.append_bin(key, MetadataValue::from_bytes(value));
        } else {
            let name = MetadataKey::from_bytes(key.as_bytes()).map_err(|_| invalid(key))?;
            to.append(name, MetadataValue::try_from(&value[..]).map_err(|_| invalid(key))?);
        }
    }
    Ok(())
}
