//! A server in a process of its own, because only a process can be killed.
use crate::Result;
use causewire_testbed::{backend::stand, counted::Counters, script::Testbed};
use std::{
    net::SocketAddr,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::TcpListener,
    process::{Child, ChildStdin, Command},
    signal::unix::{SignalKind, signal},
    time::timeout,
};

/// How long a server may take to start, or to finish its calls.
const PATIENCE: Duration = Duration::from_secs(20);

/// The process itself: drains on SIGTERM, and ends with the one that started it.
pub(crate) async fn serve(address: SocketAddr) -> Result {
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(address).await?;
    println!("ready");
    let stop = async move { _ = terminate.recv().await };
    let (testbed, mut input, mut nothing) = (Testbed::default(), tokio::io::stdin(), [0; 1]);
    tokio::select! {
        ended = stand(listener, &testbed, Counters::default(), stop) => ended?,
        _ = input.read(&mut nothing) => {}
    }
    // Not by returning: the runtime would wait for the read.
    std::process::exit(0)
}

#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    child: Child,
    /// Its end is that of the child, so it is not to be closed before.
    _input: ChildStdin,
}

impl Backend {
    pub(crate) async fn start(address: SocketAddr) -> Result<Backend> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["backend", &address.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        // Until the child runs its own program this holds up the thread, and with it other tasks.
        let mut child = tokio::task::spawn_blocking(move || command.spawn()).await??;
        let (input, output) = (child.stdin.take().ok_or("no stdin")?, child.stdout.take().ok_or("no stdout")?);
        let mut lines = BufReader::new(output).lines();
        match timeout(PATIENCE, lines.next_line()).await?? {
            Some(line) if line == "ready" => Ok(Backend { address, child, _input: input }),
            _ => Err(format!("the server at {address} does not start").into()),
        }
    }

    /// Returns when its last call is answered.
    pub(crate) async fn drain(mut self) -> Result {
        let id = libc::pid_t::try_from(self.child.id().ok_or("it has ended already")?)?;
        // SAFETY: a signal to a child that is not reaped yet.
        unsafe { libc::kill(id, libc::SIGTERM) };
        let status: ExitStatus = timeout(PATIENCE, self.child.wait()).await.map_err(|_| "it does not drain")??;
        if status.success() { Ok(()) } else { Err(format!("a drained server ended with {status}").into()) }
    }

    pub(crate) async fn kill(mut self) -> Result {
        Ok(self.child.kill().await?)
    }
}
