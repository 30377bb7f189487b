//! One server with a script of answers, and what a check makes of them. Time is virtual.
use super::{Asker, Check, HeadFuture, Health, METHOD, Report, Said, watch};
use crate::{
    clock::{self, Instant},
    failure::{Cause, Evidence, Failure},
    options::{BackoffOptions, PlantedPanic},
    subchannel::{Fleet, SubId, testing::rt},
    transport::{Address, Connection, DialSpec, Limits, dial},
};
use bytes::{Buf, Bytes};
use http::{HeaderMap, Request, Response};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::mpsc::{Receiver, channel},
    time::{advance, sleep, timeout},
};

const SERVING: i32 = 1;
const NOT_SERVING: i32 = 2;
const SERVICE_UNKNOWN: i32 = 3;

#[derive(Clone, Debug)]
enum Step {
    Say(i32),
    Raw(&'static [u8]),
    Pause(u64),
    /// grpc-status.
    End(u16),
    Reset,
}

/// Answers one question after the other, each by its own list of steps; after the last list it is silent.
struct Doctor {
    connection: Connection,
    asked: Arc<Mutex<Vec<(Instant, HeaderMap, Bytes)>>>,
}

impl Doctor {
    async fn who(script: Vec<Vec<Step>>) -> Doctor {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address::Tcp(listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<_>>> = Arc::default();
        let seen = asked.clone();
        rt().spawn("test.doctor", async move {
            let (socket, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(socket).await.unwrap();
            let mut script = script.into_iter();
            while let Some(Ok((request, respond))) = connection.accept().await {
                let (steps, seen) = (script.next().unwrap_or_default(), seen.clone());
                rt().spawn("test.doctor.answer", answer(request, respond, steps, seen));
            }
        });
        let spec = DialSpec {
            address,
            authority: "test".into(),
            tls: None,
            timeout: Duration::from_secs(5),
            limits: Limits::default(),
            keepalive: None,
            planted: PlantedPanic::default(),
        };
        let (connection, driver) = dial(&spec).await.unwrap();
        rt().spawn("test.driver", driver);
        Doctor { connection, asked }
    }

    fn questions(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

async fn answer(
    mut request: Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    steps: Vec<Step>,
    seen: Arc<Mutex<Vec<(Instant, HeaderMap, Bytes)>>>,
) {
    assert_eq!(request.uri().path(), METHOD);
    let body = request.body_mut().data().await.unwrap().unwrap();
    seen.lock().unwrap().push((clock::now(), request.headers().clone(), body));
    let head = Response::builder().header("content-type", "application/grpc");
    let mut send = respond.send_response(head.body(()).unwrap(), false).unwrap();
    for step in steps {
        match step {
            Step::Say(status) => {
                let body = [0, 0, 0, 0, 2, 8, status as u8];
                send.send_data(Bytes::copy_from_slice(&body), false).unwrap();
            }
            Step::Raw(bytes) => send.send_data(bytes.into(), false).unwrap(),
            Step::Pause(ms) => sleep(Duration::from_millis(ms)).await,
            Step::End(code) => {
                let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), code.into())]);
                return send.send_trailers(trailers).unwrap();
            }
            Step::Reset => return send.send_reset(h2::Reason::INTERNAL_ERROR),
        }
    }
    std::future::pending().await
}

struct Plain;

impl Asker for Plain {
    fn head(&self, secure: bool) -> HeadFuture<'_> {
        assert!(!secure);
        Box::pin(async { Ok(Request::post(format!("http://test{METHOD}")).header("x-mine", "1").body(()).unwrap()) })
    }
}

struct Refuses;

impl Asker for Refuses {
    fn head(&self, _: bool) -> HeadFuture<'_> {
        Box::pin(async { Err(Evidence::InsecureCredentials) })
    }
}

struct Bench {
    doctor: Doctor,
    fleet: Arc<Fleet>,
    reports: Receiver<Report>,
}

impl Bench {
    async fn new(script: Vec<Vec<Step>>) -> Bench {
        Bench::asking(script, Arc::new(Plain)).await
    }

    async fn asking(script: Vec<Vec<Step>>, asker: Arc<dyn Asker>) -> Bench {
        let doctor = Doctor::who(script).await;
        let fleet = Arc::<Fleet>::default();
        let (reports, heard) = channel(16);
        let check = Check {
            id: SubId(1),
            number: 7,
            connection: doctor.connection.clone(),
            service: "users".into(),
            target: "test".into(),
            asker,
            backoff: BackoffOptions { jitter: 0.0, ..BackoffOptions::default() },
            fleet: fleet.clone(),
            reports,
        };
        rt().spawn("test.watch", watch(check));
        Bench { doctor, fleet, reports: heard }
    }

    async fn said(&mut self) -> Said {
        let report = self.reports.recv().await.unwrap();
        assert_eq!((report.id, report.number), (SubId(1), 7));
        report.said
    }

    async fn serves(&mut self) -> bool {
        matches!(self.said().await, Said::Health(Health::Serving))
    }

