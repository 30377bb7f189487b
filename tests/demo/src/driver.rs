//! One language: its driver makes all calls at once, through the language's public API.
use crate::Result;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{Read, Seek, Write},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

/// From the start of the language to its exit.
const LIMIT: Duration = Duration::from_secs(60);
/// Of what a driver that failed wrote to stderr.
const SHOWN: usize = 2_000;

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) json: Value,
}

/// The answers of `language` by their id.
pub(crate) fn ask(root: &Path, language: &str, lines: &[String]) -> Result<BTreeMap<String, Answer>> {
    let mut log = tempfile::tempfile()?;
    run(root, language, lines, &log).map_err(|error| {
        let mut said = String::new();
        let read = log.rewind().and_then(|()| log.read_to_string(&mut said));
        let said = if read.is_ok() { said.trim().chars().take(SHOWN).collect() } else { String::new() };
        format!("tests/drive {language}: {error}\n{said}").trim_end().into()
    })
}

fn run(root: &Path, language: &str, lines: &[String], log: &std::fs::File) -> Result<BTreeMap<String, Answer>> {
    let mut child = Command::new(root.join("tests/drive"))
        .arg(language)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log.try_clone()?)
        .spawn()?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let (mut input, mut output) = input.zip(output).ok_or("no pipes")?;
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut text = String::new();
        let read = output.read_to_string(&mut text).map(|_| text);
        // Nobody listens any more when the time is over.
        let _ = sender.send(read);
    });
    // A driver that has died already shows that in its exit code, which says more than a broken pipe.
    let _ = input.write_all(format!("{}\n", lines.join("\n")).as_bytes());
    drop(input);
    let Ok(text) = receiver.recv_timeout(LIMIT) else {
        child.kill()?;
        child.wait()?;
        return Err(format!("no end within {} s", LIMIT.as_secs()).into());
    };
    let (text, status) = (text?, child.wait()?);
    match status.success() {
        true => text.lines().map(parse).collect(),
        false => Err(status.to_string().into()),
    }
}

fn parse(line: &str) -> Result<(String, Answer)> {
    let json: Value = serde_json::from_str(line).map_err(|e| format!("a line that is no JSON: {e}: {line}"))?;
    match (json.get("error"), json["id"].as_str()) {
        (None, Some(id)) => Ok((id.to_owned(), Answer { text: line.to_owned(), json })),
        _ => Err(format!("it refused a line: {line}").into()),
    }
}
