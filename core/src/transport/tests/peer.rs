//! A server that is a script: it writes HTTP/2 bytes by hand and reads the client's frames.
use super::super::*;
use crate::{
    failure::{Reached, evidence::Evidence},
    options::PlantedPanic,
    rt,
};
use bytes::Bytes;
use http::{HeaderMap, Request};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW: u8 = 8;
pub(super) const CONT: u8 = 9;
pub(super) const END_STREAM: u8 = 1;
pub(super) const ACK: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
pub(super) const PADDED: u8 = 8;
pub(super) const OK: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/grpc")];
pub(super) const TRAILERS: &[(&str, &str)] = &[("grpc-status", "0")];

pub(super) fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let mut v = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    v.extend([kind, flags]);
    v.extend(id.to_be_bytes());
    v.extend(payload);
    v
}
pub(super) fn settings(s: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> = s.iter().flat_map(|(k, v)| [&k.to_be_bytes()[..], &v.to_be_bytes()].concat()).collect();
    frame(SETTINGS, 0, 0, &payload)
}
pub(super) fn goaway(last: u32, code: u32, debug: &[u8]) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[&last.to_be_bytes()[..], &code.to_be_bytes(), debug].concat())
}
pub(super) fn rst(id: u32, code: u32) -> Vec<u8> {
    frame(RST, 0, id, &code.to_be_bytes())
}
pub(super) fn window(id: u32, n: u32) -> Vec<u8> {
    frame(WINDOW, 0, id, &n.to_be_bytes())
}
fn int(v: &mut Vec<u8>, mut n: usize) {
    if n < 127 {
        return v.push(n as u8);
    }
    v.push(127);
    n -= 127;
    while n >= 128 {
        v.push((n % 128 + 128) as u8);
        n /= 128;
    }
    v.push(n as u8);
}
/// HPACK: literal without indexing, no Huffman.
pub(super) fn hpack(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut v = vec![];
    for (name, value) in fields {
        v.push(0);
        int(&mut v, name.len());
        v.extend(name.as_bytes());
        int(&mut v, value.len());
        v.extend(value.as_bytes());
    }
    v
}
pub(super) fn headers(id: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, flags | END_HEADERS, id, &hpack(fields))
}
pub(super) fn message(id: u32, body: &[u8]) -> Vec<u8> {
    frame(DATA, 0, id, &[&[0][..], &(body.len() as u32).to_be_bytes(), body].concat())
}
pub(super) fn response(id: u32) -> Vec<u8> {
    [headers(id, 0, OK), message(id, b"hi"), headers(id, END_STREAM, TRAILERS)].concat()
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) id: u32,
    pub(super) payload: Vec<u8>,
}
impl Frame {
    pub(super) fn code(&self) -> u32 {
        u32::from_be_bytes(self.payload[..4].try_into().unwrap())
    }
}

pub(super) struct Peer {
    pub(super) io: TcpStream,
}
impl Peer {
    pub(super) async fn preface(&mut self) {
        let mut b = [0; 24];
        self.io.read_exact(&mut b).await.unwrap();
        assert_eq!(&b, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    }
    pub(super) async fn send(&mut self, b: impl AsRef<[u8]>) {
        self.io.write_all(b.as_ref()).await.unwrap();
    }
    pub(super) async fn next(&mut self) -> Option<Frame> {
        let mut h = [0; 9];
        self.io.read_exact(&mut h).await.ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, h[0], h[1], h[2]]) as usize];
        self.io.read_exact(&mut payload).await.ok()?;
        Some(Frame { kind: h[3], flags: h[4], id: u32::from_be_bytes([h[5], h[6], h[7], h[8]]), payload })
    }
    /// Skips to the next frame of this kind.
    pub(super) async fn want(&mut self, kind: u8) -> Frame {
        self.until(|f| f.kind == kind).await.pop().unwrap()
    }
    /// Skips to the end of this stream's request.
    pub(super) async fn request(&mut self, id: u32) {
        self.until(|f| f.id == id && f.kind == DATA && f.flags & END_STREAM != 0).await;
    }
    pub(super) async fn until(&mut self, f: impl Fn(&Frame) -> bool) -> Vec<Frame> {
        let mut all = vec![];
        loop {
            let next = timeout(Duration::from_secs(60), self.next()).await.expect("the frame comes");
            all.push(next.unwrap_or_else(|| panic!("the connection ended after {all:?}")));
            if f(all.last().unwrap()) {
                return all;
            }
        }
    }
    /// All that the client had to say by now: two pings, because what waited may follow the first pong.
    pub(super) async fn barrier(&mut self) -> Vec<Frame> {
        let mut all = vec![];
        for mark in [*b"barrier1", *b"barrier2"] {
            self.send(frame(PING, 0, 0, &mark)).await;
            all.extend(self.until(|f| f.kind == PING && f.flags == ACK && f.payload == mark).await);
            all.pop();
        }
        all
    }
    /// Everything until the end of the connection.
    pub(super) async fn rest(&mut self) -> Vec<Frame> {
        let mut all = vec![];
        while let Some(f) = timeout(Duration::from_secs(60), self.next()).await.expect("the connection ends") {
            all.push(f);
        }
        all
    }
    /// Closes with RST.
    pub(super) fn reset(self) {
        socket2::SockRef::from(&self.io).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

pub(super) fn spec(address: Address) -> DialSpec {
    DialSpec {
        address,
        authority: "test".into(),
        tls: None,
        timeout: Duration::from_secs(10),
        limits: Limits::default(),
        keepalive: None,
        planted: PlantedPanic::default(),
    }
}

pub(super) async fn listener() -> (TcpListener, DialSpec) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let spec = spec(Address::Tcp(listener.local_addr().unwrap()));
    (listener, spec)
}

