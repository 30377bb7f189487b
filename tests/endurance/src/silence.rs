//! A stream on which nobody says anything, on a server that counts pings.
use crate::{Result, ensure};
use bytes::Bytes;
use causewire::{Channel, ChannelOptions, Kind, Request};
use causewire_testbed::pb::interop::{Payload, ResponseParameters, StreamingOutputCallRequest};
use prost::Message;
use std::{
    net::{Ipv4Addr, SocketAddr},
    process::Stdio,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    process::Command,
    time::{Instant, sleep, timeout},
};

const METHOD: &str = "/grpc.testing.TestService/FullDuplexCall";
const START: Duration = Duration::from_secs(30);
const ANSWER: Duration = Duration::from_secs(10);

/// `program`: grpc-go's `interop/server`, whose keepalive policy is the default one.
pub(crate) async fn run(program: &str, minutes: u64) -> Result {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?;
    let mut server = Command::new(program);
    server.arg(format!("-port={}", address.port())).stdin(Stdio::null()).kill_on_drop(true);
    let _server = server.spawn().map_err(|error| format!("{program}: {error}"))?;
    until_it_listens(address).await?;

    let options = ChannelOptions { tls: None, ..ChannelOptions::default() };
    let channel = Channel::builder(address.to_string()).options(options).build()?;
    let mut call = channel.start::<Bytes, Bytes>(METHOD, Kind::Bidi, Request::new(None))?;
    let silence = Duration::from_secs(60 * minutes);
    let started = Instant::now();
    for turn in 0..2 {
        ensure!(call.send_bytes(ping()).await?, "the stream takes no message");
        let answer = timeout(ANSWER, call.message_bytes()).await.map_err(|_| "no answer")?;
        ensure!(answer?.is_some(), "the stream has ended");
        if turn == 0 {
            let early = timeout(silence, call.message_bytes()).await;
            ensure!(early.is_err(), "after {:?} of {silence:?}: {early:?}", started.elapsed());
        }
    }
    println!("silence: a stream survived {minutes} minutes without a word on grpc-go's default server");
    Ok(())
}

fn ping() -> Bytes {
    let parameters = ResponseParameters { size: 1, ..ResponseParameters::default() };
    let payload = Some(Payload { body: vec![0; 1], ..Payload::default() });
    let request = StreamingOutputCallRequest { response_parameters: vec![parameters], payload, ..Default::default() };
    request.encode_to_vec().into()
}

async fn until_it_listens(address: SocketAddr) -> Result {
    let started = Instant::now();
    while TcpStream::connect(address).await.is_err() {
        ensure!(started.elapsed() < START, "the server does not listen");
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
