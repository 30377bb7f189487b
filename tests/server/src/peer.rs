//! The server's end of one HTTP/2 connection, frame by frame.
use crate::{
    counted::Counted,
    frames::{
        self, ACK, DATA, END_STREAM, FrameHead, HEAD, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE,
    },
    script::Frames,
    windows::Windows,
};
use std::{collections::VecDeque, io};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// No client that keeps our SETTINGS sends a larger frame.
const LARGEST_FRAME: usize = 1 << 24;
/// A request's kept bytes; the rest is read and forgotten.
const LARGEST_BODY: usize = 1 << 24;

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: u32,
    pub(crate) ended: bool,
    pub(crate) reset: bool,
    /// Our side has ended.
    answered: bool,
    pub(crate) body: Vec<u8>,
    /// A script has waited for its end.
    pub(crate) awaited: bool,
}

impl Stream {
    /// The first whole message, without its prefix.
    pub(crate) fn message(&self) -> Option<&[u8]> {
        let (prefix, rest) = self.body.split_at_checked(5)?;
        let length = u32::from_be_bytes(prefix[1..].try_into().ok()?) as usize;
        rest.get(..length)
    }

    fn is_open(&self) -> bool {
        !self.reset && !self.answered
    }
}

#[derive(Debug)]
pub(crate) struct Peer {
    io: Counted,
    pub(crate) streams: Vec<Stream>,
    /// Position of the request that steps act on.
    current: Option<usize>,
    pub(crate) acknowledges: bool,
    pub(crate) pinged: bool,
    pub(crate) speaks_http2: bool,
    windows: Windows,
    /// `max_concurrent_streams` of the SETTINGS that the client has yet to acknowledge.
    announced: VecDeque<Option<u32>>,
    /// What it has acknowledged.
    max_streams: Option<u32>,
}

impl Peer {
    pub(crate) fn new(io: Counted) -> Self {
        Peer {
            io,
            streams: vec![],
            current: None,
            acknowledges: true,
            pinged: false,
            speaks_http2: false,
            windows: Windows::default(),
            announced: VecDeque::new(),
            max_streams: None,
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.write_all(bytes).await?;
        self.io.flush().await
    }

    pub(crate) async fn settings(&mut self, values: &[(u16, u32)], max_streams: Option<u32>) -> io::Result<()> {
        self.announced.push_back(max_streams);
        self.write(&frames::settings(values)).await
    }

    /// Sends DATA frames on the current stream, reading the client's frames while its windows are full.
    pub(crate) async fn send_in_frames(&mut self, bytes: &[u8], frames: Frames) -> io::Result<()> {
        let stream = self.current()?.id;
        let mut out = vec![];
        for part in bytes.chunks(frames.bytes.get()) {
            let counted = part.len() + frames.padding.map_or(0, |padding| 1 + usize::from(padding));
            while !self.windows.take(stream, counted) {
                self.write(&std::mem::take(&mut out)).await?;
                self.frame().await?;
            }
            out.extend(match frames.padding {
                Some(padding) => frames::padded(stream, part, padding),
                None => frames::data(stream, 0, part),
            });
        }
        self.write(&out).await
    }

    /// Our side of the current stream has ended.
    pub(crate) fn mark_answered(&mut self) {
        if let Some(stream) = self.current.and_then(|n| self.streams.get_mut(n)) {
            stream.answered = true;
        }
    }

    /// Bytes as they come.
    pub(crate) fn io(&mut self) -> &mut Counted {
        &mut self.io
    }

    pub(crate) async fn read(&mut self, count: usize) -> io::Result<()> {
        let mut bytes = vec![0; count];
        self.io.read_exact(&mut bytes).await.map(drop)
    }

    pub(crate) async fn preface(&mut self) -> io::Result<()> {
        let mut bytes = [0; PREFACE.len()];
        self.io.read_exact(&mut bytes).await?;
        if &bytes != PREFACE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the client does not speak HTTP/2"));
        }
        self.speaks_http2 = true;
        Ok(())
    }

