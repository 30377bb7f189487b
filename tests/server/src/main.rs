//! `causewire-testbed control` obeys JSON lines; `causewire-testbed serve [DIRECTORY]` stands and prints its addresses.
use causewire_testbed::{Result, control::control, standing::serve};
use std::{path::PathBuf, process::ExitCode};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: causewire-testbed control | serve [DIRECTORY for certificates and sockets]";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("causewire-testbed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next();
    let temporary = tempfile::tempdir()?;
    let directory = arguments.next().map_or(temporary.path().to_owned(), PathBuf::from);
    match mode.as_deref() {
        Some("control") => control(temporary.path()).await,
        Some("serve") => {
            std::fs::create_dir_all(&directory)?;
            tokio::select! {
                result = serve(&directory) => result,
                result = stopped() => result,
            }
        }
        _ => Err(USAGE.into()),
    }
}

/// SIGINT and SIGTERM, so that the temporary directory goes, too.
async fn stopped() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => Ok(result?),
        _ = terminate.recv() => Ok(()),
    }
}
