//! The client under test of connectrpc/conformance: makes each call by the public API of one language.
mod frames;
mod proto;
mod request;
mod response;

use causewire_testbed::drive::Driver;
use proto::{ClientCompatRequest, ClientCompatResponse, ClientErrorResult, client_compat_response::Result as Outcome};
use std::{process::ExitCode, sync::Arc};
use tokio::{
    io::{AsyncWriteExt, BufReader},
    signal::unix::{SignalKind, signal},
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

/// A test tool reports its problems as text.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Calls under way at once. The suite hands over all its cases at once, and some of them wait for milliseconds that a
/// machine with hundreds of calls to serve could not keep.
const AT_ONCE: usize = 8;

const USAGE: &str = "usage: causewire-conformance rust|node|python|python-aio|swift, started by connectconformance";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("causewire-conformance: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let mut given = std::env::args().skip(1);
    let (Some(language), None) = (given.next(), given.next()) else { return Err(USAGE.into()) };
    let mut terminate = signal(SignalKind::terminate())?;
    let driver = Arc::new(Driver::start(&language)?);
    tokio::select! {
        served = serve(&driver) => served?,
        // The runner asks to stop at once; the driver dies with its handle.
        _ = terminate.recv() => return Ok(()),
    }
    driver.finish().await
}

/// Answers each request, until there are no more.
async fn serve(driver: &Arc<Driver>) -> Result<()> {
    let (answers, written) = mpsc::channel(AT_ONCE);
    let writer = tokio::spawn(write(written));
    let free = Arc::new(Semaphore::new(AT_ONCE));
    let mut input = BufReader::new(tokio::io::stdin());
    let mut calls = JoinSet::new();
    while let Some(request) = frames::read::<ClientCompatRequest>(&mut input).await? {
        let place = free.clone().acquire_owned().await?;
        let (driver, answers) = (driver.clone(), answers.clone());
        calls.spawn(async move {
            let answer = perform(&driver, request).await;
            drop(place);
            // The writer ends only with the output, which the end of `serve` reports.
            let _ = answers.send(answer).await;
        });
        while calls.try_join_next().is_some() {}
    }
    while let Some(ended) = calls.join_next().await {
        ended?;
    }
    drop(answers);
    writer.await?
}

async fn write(mut answers: mpsc::Receiver<ClientCompatResponse>) -> Result<()> {
    let mut output = tokio::io::stdout();
    while let Some(answer) = answers.recv().await {
        frames::write(&mut output, &answer).await?;
        if answers.is_empty() {
            output.flush().await?;
        }
    }
    Ok(())
}

/// Only what kept the call from being made is an error of the adapter's own; all else is the call's result.
async fn perform(driver: &Driver, request: ClientCompatRequest) -> ClientCompatResponse {
    let result = match made(driver, &request).await {
        Ok(response) => Outcome::Response(response),
        Err(error) => Outcome::Error(ClientErrorResult { message: error.to_string() }),
    };
    ClientCompatResponse { test_name: request.test_name, result: Some(result) }
}

async fn made(driver: &Driver, request: &ClientCompatRequest) -> Result<proto::ClientResponseResult> {
    let line = request::line(request)?;
    let answer = driver.ask(&request.test_name, line).await?;
    response::result(request, &answer)
}
