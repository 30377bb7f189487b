//! A child that takes JSON lines and answers each, in any order, with a line of the same `id`.
use crate::{Result, ordered::Json};
use serde_json::{Map, Value};
use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    sync::{Mutex as AsyncMutex, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// What a child writes to stderr is kept up to this size, to be searched.
const MOST_SAID: usize = 16 << 20;
/// How long a child may take to exit once its input has ended.
const EXIT: Duration = Duration::from_secs(20);

type Waiting = Arc<Mutex<State>>;

#[derive(Debug, Default)]
struct State {
    answers: HashMap<String, oneshot::Sender<Answer>>,
    ended: bool,
    /// Lines that are no answer to anything.
    strays: Vec<String>,
}

/// One line, as text and parsed.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) json: Json,
}

#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) name: String,
    recipe: Recipe,
    child: AsyncMutex<Child>,
    input: AsyncMutex<Option<ChildStdin>>,
    waiting: Waiting,
    said: AsyncMutex<JoinHandle<String>>,
    next_id: AtomicU64,
}

/// How it was started.
#[derive(Debug)]
struct Recipe {
    program: OsString,
    arguments: Vec<OsString>,
    directory: Option<PathBuf>,
    /// Absent: removed.
    environment: Vec<(OsString, Option<OsString>)>,
}

impl Recipe {
    fn of(command: &std::process::Command) -> Recipe {
        let owned = |text: &OsStr| text.to_owned();
        Recipe {
            program: owned(command.get_program()),
            arguments: command.get_args().map(owned).collect(),
            directory: command.get_current_dir().map(Path::to_owned),
            environment: command.get_envs().map(|(name, value)| (owned(name), value.map(owned))).collect(),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command.current_dir(self.directory.as_deref().unwrap_or(Path::new(".")));
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}

impl Process {
    /// Another one of the same kind, with these environment variables too.
    pub(crate) fn again(&self, environment: &Map<String, Value>) -> Result<Self> {
        let mut command = self.recipe.command();
        command.envs(environment.iter().filter_map(|(name, value)| Some((name, value.as_str()?))));
        Process::start(&self.name, command)
    }

    pub(crate) fn start(name: &str, mut command: Command) -> Result<Self> {
        let recipe = Recipe::of(command.as_std());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|e| format!("{name}: cannot be started: {e}"))?;
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let waiting = Waiting::default();
        let said = AsyncMutex::new(tokio::spawn(overhear(errors.ok_or("no stderr")?)));
        tokio::spawn(listen(output.ok_or("no stdout")?, waiting.clone()));
        Ok(Process {
            name: name.to_owned(),
            recipe,
            child: AsyncMutex::new(child),
            input: AsyncMutex::new(input),
            waiting,
            said,
            next_id: AtomicU64::new(1),
        })
    }

    /// An id that no other request of this process has.
    pub(crate) fn new_id(&self) -> String {
        format!("r{}", self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Sends a request; the answer comes when it comes.
    pub(crate) async fn send(&self, id: &str, mut request: Value) -> Result<oneshot::Receiver<Answer>> {
        request["id"] = id.into();
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = lock(&self.waiting);
            if state.ended {
                return Err(format!("{} has ended", self.name).into());
            }
            state.answers.insert(id.to_owned(), sender);
        }
        let mut input = self.input.lock().await;
        let input = input.as_mut().ok_or("the input is closed")?;
        input.write_all(format!("{request}\n").as_bytes()).await.map_err(|e| format!("{}: {e}", self.name))?;
        Ok(receiver)
    }

    pub(crate) async fn ask(&self, request: Value) -> Result<Answer> {
        let receiver = self.send(&self.new_id(), request).await?;
        receiver.await.map_err(|_| format!("{} has ended", self.name).into())
    }

    /// Everything the child wrote to stderr before it ended: logs, and what a panic prints.
    pub(crate) async fn said(&self) -> String {
        (&mut *self.said.lock().await).await.unwrap_or_default()
    }

    /// Ends the input. The child has to exit with 0, having written nothing that nobody asked for.
    pub(crate) async fn finish(&self) -> Result<()> {
        drop(self.input.lock().await.take());
        let mut child = self.child.lock().await;
        let Ok(status) = timeout(EXIT, child.wait()).await else {
            child.kill().await?;
            return Err(format!("{}: still runs {} s after the end of its input", self.name, EXIT.as_secs()).into());
        };
        let status = status?;
        if !status.success() {
            return Err(format!("{}: {status}", self.name).into());
        }
        match lock(&self.waiting).strays.first() {
            Some(line) => Err(format!("{}: a line that answers nothing: {line}", self.name).into()),
            None => Ok(()),
        }
    }
}

fn lock(waiting: &Waiting) -> std::sync::MutexGuard<'_, State> {
    waiting.lock().unwrap_or_else(|e| e.into_inner())
}

/// Passes stderr on, and keeps it.
async fn overhear(errors: ChildStderr) -> String {
    let (mut lines, mut said) = (BufReader::new(errors).lines(), String::new());
    while let Ok(Some(line)) = lines.next_line().await {
        eprintln!("{line}");
        if said.len() + line.len() < MOST_SAID {
            said.push_str(&line);
            said.push('\n');
        }
    }
    said
}

async fn listen(output: ChildStdout, waiting: Waiting) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(text)) = lines.next_line().await {
        let json = serde_json::from_str::<Json>(&text).unwrap_or(Json::Null);
        let id = match json.get("id") {
            Some(Json::String(id)) => id.clone(),
            _ => String::new(),
        };
        let mut state = lock(&waiting);
        match state.answers.remove(&id) {
            // A request that was given up on has no receiver any more.
            Some(sender) => drop(sender.send(Answer { text, json })),
            None => state.strays.push(text),
        }
    }
    let mut state = lock(&waiting);
    state.ended = true;
    state.answers.clear();
}
