//! The bridge as a binding uses it: one host loop that is rung once per batch. The bell is a pair of sockets, as costly
//! as the eventfd of a real loop.
use bytes::Bytes;
use causewire::bridge::{
    Batch, CallId, CallOptions, CallSpec, Channel, ChannelSpec, Event, Kind, Language, Metadata, Queue, Secrets,
};
use causewire_bench::{
    BIDI, DEADLINE, METADATA, Result, SERVER_STREAM, UNARY,
    cell::{Budget, Load, Spending, message, wish},
};
use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
};

const BATCH: usize = 1024;

pub(crate) struct Host {
    channel: Channel,
    queue: Queue,
    bell: UnixStream,
    unary: u32,
    stream: u32,
    bidi: u32,
}

impl Host {
    pub(crate) fn open(address: &str) -> Result<Self> {
        let (bell, rope) = UnixStream::pair()?;
        let queue = Queue::new(move || drop((&rope).write(&[1])));
        let spec = ChannelSpec {
            target: address,
            options: r#"{"tls": null}"#,
            secrets: Secrets::default(),
            language: Language::Rust,
            home: None,
            ask_token: false,
            ask_resolve: false,
            logs: false,
        };
        let failed = |failure: causewire::Failure| failure.diagnostic();
        let channel = Channel::open(spec).map_err(failed)?;
        let method = |path, kind| channel.method(path, kind).map_err(failed);
        let unary = method(UNARY, Kind::Unary)?;
        let stream = method(SERVER_STREAM, Kind::ServerStreaming)?;
        let bidi = method(BIDI, Kind::Bidi)?;
        Ok(Host { channel, queue, bell, unary, stream, bidi })
    }

    pub(crate) fn spend(&mut self, load: Load, budget: Budget) -> Result<u64> {
        let spending = budget.start();
        match load {
            Load::Protobuf => Err("the bridge carries bytes".into()),
            Load::Unary { size, width } => self.unary(message(size), width, spending),
            Load::Stream { size, count } => self.stream(wish(count, size), count, spending),
            Load::PingPong { size } => self.ping_pong(message(size), spending),
        }
    }

    fn submit(&self, method: u32, message: Option<Bytes>) -> Result<CallId> {
        let mut metadata = Metadata::new();
        for (key, value) in METADATA {
            metadata.append(key, value.as_bytes()).map_err(|fault| format!("{fault:?}"))?;
        }
        let options = CallOptions { timeout: Some(DEADLINE), ..CallOptions::default() };
        let spec = CallSpec { method, metadata, options, message };
        Ok(self.channel.submit(&self.queue, spec).map_err(|failure| failure.diagnostic())?)
    }

    fn unary(&mut self, message: Bytes, width: usize, mut spending: Spending) -> Result<u64> {
        let (mut operations, mut flying) = (0, 0);
        while flying < width && spending.take(1) {
            self.submit(self.unary, Some(message.clone()))?;
            flying += 1;
        }
        while flying > 0 {
            for event in self.batch()? {
                ok(&event)?;
                operations += 1;
                flying -= 1;
                if spending.take(1) {
                    self.submit(self.unary, Some(message.clone()))?;
                    flying += 1;
                }
            }
        }
        Ok(operations)
    }

    fn stream(&mut self, wish: Bytes, count: u32, mut spending: Spending) -> Result<u64> {
        let mut received = 0;
        while spending.take(count.into()) {
            let id = self.submit(self.stream, Some(wish.clone()))?;
            while self.queue.in_flight() > 0 {
                for event in self.batch()? {
                    if let Event::Messages { messages, .. } = event {
                        received += messages.len() as u64;
                        self.queue.credit(id, messages.len() as u32);
                    } else {
                        ok(&event)?;
                    }
                }
            }
        }
        Ok(received)
    }

    fn ping_pong(&mut self, message: Bytes, mut spending: Spending) -> Result<u64> {
        let id = self.submit(self.bidi, None)?;
        let mut turns = 0;
        while spending.take(1) {
            self.queue.send(id, message.clone());
            let mut answered = false;
            while !answered {
                for event in self.batch()? {
                    if let Event::Messages { messages, .. } = event {
                        self.queue.credit(id, messages.len() as u32);
                        answered = true;
                    } else {
                        ok(&event)?;
                    }
                }
            }
            turns += 1;
        }
        self.queue.close_send(id);
        while self.queue.in_flight() > 0 {
            self.batch()?;
        }
        Ok(turns)
    }

    /// Waits for the bell, then takes all that there is.
    fn batch(&mut self) -> Result<Vec<Event>> {
        let _ = self.bell.read(&mut [0; 16])?;
        let Batch { mut events, mut more } = self.queue.take(BATCH);
        while more {
            let next = self.queue.take(BATCH);
            events.extend(next.events);
            more = next.more;
        }
        Ok(events)
    }
}

fn ok(event: &Event) -> Result<()> {
    match event {
        Event::Done { outcome: Err(failed), .. } => Err(failed.failure.diagnostic().into()),
        _ => Ok(()),
    }
}