    async fn failing(&mut self) -> Failure {
        match self.said().await {
            Said::Health(Health::Failing(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }

    /// The word for what is wrong.
    async fn word(&mut self) -> String {
        let failure = self.failing().await;
        assert_eq!(failure.cause(), Cause::ServerNotServing);
        assert_eq!(failure.record().peer.as_ref(), Some(self.doctor.connection.peer()));
        failure.record().evidence("health").unwrap().as_str().unwrap().to_owned()
    }
}

#[tokio::test(start_paused = true)]
async fn every_change_is_told() {
    use Step::{Pause, Say};
    let script = vec![Say(SERVING), Pause(10), Say(NOT_SERVING), Say(SERVICE_UNKNOWN), Say(0), Say(99), Say(SERVING)];
    let mut bench = Bench::new(vec![script]).await;
    assert!(bench.serves().await);
    for word in ["not_serving", "service_unknown", "unknown", "unknown"] {
        assert_eq!(bench.word().await, word);
    }
    assert!(bench.serves().await);
    let (_, headers, body) = bench.doctor.asked.lock().unwrap()[0].clone();
    assert_eq!(headers["x-mine"], "1");
    assert_eq!(body.chunk(), b"\0\0\0\0\x07\x0a\x05users");
    let stats = bench.fleet.stats();
    assert_eq!((stats.tasks, stats.checks, stats.asking), (1, 1, 1));
    assert!(timeout(Duration::from_secs(3600), bench.said()).await.is_err(), "as long as it takes");
    assert_eq!(bench.doctor.questions(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_a_health_service_is_asked_once() {
    let mut bench = Bench::new(vec![vec![Step::End(12)]]).await;
    assert!(matches!(bench.said().await, Said::Unimplemented));
    advance(Duration::from_secs(3600)).await;
    assert_eq!(bench.doctor.questions(), 1);
    assert_eq!(bench.fleet.stats(), Default::default());
}

#[tokio::test(start_paused = true)]
async fn a_question_that_fails_is_asked_again_later_and_later() {
    let script = vec![vec![Step::End(7)], vec![Step::Reset], vec![Step::End(0)], vec![Step::Say(SERVING)]];
    let mut bench = Bench::new(script).await;
    let mut causes = Vec::new();
    for _ in 0..3 {
        let failure = bench.failing().await;
        assert_eq!(failure.record().evidence("health").unwrap().as_str(), Some("check_failed"));
        causes.push(failure.record().underlying.as_ref().unwrap().cause());
    }
    assert_eq!(causes, [Cause::AppPermissionDenied, Cause::H2StreamReset, Cause::ResponseCardinality]);
    assert!(bench.serves().await);
    let asked: Vec<_> = bench.doctor.asked.lock().unwrap().iter().map(|(at, ..)| *at).collect();
    let waits: Vec<_> = asked.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_millis()).collect();
    assert_eq!(waits, [1000, 1600, 2560]);
}

#[tokio::test(start_paused = true)]
async fn after_an_answer_it_is_asked_again_soon_and_not_in_a_loop() {
    use Step::{End, Pause, Say};
    let brief = vec![Say(SERVING), End(14)];
    let long = vec![Say(SERVING), Pause(60_000), End(14)];
    let mut bench = Bench::new(vec![brief.clone(), brief.clone(), long, brief]).await;
    for _ in 0..4 {
        assert!(bench.serves().await);
        assert_eq!(bench.word().await, "check_failed");
    }
    let asked: Vec<_> = bench.doctor.asked.lock().unwrap().iter().map(|(at, ..)| *at).collect();
    let waits: Vec<_> = asked.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_millis()).collect();
    assert_eq!(waits, [1000, 1000, 60_000], "at once where the last answer is not fresh");
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_no_answer() {
    for (bytes, cause) in [
        (&b"\x01\0\0\0\x02\x08\x01"[..], Cause::MessageMalformed),
        (b"\x02\0\0\0\x02\x08\x01", Cause::MessageMalformed),
        (b"\0\0\0\0\x01\x08", Cause::ResponseDecodeFailed),
        (b"\0\0\x10\0\0", Cause::ResponseTooLarge),
    ] {
        let mut bench = Bench::new(vec![vec![Step::Raw(bytes)]]).await;
        assert_eq!(bench.failing().await.record().underlying.as_ref().unwrap().cause(), cause, "{bytes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_token_the_question_fails_and_nothing_is_sent() {
    let mut bench = Bench::asking(vec![], Arc::new(Refuses)).await;
    let failure = bench.failing().await;
    assert_eq!(failure.record().underlying.as_ref().unwrap().cause(), Cause::CredentialsOnInsecureChannel);
    assert_eq!(bench.doctor.questions(), 0);
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_its_connection() {
    let mut bench = Bench::new(vec![vec![Step::Say(SERVING)]]).await;
    assert!(bench.serves().await);
    bench.doctor.connection.drain();
    assert!(bench.reports.recv().await.is_none());
    assert_eq!(bench.fleet.stats(), Default::default());
}