    pub(crate) fn current(&self) -> io::Result<&Stream> {
        self.current.and_then(|n| self.streams.get(n)).ok_or_else(|| io::Error::other("no request is awaited yet"))
    }

    /// Waits for the request after the current one.
    pub(crate) async fn next_request(&mut self) -> io::Result<()> {
        let next = self.current.map_or(0, |n| n + 1);
        while self.streams.len() <= next {
            self.frame().await?;
        }
        self.current = Some(next);
        Ok(())
    }

    /// The current request until the script has waited for its end, then the next.
    pub(crate) async fn open_request(&mut self) -> io::Result<()> {
        match self.current() {
            Ok(stream) if !stream.awaited => Ok(()),
            _ => self.next_request().await,
        }
    }

    pub(crate) async fn until(&mut self, done: impl Fn(&Stream) -> bool) -> io::Result<()> {
        while !done(self.current()?) {
            self.frame().await?;
        }
        Ok(())
    }

    pub(crate) fn mark_awaited(&mut self) {
        if let Some(stream) = self.current.and_then(|n| self.streams.get_mut(n)) {
            stream.awaited = true;
        }
    }

    /// Reads one frame and does what it asks for.
    pub(crate) async fn frame(&mut self) -> io::Result<()> {
        let mut head = [0; HEAD];
        self.io.read_exact(&mut head).await?;
        let head = FrameHead::parse(&head);
        if head.length > LARGEST_FRAME {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "frame too large"));
        }
        let mut payload = vec![0; head.length];
        self.io.read_exact(&mut payload).await?;
        self.pinged |= head.kind == PING && head.flags & ACK == 0;
        match head.kind {
            SETTINGS if head.flags & ACK != 0 => {
                let acknowledged = self.announced.pop_front().flatten();
                self.max_streams = acknowledged.or(self.max_streams);
                return Ok(());
            }
            SETTINGS => self.windows.settings(&payload),
            WINDOW_UPDATE => self.windows.update(head.stream, &payload),
            _ => {}
        }
        match head.kind {
            SETTINGS | PING if self.acknowledges && head.flags & ACK == 0 => {
                let answer = if head.kind == PING { &payload[..] } else { &[] };
                self.write(&frames::frame(head.kind, ACK, 0, answer)).await
            }
            HEADERS => {
                let ended = head.flags & END_STREAM != 0;
                self.streams.push(Stream {
                    id: head.stream,
                    ended,
                    reset: false,
                    answered: false,
                    body: vec![],
                    awaited: false,
                });
                self.check_streams()
            }
            DATA => self.data(head, &payload).await,
            RST_STREAM => {
                self.streams.iter_mut().filter(|s| s.id == head.stream).for_each(|s| s.reset = true);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn check_streams(&self) -> io::Result<()> {
        let open = self.streams.iter().filter(|stream| stream.is_open()).count();
        match self.max_streams {
            Some(most) if open > most as usize => Err(io::Error::other(format!("{open} streams, {most} allowed"))),
            _ => Ok(()),
        }
    }

    async fn data(&mut self, head: FrameHead, payload: &[u8]) -> io::Result<()> {
        if let Some(stream) = self.streams.iter_mut().find(|s| s.id == head.stream) {
            stream.ended |= head.flags & END_STREAM != 0;
            let room = LARGEST_BODY.saturating_sub(stream.body.len()).min(payload.len());
            stream.body.extend(&payload[..room]);
        }
        if !self.acknowledges || payload.is_empty() {
            return Ok(());
        }
        let add = payload.len() as u32;
        self.write(&[frames::window(0, add), frames::window(head.stream, add)].concat()).await
    }

    /// Reads until the peer closes.
    pub(crate) async fn drain(&mut self) -> io::Result<()> {
        while self.speaks_http2 {
            self.frame().await?;
        }
        let mut bytes = [0; 4096];
        while self.io.read(&mut bytes).await? > 0 {}
        Ok(())
    }

    /// Ends our direction, then reads what is left: a close with unread bytes would be a reset.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        self.io.shutdown().await?;
        self.acknowledges = false;
        self.drain().await
    }
}
