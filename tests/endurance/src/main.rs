//! Many servers die, and nobody notices: programs that take a while, each printing its figures and failing where one is
//! out of bounds.
//!
//! ```text
//! causewire-endurance storm                   500 channels lose their server, which comes back
//! causewire-endurance age                     connections live for an instant, under load
//! causewire-endurance rolling                 three servers are replaced in turn under load from three languages
//! causewire-endurance killing                 the same, with SIGKILL
//! causewire-endurance soak SECONDS SEED       servers, paths and names fail at random
//! causewire-endurance silence PROGRAM MINUTES a stream on which nobody says anything, on grpc-go's interop server
//! causewire-endurance backend ADDRESS         the server of the others
//! ```
mod age;
mod backend;
mod load;
mod names;
mod relay;
mod resources;
mod rolling;
mod silence;
mod soak;
mod storm;
mod tally;

use std::{net::SocketAddr, process::ExitCode, time::Duration};

/// A test tool reports its problems as text.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Returns with the reason unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($reason:tt)+) => {
        if !$condition {
            return Err(format!($($reason)+).into());
        }
    };
}
pub(crate) use ensure;

const USAGE: &str = "usage: causewire-endurance storm | age | rolling | killing | soak SECONDS SEED | \
                     silence PROGRAM MINUTES | backend ADDRESS";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("causewire-endurance: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["storm"] => storm::run().await,
        ["age"] => age::run().await,
        ["rolling"] => rolling::run(rolling::End::Drained).await,
        ["killing"] => rolling::run(rolling::End::Killed).await,
        ["soak", seconds, seed] => soak::run(Duration::from_secs(seconds.parse()?), seed.parse()?).await,
        ["silence", program, minutes] => silence::run(program, minutes.parse()?).await,
        ["backend", address] => backend::serve(address.parse::<SocketAddr>()?).await,
        _ => Err(USAGE.into()),
    }
}
