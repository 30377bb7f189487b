//! A client and a server in one thread that take turns over a unix socket, so that what happens is the same every time.
use crate::count::{counting, traffic};
use causewire_bench::{Result, server};
use tempfile::TempDir;
use tokio::{
    net::UnixListener,
    runtime::{Builder, Runtime},
    task::yield_now,
};

pub(crate) struct Bed {
    pub(crate) client: Runtime,
    server: Runtime,
    pub(crate) target: String,
    _directory: TempDir,
}

impl Bed {
    pub(crate) fn new() -> Result<Self> {
        let runtime = || Builder::new_current_thread().enable_all().build();
        let (client, server, directory) = (runtime()?, runtime()?, tempfile::tempdir()?);
        let path = directory.path().join("bed");
        let listener = {
            let _server = server.enter();
            UnixListener::bind(&path)?
        };
        server.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(server::connection(socket));
            }
        });
        Ok(Bed { client, server, target: format!("unix:{}", path.display()), _directory: directory })
    }

    /// Lets client and server take turns until neither has anything left to do. What the client does is counted.
    pub(crate) fn settle(&self) {
        let mut idle = Idle::default();
        while !idle.long() {
            counting(|| self.client.block_on(quiet()));
            self.server.block_on(quiet());
        }
    }
}

/// Every task has run, and the sockets have nothing more.
async fn quiet() {
    let mut idle = Idle::default();
    while !idle.long() {
        yield_now().await;
    }
}

/// A connection opens without a word on it: silence means something only when it lasts.
#[derive(Default)]
struct Idle {
    last: Option<u64>,
    turns: u32,
}

impl Idle {
    fn long(&mut self) -> bool {
        let now = Some(traffic());
        self.turns = if std::mem::replace(&mut self.last, now) == now { self.turns + 1 } else { 0 };
        self.turns == 3
    }
}
