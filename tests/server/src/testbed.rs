//! Serves gRPC on one connection: which service, and what all of them share.
use crate::{
    Result,
    counted::{Counted, Counters},
    echo::Echo,
    health::Doctor,
    interop,
    pb::{
        health::health_server::HealthServer, raw_service::echo_server::EchoServer,
        testbed::testbed_server::TestbedServer,
    },
    plan::{Plan, seen},
    raw_echo::RawEcho,
    script::Testbed,
};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    future::{Future, pending},
    io,
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::time::sleep;
use tonic::{Status, body::Body, codec::CompressionEncoding, codegen::Service};

/// Large enough that nobody waits for a window who does not want to.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
const MAX_FRAME: u32 = 256 << 10;
const MAX_HEADER_LIST: u32 = 1 << 20;

/// What the connection and the request line say; the services find it in the request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) scheme: String,
    pub(crate) tls: bool,
    pub(crate) client_certificate: bool,
}

/// Put into a response's extensions by a service: sent with its trailers.
#[derive(Clone, Debug, Default)]
pub(crate) struct WantedTrailers(pub(crate) HeaderMap);

#[derive(Clone, Debug)]
pub(crate) struct Services {
    testbed: TestbedServer<Echo>,
    raw: EchoServer<RawEcho>,
    health: HealthServer<Doctor>,
    plan: Plan,
    max_concurrent_streams: Option<u32>,
    max_connection_age: Option<Duration>,
}

impl Services {
    pub(crate) fn new(options: &Testbed, counters: Counters) -> Result<Self> {
        use CompressionEncoding::{Deflate, Gzip, Zstd};
        let testbed = TestbedServer::new(Echo::new(counters))
            .max_decoding_message_size(options.max_request_bytes.unwrap_or(usize::MAX))
            .max_encoding_message_size(usize::MAX)
            .accept_compressed(Gzip)
            .accept_compressed(Deflate)
            .accept_compressed(Zstd);
        let testbed = match options.compress.as_deref() {
            None => testbed,
            Some("gzip") => testbed.send_compressed(Gzip),
            Some("deflate") => testbed.send_compressed(Deflate),
            Some("zstd") => testbed.send_compressed(Zstd),
            Some(other) => return Err(format!("unknown compression {other}").into()),
        };
        let raw = EchoServer::new(RawEcho).max_decoding_message_size(usize::MAX).max_encoding_message_size(usize::MAX);
        let health = HealthServer::new(Doctor::new(options.health.clone()));
        Ok(Services {
            testbed,
            raw,
            health,
            plan: Plan::new(&options.attempts),
            max_concurrent_streams: options.max_concurrent_streams,
            max_connection_age: options.max_connection_age_ms.map(Duration::from_millis),
        })
    }

    /// Returns when the connection has ended. Drains it once `drain` returns or it is too old.
    pub(crate) async fn serve(&self, io: Counted, drain: impl Future<Output = ()>) -> io::Result<()> {
        let (tls, client_certificate) = (io.tls, io.client_certificate);
        let services = Arc::new(self.clone());
        let service = service_fn(move |request| {
            let services = services.clone();
            async move { Ok::<_, Infallible>(services.answer(request, tls, client_certificate).await) }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            // It would differ from call to call.
            .auto_date_header(false)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(MAX_FRAME)
            .max_header_list_size(MAX_HEADER_LIST)
            .max_concurrent_streams(self.max_concurrent_streams)
            .serve_connection(TokioIo::new(io), service);
        let mut connection = pin!(connection);
        tokio::select! {
            end = connection.as_mut() => return end.map_err(io::Error::other),
            () = aged(self.max_connection_age) => {}
            () = drain => {}
        }
        connection.as_mut().graceful_shutdown();
        connection.await.map_err(io::Error::other)
    }

    async fn answer(&self, request: Request<Incoming>, tls: bool, client_certificate: bool) -> Response<Body> {
        let previous = seen(request.headers());
        let mut response = match self.plan.end(request.headers()).await {
            Some(end) => end,
            None => self.serve_one(request, tls, client_certificate).await,
        };
        self.plan.mark(previous, &mut response);
        response
    }

    async fn serve_one(&self, request: Request<Incoming>, tls: bool, client_certificate: bool) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let service = parts.uri.path().split('/').nth(1).unwrap_or_default();
        if service == "raw.Echo" {
            return infallible(self.raw.clone().call(Request::from_parts(parts, body)).await);
        }
        if service == "grpc.testing.TestService" {
            return interop::answer(Request::from_parts(parts, body));
        }
        let known = match service {
            "causewire.testbed.v1.Testbed" => true,
            "grpc.health.v1.Health" => false,
            _ => return Status::unimplemented("this server has no such service").into_http(),
        };
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        parts.extensions.insert(Seen {
            authority: text(parts.uri.authority().map(|a| a.as_str())),
            path: parts.uri.path().to_owned(),
            scheme: text(parts.uri.scheme_str()),
            tls,
            client_certificate,
        });
        let request = Request::from_parts(parts, body);
        if known {
            with_trailers(infallible(self.testbed.clone().call(request).await))
        } else {
            infallible(self.health.clone().call(request).await)
        }
    }
}

async fn aged(age: Option<Duration>) {
    match age {
        Some(age) => sleep(age).await,
        None => pending().await,
    }
}

fn infallible(answer: std::result::Result<Response<Body>, Infallible>) -> Response<Body> {
    answer.unwrap_or_else(|never| match never {})
}

fn with_trailers(mut response: Response<Body>) -> Response<Body> {
    let Some(WantedTrailers(wanted)) = response.extensions_mut().remove::<WantedTrailers>() else { return response };
    response.map(|body| {
        Body::new(body.map_frame(move |mut frame| {
            if let Some(trailers) = frame.trailers_mut() {
                trailers.extend(wanted.clone());
            }
            frame
        }))
    })
}