pub(super) async fn accept(listener: &TcpListener) -> Peer {
    let io = listener.accept().await.unwrap().0;
    io.set_nodelay(true).unwrap();
    Peer { io }
}

pub(super) struct Client {
    pub(super) connection: Connection,
    pub(super) driver: rt::JoinHandle<ConnectionEnd>,
}
impl Client {
    pub(super) fn run(connection: Connection, driver: Driver) -> Client {
        Client { connection, driver: rt::Handle::current_or_own().unwrap().spawn("test.driver", driver) }
    }
    pub(super) fn open(&self, end: bool) -> Result<Call, StreamFault> {
        let slot = self.connection.try_slot().expect("a slot");
        self.connection.open(slot, request(), end)
    }
    pub(super) fn unary(&self) -> Call {
        let (mut send, recv) = self.open(false).unwrap();
        send.send_now(framing::Framed::new(false, Bytes::from_static(b"ping")), true).unwrap();
        (send, recv)
    }
    pub(super) async fn end(self) -> Evidence {
        drop(self.connection);
        timeout(Duration::from_secs(10), self.driver).await.expect("the driver ends").unwrap().evidence
    }
}

pub(super) type Call = (SendHalf, RecvHalf);

pub(super) fn request() -> Request<()> {
    Request::post("http://test/a.B/C")
        .header("te", "trailers")
        .header("content-type", "application/grpc")
        .body(())
        .unwrap()
}

/// Client and scripted server, past the exchange of SETTINGS.
pub(super) async fn connect_with(edit: impl FnOnce(&mut DialSpec), server: &[(u16, u32)]) -> (Client, Peer) {
    let (listener, mut spec) = listener().await;
    edit(&mut spec);
    let (dialled, peer) = tokio::join!(dial(&spec), async {
        let mut peer = accept(&listener).await;
        peer.send(settings(server)).await;
        peer.preface().await;
        peer
    });
    let (connection, driver) = dialled.expect("dial");
    let mut peer = peer;
    peer.send(frame(SETTINGS, ACK, 0, &[])).await;
    (Client::run(connection, driver), peer)
}
pub(super) async fn connect(server: &[(u16, u32)]) -> (Client, Peer) {
    connect_with(|_| {}, server).await
}
pub(super) async fn plain() -> (Client, Peer) {
    connect(&[]).await
}

/// One call's story.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub(super) status: Option<u16>,
    pub(super) bytes: usize,
    pub(super) grpc_status: Option<String>,
    pub(super) fault: Option<StreamFault>,
}
impl Story {
    pub(super) fn ok(&self) -> bool {
        self.fault.is_none() && self.status == Some(200) && self.grpc_status.as_deref() == Some("0")
    }
    pub(super) fn fault(self) -> (Evidence, Reached) {
        let fault = self.fault.expect("a fault");
        (*fault.evidence, fault.reached)
    }
}

pub(super) async fn story(call: Call) -> Story {
    let mut story = Story::default();
    story.fault = timeout(Duration::from_secs(10), read(&mut story, call)).await.expect("the call ends").err();
    story
}

async fn read(story: &mut Story, (_send, mut recv): Call) -> Result<(), StreamFault> {
    let status = |map: &HeaderMap| map.get("grpc-status").map(|v| v.to_str().unwrap().to_owned());
    let head = recv.head().await?;
    story.status = Some(head.status.as_u16());
    story.grpc_status = status(&head.headers);
    while let Some(data) = recv.data().await {
        let n = data?.len();
        story.bytes += n;
        recv.release(n);
    }
    if let Some(trailers) = recv.trailers().await? {
        story.grpc_status = status(&trailers);
    }
    Ok(())
}
