//! `tests/drive rust`: one JSON object per line in, each starts at once; one object per line out when each is done.
mod answer;
mod call;
mod channels;
mod hooks;
mod messages;
mod ops;
mod request;

use answer::Out;
use channels::Channels;
use request::Line;
use std::sync::Arc;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    task::JoinSet,
};

/// What all lines share.
struct Driver {
    channels: Channels,
    out: Out,
    running: ops::Running,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let driver =
        Arc::new(Driver { channels: Channels::default(), out: Out::start(), running: ops::Running::default() });
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut tasks = JoinSet::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.trim().is_empty() {
            continue;
        }
        match Line::parse(&line) {
            Ok(line) => drop(tasks.spawn(run(driver.clone(), line))),
            Err(misuse) => driver.out.misuse(&misuse),
        }
        while tasks.try_join_next().is_some() {}
    }
    while tasks.join_next().await.is_some() {}
    driver.out.flush().await;
}

async fn run(driver: Arc<Driver>, line: Line) {
    match line {
        Line::Call(call) => call::run(&driver, *call).await,
        Line::Channel(op) => ops::channel(&driver, op).await,
        Line::Cancel(op) => ops::cancel(&driver, &op),
        Line::Logs { id } => driver.out.logs(&id, driver.channels.take_logs()),
    }
}
