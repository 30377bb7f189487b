//! A hold on `tests/drive LANG`: lines in, and for each a line out with the same id, in any order.
use crate::Result;
use serde_json::Value;
use std::{
    collections::HashMap,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::{Mutex as AsyncMutex, oneshot},
    time::timeout,
};

/// How long the driver may take to exit once its input has ended.
const EXIT: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub struct Driver {
    child: AsyncMutex<Child>,
    input: AsyncMutex<Option<ChildStdin>>,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    answers: HashMap<String, oneshot::Sender<Value>>,
    ended: bool,
    /// A line that is no answer to anything.
    stray: Option<String>,
}

impl Driver {
    pub fn start(language: &str) -> Result<Self> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../drive");
        let mut child = Command::new(program)
            .arg(language)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("tests/drive cannot be started: {e}"))?;
        let input = child.stdin.take();
        let waiting = Arc::<Mutex<Waiting>>::default();
        tokio::spawn(listen(child.stdout.take().ok_or("no stdout")?, waiting.clone()));
        Ok(Driver { child: child.into(), input: input.into(), waiting })
    }

    /// Hands over a line and waits for its answer.
    pub async fn ask(&self, id: &str, mut line: Value) -> Result<Value> {
        line["id"] = id.into();
        let (sender, receiver) = oneshot::channel();
        {
            let mut waiting = lock(&self.waiting);
            if waiting.ended {
                return Err("the driver has ended".into());
            }
            if waiting.answers.insert(id.to_owned(), sender).is_some() {
                return Err("the same call twice".into());
            }
        }
        let mut input = self.input.lock().await;
        input.as_mut().ok_or("the driver's input is closed")?.write_all(format!("{line}\n").as_bytes()).await?;
        drop(input);
        let answer = receiver.await.map_err(|_| "the driver has ended")?;
        match answer.get("error") {
            None => Ok(answer),
            Some(refused) => Err(format!("the driver refused the line: {refused}").into()),
        }
    }

    /// Ends the input; the driver has to exit with 0, having written nothing that nobody asked for.
    pub async fn finish(&self) -> Result<()> {
        drop(self.input.lock().await.take());
        let mut child = self.child.lock().await;
        let Ok(status) = timeout(EXIT, child.wait()).await else {
            return Err(format!("the driver still runs {} s after the end of its input", EXIT.as_secs()).into());
        };
        let status = status?;
        if !status.success() {
            return Err(format!("the driver: {status}").into());
        }
        match lock(&self.waiting).stray.take() {
            Some(line) => Err(format!("the driver wrote a line that answers nothing: {line}").into()),
            None => Ok(()),
        }
    }
}

fn lock(waiting: &Mutex<Waiting>) -> std::sync::MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(output: ChildStdout, waiting: Arc<Mutex<Waiting>>) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(text)) = lines.next_line().await {
        let answer = serde_json::from_str::<Value>(&text).unwrap_or_default();
        let mut waiting = lock(&waiting);
        let asked = answer["id"].as_str().and_then(|id| waiting.answers.remove(id));
        match asked {
            Some(sender) => drop(sender.send(answer)),
            None => waiting.stray = Some(text),
        }
    }
    let mut waiting = lock(&waiting);
    waiting.ended = true;
    waiting.answers.clear();
}
