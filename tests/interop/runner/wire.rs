//! Looks on: a TCP relay that reads the compressed flag of every gRPC message that passes.
use crate::Result;
use causewire_testbed::frames::{DATA, FrameHead, HEAD, PADDED, PREFACE};
use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::{AbortHandle, JoinSet},
};

/// Bytes in front of each message: the flag, and the length.
const PREFIX: usize = 5;

/// The messages of each stream, by connection and stream.
type Streams = BTreeMap<(usize, u32), Messages>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Sent,
    Received,
}

/// Relays until this is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) port: u16,
    seen: Arc<[Mutex<Streams>; 2]>,
    task: AbortHandle,
}

impl Relay {
    pub(crate) async fn start(server: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (port, seen) = (listener.local_addr()?.port(), Arc::default());
        let task = tokio::spawn(accept(listener, server, Arc::clone(&seen))).abort_handle();
        Ok(Relay { port, seen, task })
    }

    /// The flags of the messages of each stream that had any.
    pub(crate) fn flags(&self, side: Side) -> Vec<Vec<u8>> {
        let streams = self.seen[side as usize].lock().unwrap_or_else(PoisonError::into_inner);
        streams.values().map(|messages| messages.flags.clone()).filter(|flags| !flags.is_empty()).collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, server: u16, seen: Arc<[Mutex<Streams>; 2]>) {
    // Dropped with this task, which ends every connection.
    let mut halves = JoinSet::new();
    for number in 0.. {
        let Ok((client, _)) = listener.accept().await else { return };
        let Ok(upstream) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await else { return };
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), upstream.into_split());
        halves.spawn(pass(from_client, to_server, number, Side::Sent, seen.clone()));
        halves.spawn(pass(from_server, to_client, number, Side::Received, seen.clone()));
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    connection: usize,
    side: Side,
    seen: Arc<[Mutex<Streams>; 2]>,
) {
    let mut frames = Frames::new(if side == Side::Sent { PREFACE.len() } else { 0 });
    let mut bytes = vec![0; 64 << 10];
    // Either side may break the connection off.
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        {
            let mut streams = seen[side as usize].lock().unwrap_or_else(PoisonError::into_inner);
            frames.feed(&bytes[..count], |stream, data| streams.entry((connection, stream)).or_default().feed(data));
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

/// Cuts the frames of one direction.
#[derive(Debug)]
struct Frames {
    skip: usize,
    buffer: Vec<u8>,
}

impl Frames {
    fn new(skip: usize) -> Self {
        Frames { skip, buffer: vec![] }
    }

    /// Calls `found` with the stream and the data of each DATA frame.
    fn feed(&mut self, bytes: &[u8], mut found: impl FnMut(u32, &[u8])) {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        self.buffer.extend(&bytes[skipped..]);
        while let Some((head, rest)) = self.buffer.split_first_chunk::<HEAD>() {
            let head = FrameHead::parse(head);
            let Some(payload) = rest.get(..head.length) else { return };
            if head.kind == DATA {
                found(head.stream, unpadded(payload, head.flags));
            }
            self.buffer.drain(..HEAD + head.length);
        }
    }
}

fn unpadded(payload: &[u8], flags: u8) -> &[u8] {
    match payload.split_first() {
        Some((padding, data)) if flags & PADDED != 0 => &data[..data.len().saturating_sub((*padding).into())],
        _ => payload,
    }
}

/// Steps over the messages of one stream.
#[derive(Debug, Default)]
struct Messages {
    flags: Vec<u8>,
    prefix: Vec<u8>,
    left: usize,
}

impl Messages {
    fn feed(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let wanted = if self.left > 0 { self.left } else { PREFIX - self.prefix.len() };
            let (part, rest) = data.split_at(wanted.min(data.len()));
            data = rest;
            if self.left > 0 {
                self.left -= part.len();
                continue;
            }
            self.prefix.extend(part);
            if let [flag, a, b, c, d] = self.prefix[..] {
                self.flags.push(flag);
                self.left = u32::from_be_bytes([a, b, c, d]) as usize;
                self.prefix.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use causewire_testbed::frames::{data, padded, settings};

    #[test]
    fn flags_are_read_however_the_bytes_are_cut() {
        let bytes = [
            PREFACE.to_vec(),
            settings(&[]),
            data(1, 0, b"\x01\0\0\0\x02ab\0\0"),
            data(3, 0, b"\0\0\0\0\0"),
            padded(1, b"\0\0\x01c\x01\0\0\0\0", 9),
        ]
        .concat();
        for size in [1, 2, 7, 1000] {
            let (mut frames, mut streams) = (Frames::new(PREFACE.len()), Streams::new());
            for part in bytes.chunks(size) {
                frames.feed(part, |stream, data| streams.entry((0, stream)).or_default().feed(data));
            }
            let flags: Vec<_> = streams.values().map(|messages| messages.flags.clone()).collect();
            assert_eq!(flags, [vec![1, 0, 1], vec![0]]);
        }
    }
}
