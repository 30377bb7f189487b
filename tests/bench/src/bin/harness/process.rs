//! The processes: the server, and each client.
use crate::clients::{Client, Program, Role};
use causewire_bench::{Result, meter::Sample};
use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

/// Longer than anything here takes, on a loaded machine too.
const PATIENCE: Duration = Duration::from_secs(120);

/// How to start things; `make/bench.sh` has built them.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The repository.
    pub(crate) root: PathBuf,
    /// A checkout of another commit, built the same way into its own `target`.
    pub(crate) before: Option<PathBuf>,
    pub(crate) pinned: bool,
}

/// The core that a process is kept on where everything is pinned.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Core {
    Client,
    Server,
}

impl Place {
    /// A command on its core.
    pub(crate) fn command(&self, core: Core, words: &[String]) -> Command {
        let number = match core {
            Core::Client => "0",
            Core::Server => "1",
        };
        let pin: &[&str] = if self.pinned { &["taskset", "-c", number] } else { &[] };
        let mut words = pin.iter().map(|word| (*word).to_owned()).chain(words.iter().cloned());
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).current_dir(&self.root).stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    /// A client's command, but for address and verb.
    fn words(&self, client: &Client) -> Vec<String> {
        let target = self.target_of(client);
        let in_target = |path: &str| target.as_ref().map(|target| target.join(path).display().to_string());
        let python = in_target("python-venv/bin/python").unwrap_or_else(python);
        match client.program {
            Program::Node(name) => {
                ["node", "--expose-gc", "tests/bench/node/client.mjs", name].map(str::to_owned).into()
            }
            Program::Python(name) => vec![python, "tests/bench/python/client.py".to_owned(), name.to_owned()],
            Program::Rust(name) => {
                let program = in_target(&format!("{}/causewire-bench-client", profile()));
                vec![program.unwrap_or_else(|| sibling("causewire-bench-client")), name.to_owned()]
            }
            Program::Swift => vec!["bindings-swift/build.sh".to_owned(), "run-bench".to_owned()],
        }
    }

    /// Where the other checkout has built; `None`: the client is of this one.
    fn target_of(&self, client: &Client) -> Option<PathBuf> {
        let before = self.before.as_ref().filter(|_| client.role == Role::Before);
        before.map(|checkout| checkout.join("target"))
    }

    fn client(&self, client: &Client, address: &str, verb: &[&str]) -> Command {
        let mut words = self.words(client);
        words.push(address.to_owned());
        words.extend(verb.iter().map(|word| (*word).to_owned()));
        let mut command = self.command(Core::Client, &words);
        if let (Some(checkout), Some(target)) = (&self.before, self.target_of(client)) {
            command.current_dir(checkout).env("CARGO_TARGET_DIR", target);
        }
        command
    }
}

/// The Python of the tests.
pub(crate) fn python() -> String {
    env::var("BENCH_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

fn profile() -> String {
    env::var("CAUSEWIRE_PROFILE").unwrap_or_else(|_| "dist".to_owned())
}

/// Another program that was built with this one.
pub(crate) fn sibling(name: &str) -> String {
    let path = env::current_exe().map(|path| path.with_file_name(name));
    path.map_or_else(|_| name.to_owned(), |path| path.display().to_string())
}

/// A process that answers lines with lines; killed when dropped.
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let (input, output) = (child.stdin.take(), child.stdout.take().ok_or("no output")?);
        let (send, lines) = channel();
        thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(|line| line.ok());
            lines.take_while(|line| send.send(line.clone()).is_ok()).for_each(drop);
        });
        Ok(Process { child, input, lines })
    }

    /// The next line; `None`: there are no more.
    pub(crate) fn next(&self) -> Result<Option<String>> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err("no answer".into()),
        }
    }

    /// The next line.
    pub(crate) fn line(&self) -> Result<String> {
        self.next()?.ok_or_else(|| "ended without an answer".into())
    }

    pub(crate) fn ask(&mut self, line: &str) -> Result<String> {
        let input = self.input.as_mut().ok_or("no input")?;
        writeln!(input, "{line}")?;
        input.flush()?;
        self.line()
    }

    /// Closes its input and waits until it has ended.
    pub(crate) fn finish(mut self) -> Result<()> {
        drop(self.input.take());
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(status.to_string().into()) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server, and its address.
pub(crate) fn server(place: &Place) -> Result<(Process, String)> {
    let mut words = vec![sibling("causewire-bench-server")];
    if !place.pinned {
        words.push("2".to_owned());
    }
    let server = Process::start(place.command(Core::Server, &words))?;
    let port = server.line()?;
    Ok((server, format!("127.0.0.1:{port}")))
}

/// A client that waits for cells.
pub(crate) struct Worker {
    process: Process,
    /// Of what it is made of, by name.
    pub(crate) versions: BTreeMap<String, String>,
}

impl Worker {
    pub(crate) fn start(place: &Place, client: &Client, address: &str) -> Result<Self> {
        let process = Process::start(place.client(client, address, &["serve"]))?;
        let versions = serde_json::from_str(&process.line()?)?;
        Ok(Worker { process, versions })
    }

    pub(crate) fn measure(&mut self, cell: &str, seconds: f64) -> Result<Sample> {
        let answer = self.process.ask(&format!("{cell} {seconds}"))?;
        serde_json::from_str(&answer).map_err(|error| format!("{answer}: {error}").into())
    }
}

/// Milliseconds from the start of the process to its first response.
pub(crate) fn cold(place: &Place, client: &Client, address: &str) -> Result<f64> {
    let command = place.client(client, address, &["cold"]);
    let started = Instant::now();
    let process = Process::start(command)?;
    process.line()?;
    let taken = started.elapsed().as_secs_f64() * 1e3;
    process.finish()?;
    Ok(taken)
}

/// Milliseconds that a program takes which does nothing.
pub(crate) fn bare(place: &Place, words: &[String]) -> Result<f64> {
    let command = place.command(Core::Client, words);
    let started = Instant::now();
    Process::start(command)?.finish()?;
    Ok(started.elapsed().as_secs_f64() * 1e3)
}

/// Bytes that each of `count` channels or streams takes; `None` where the system does not say.
pub(crate) fn memory(place: &Place, client: &Client, address: &str, what: &str, count: u32) -> Result<Option<f64>> {
    #[derive(serde::Deserialize)]
    struct Each {
        bytes: Option<f64>,
    }
    let process = Process::start(place.client(client, address, &[what, &count.to_string()]))?;
    let line = process.line()?;
    Ok(serde_json::from_str::<Each>(&line).map_err(|error| format!("{line}: {error}"))?.bytes)
}
