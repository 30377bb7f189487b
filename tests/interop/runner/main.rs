//! Runs the interop client of one language, case by case, against one server.
//!
//! ```text
//! causewire-interop grpc-go|grpc-java|testbed CLIENT [--tls] [--only CASE]
//! CAUSEWIRE_INTEROP_GO    directory with grpc-go's `server`, `server1.pem` and `server1.key`
//! CAUSEWIRE_INTEROP_JAVA  directory with the jars of io.grpc:grpc-interop-testing
//! ```
mod client;
mod matrix;
mod servers;
mod suite;
mod wire;

use std::process::ExitCode;
use suite::Suite;

/// A test tool reports its problems as text.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str =
    "usage: causewire-interop grpc-go|grpc-java|testbed rust|node|python|python-aio|swift [--tls] [--only CASE]";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("causewire-interop: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<bool> {
    let mut arguments = std::env::args().skip(1);
    let (server, client) = (arguments.next().ok_or(USAGE)?, arguments.next().ok_or(USAGE)?);
    let (mut tls, mut only) = (false, None);
    while let Some(flag) = arguments.next() {
        match &flag[..] {
            "--tls" => tls = true,
            "--only" => only = Some(arguments.next().ok_or(USAGE)?),
            _ => return Err(USAGE.into()),
        }
    }
    let suite = Suite::start(&server, &client, tls).await?;
    let tally = suite.run(only.as_deref()).await;
    println!("{} cases, {} passed, {} failed", tally.passed + tally.failed, tally.passed, tally.failed);
    Ok(tally.failed == 0 && tally.passed > 0)
}
