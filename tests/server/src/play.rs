//! Runs the steps of one connection.
use crate::{
    counted::Counted,
    frames::{self, END_STREAM},
    peer::Peer,
    proxy,
    script::{Await, Close, Data, Frame, Framed, GoAway, Head, Http, Last, Message, Settings, Step, Trailers},
    text::Text,
};
use std::{io, io::Write, os::fd::OwnedFd, time::Duration};
use tokio::time::{sleep, timeout};

/// How long a closing script waits for the client to close too.
const FINISH: Duration = Duration::from_secs(2);

/// The socket under a connection, for a close by TCP reset.
#[derive(Debug)]
pub(crate) struct Socket(pub(crate) Option<OwnedFd>);

impl Socket {
    fn reset_on_close(&self) {
        if let Some(fd) = &self.0 {
            // The peer may have closed already; then there is nothing to reset.
            let _ = socket2::SockRef::from(fd).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Ends early, and quietly, when the client closes.
pub(crate) async fn play(io: Counted, socket: Socket, steps: &[Step]) -> io::Result<()> {
    let mut peer = Peer::new(io);
    for step in steps {
        match step {
            Step::Close(Close::Eof) => {
                let _ = timeout(FINISH, peer.finish()).await;
                return Ok(());
            }
            Step::Close(Close::Rst) => {
                socket.reset_on_close();
                return Ok(());
            }
            Step::Stall => return std::future::pending().await,
            step => run(&mut peer, step).await?,
        }
    }
    peer.drain().await
}

async fn run(peer: &mut Peer, step: &Step) -> io::Result<()> {
    match step {
        Step::Open(settings) => {
            send_settings(peer, settings).await?;
            peer.preface().await
        }
        Step::Preface => peer.preface().await,
        Step::Settings(settings) => send_settings(peer, settings).await,
        Step::Read(count) => peer.read(*count).await,
        Step::Await(what) => wait(peer, *what).await,
        Step::Headers(head) => headers(peer, head).await,
        Step::Message(message) => send_message(peer, message).await,
        Step::Data(data) => send_data(peer, data).await,
        Step::End => {
            let stream = peer.current()?.id;
            peer.mark_answered();
            peer.write(&frames::data(stream, END_STREAM, &[])).await
        }
        Step::Trailers(trailers) => send_trailers(peer, trailers, vec![]).await,
        Step::TrailersOnly(trailers) => send_trailers(peer, trailers, head_fields(&Head::default())).await,
        Step::Echo => echo(peer).await,
        Step::Serve(with) => loop {
            wait(peer, Await::Request).await?;
            match with {
                None => echo(peer).await?,
                Some(message) => answer(peer, message).await?,
            }
        },
        Step::Fail(code) => loop {
            wait(peer, Await::Request).await?;
            headers(peer, &Head::default()).await?;
            send_trailers(peer, &Trailers::Status(*code), vec![]).await?;
        },
        Step::Connect(expected) => proxy::connect(peer, expected).await,
        Step::Tunnel(to) => proxy::tunnel(peer, to).await,
        Step::Http(answer) => http(peer, answer).await,
        Step::Rst(code) => {
            let stream = peer.current()?.id;
            peer.mark_answered();
            peer.write(&frames::rst(stream, *code)).await
        }
        Step::Goaway(goaway) => send_goaway(peer, goaway).await,
        Step::Frame(frame) => send_frame(peer, frame).await,
        Step::Raw(text) => peer.write(&bytes(text)?).await,
        Step::SleepMs(ms) => {
            sleep(Duration::from_millis(*ms)).await;
            Ok(())
        }
        Step::Mute => {
            peer.acknowledges = false;
            Ok(())
        }
        Step::Testbed => Err(io::Error::other("testbed must be the only step")),
        Step::Stall | Step::Close(_) => Ok(()),
    }
}

fn values(settings: &Settings) -> Vec<(u16, u32)> {
    let all = [
        (3, settings.max_concurrent_streams),
        (4, settings.initial_window_size),
        (5, settings.max_frame_size),
        (6, settings.max_header_list_size),
    ];
    all.into_iter().filter_map(|(id, value)| Some((id, value?))).collect()
}

async fn wait(peer: &mut Peer, what: Await) -> io::Result<()> {
    match what {
        Await::Headers => peer.next_request().await,
        Await::Message => {
            peer.open_request().await?;
            peer.until(|s| s.message().is_some()).await
        }
        Await::Request => {
            peer.open_request().await?;
            peer.until(|s| s.ended).await?;
            peer.mark_awaited();
            Ok(())
        }
        Await::Ping => {
            while !peer.pinged {
                peer.frame().await?;
            }
            Ok(())
        }
        Await::Rst => peer.until(|s| s.reset).await,
        Await::Eof => peer.drain().await,
    }
}

fn bytes(text: &Text) -> io::Result<Vec<u8>> {
    text.bytes().map_err(io::Error::other)
}

type Fields = Vec<(String, Vec<u8>)>;

fn extend(fields: &mut Fields, extra: &[(String, Text)]) -> io::Result<()> {
    for (name, value) in extra {
        fields.push((name.clone(), bytes(value)?));
    }
    Ok(())
}

fn head_fields(head: &Head) -> Fields {
    let status = head.status.clone().map(|s| (":status".to_owned(), s.into_bytes()));
    let content_type = head.content_type.clone().map(|s| ("content-type".to_owned(), s.into_bytes()));
    status.into_iter().chain(content_type).collect()
}

async fn headers(peer: &mut Peer, head: &Head) -> io::Result<()> {
    let mut fields = head_fields(head);
    extend(&mut fields, &head.extra)?;
    let stream = peer.current()?.id;
    if head.end {
        peer.mark_answered();
    }
    peer.write(&frames::headers(stream, if head.end { END_STREAM } else { 0 }, &fields)).await
}

fn prefixed(message: &Message) -> io::Result<Vec<u8>> {
    let (body, flag, length) = match message {
        Message::Plain(text) => (bytes(text)?, 0, None),
        Message::Framed(framed) => {
            let body = bytes(&framed.body)?;
            let body = framed.compress.as_deref().map_or(Ok(body.clone()), |name| compress(name, &body))?;
            (body, framed.flag.unwrap_or(framed.compress.is_some().into()), framed.length)
        }
    };
    let length = length.unwrap_or(body.len() as u32);
    Ok([&[flag][..], &length.to_be_bytes(), &body].concat())
}

fn compress(name: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let level = flate2::Compression::default();
    match name {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(vec![], level);
            encoder.write_all(body)?;
            encoder.finish()
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(vec![], level);
            encoder.write_all(body)?;
            encoder.finish()
        }
        "zstd" => zstd::encode_all(body, 0),
        other => Err(io::Error::other(format!("unknown compression {other}"))),
    }
}

async fn send_data(peer: &mut Peer, data: &Data) -> io::Result<()> {
    let stream = peer.current()?.id;
    if data.end {
        peer.mark_answered();
    }
    peer.write(&frames::data(stream, if data.end { END_STREAM } else { 0 }, &bytes(&data.body)?)).await
}

async fn send_trailers(peer: &mut Peer, trailers: &Trailers, mut fields: Fields) -> io::Result<()> {
    match trailers {
        Trailers::Status(code) => fields.push(("grpc-status".to_owned(), code.to_string().into_bytes())),
        Trailers::Full(full) => {
            fields.extend(full.status.clone().map(|s| ("grpc-status".to_owned(), s.into_bytes())));
            fields.extend(full.message.clone().map(|s| ("grpc-message".to_owned(), s.into_bytes())));
            extend(&mut fields, &full.extra)?;
        }
    }
    let stream = peer.current()?.id;
    peer.mark_answered();
    peer.write(&frames::headers(stream, END_STREAM, &fields)).await
}

async fn send_settings(peer: &mut Peer, settings: &Settings) -> io::Result<()> {
    peer.settings(&values(settings), settings.max_concurrent_streams).await
}

async fn send_message(peer: &mut Peer, message: &Message) -> io::Result<()> {
    let bytes = prefixed(message)?;
    if let Message::Framed(Framed { frames: Some(frames), .. }) = message {
        return peer.send_in_frames(&bytes, *frames).await;
    }
    let stream = peer.current()?.id;
    peer.write(&frames::data(stream, 0, &bytes)).await
}

async fn answer(peer: &mut Peer, message: &Message) -> io::Result<()> {
    headers(peer, &Head::default()).await?;
    send_message(peer, message).await?;
    send_trailers(peer, &Trailers::Status(0), vec![]).await
}

async fn echo(peer: &mut Peer) -> io::Result<()> {
    let message = peer.current()?.message().unwrap_or_default().to_vec();
    let framed = [&[0][..], &(message.len() as u32).to_be_bytes(), &message].concat();
    headers(peer, &Head::default()).await?;
    let stream = peer.current()?.id;
    peer.write(&frames::data(stream, 0, &framed)).await?;
    send_trailers(peer, &Trailers::Status(0), vec![]).await
}

async fn http(peer: &mut Peer, answer: &Http) -> io::Result<()> {
    let head = Head {
        status: Some(answer.status.to_string()),
        content_type: Some(answer.content_type.clone()),
        extra: answer.extra.clone(),
        end: answer.body.is_none(),
    };
    headers(peer, &head).await?;
    match &answer.body {
        Some(body) => send_data(peer, &Data { body: body.clone(), end: true }).await,
        None => Ok(()),
    }
}

async fn send_goaway(peer: &mut Peer, goaway: &GoAway) -> io::Result<()> {
    let last = match goaway.last {
        Last::None => 0,
        Last::This => peer.current()?.id,
        Last::Max => (1 << 31) - 1,
    };
    peer.write(&frames::goaway(last, goaway.code, goaway.debug.as_bytes())).await
}

async fn send_frame(peer: &mut Peer, frame: &Frame) -> io::Result<()> {
    let stream = match frame.stream {
        Some(stream) => stream,
        None => peer.current()?.id,
    };
    peer.write(&frames::frame(frame.kind, frame.flags, stream, &bytes(&frame.payload)?)).await
}
