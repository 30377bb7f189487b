//! The processes: the server, and each client.
use crate::clients::Program;
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
    pub(crate) fn words(&self, program: Program) -> Vec<String> {
        let python = env::var("BENCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let words: Vec<String> = match program {
            Program::Node(name) => {
                ["node", "--expose-gc", "tests/bench/node/client.mjs", name].map(str::to_owned).into()
            }
            Program::Python(name) => vec![python, "tests/bench/python/client.py".to_owned(), name.to_owned()],
            Program::Rust(name) => vec![sibling("causewire-bench-client"), name.to_owned()],
            Program::Swift => vec!["bindings-swift/build.sh".to_owned(), "run-bench".to_owned()],
        };
        words
    }
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
    pub(crate) fn start(place: &Place, program: Program, address: &str) -> Result<Self> {
        let process = Process::start(client(place, program, address, &["serve"]))?;
        let versions = serde_json::from_str(&process.line()?)?;
        Ok(Worker { process, versions })
    }

    pub(crate) fn measure(&mut self, cell: &str, seconds: f64) -> Result<Sample> {
        let answer = self.process.ask(&format!("{cell} {seconds}"))?;
        serde_json::from_str(&answer).map_err(|error| format!("{answer}: {error}").into())
    }
}

fn client(place: &Place, program: Program, address: &str, verb: &[&str]) -> Command {
    let mut words = place.words(program);
    words.push(address.to_owned());
    words.extend(verb.iter().map(|word| (*word).to_owned()));
    place.command(Core::Client, &words)
}

/// Milliseconds from the start of the process to its first response.
pub(crate) fn cold(place: &Place, program: Program, address: &str) -> Result<f64> {
    let command = client(place, program, address, &["cold"]);
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
pub(crate) fn memory(place: &Place, program: Program, address: &str, what: &str, count: u32) -> Result<Option<f64>> {
    #[derive(serde::Deserialize)]
    struct Each {
        bytes: Option<f64>,
    }
    let process = Process::start(client(place, program, address, &[what, &count.to_string()]))?;
    let line = process.line()?;
    Ok(serde_json::from_str::<Each>(&line).map_err(|error| format!("{line}: {error}"))?.bytes)
}
