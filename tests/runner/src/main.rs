//! Runs the scenarios of `tests/scenarios` on the drivers of all languages and compares their answers.
mod bed;
mod causes;
mod compare;
mod expect;
mod fill;
mod mask;
mod messages;
mod ordered;
mod process;
mod record;
mod run;
mod scenario;
mod self_test;
mod suite;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};
use suite::Suite;

/// A test tool reports its problems as text.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str =
    "usage: causewire-runner [--drivers rust,node,python,python-aio,swift] [--only NAME] [--list] [--self-test]";
const DRIVERS: &str = "rust,node,python,python-aio,swift";
/// A success and a failure, for the self-test.
const SAMPLES: [&str; 2] = ["unary_echo", "connect_refused"];

#[derive(Debug)]
struct Arguments {
    drivers: Vec<String>,
    /// Scenarios whose name contains this.
    only: Option<String>,
    list: bool,
    self_test: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("causewire-runner: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut drivers = DRIVERS.to_owned();
    let mut parsed = Arguments { drivers: vec![], only: None, list: false, self_test: false };
    while let Some(flag) = given.next() {
        match &flag[..] {
            "--drivers" => drivers = given.next().ok_or(USAGE)?,
            "--only" => parsed.only = Some(given.next().ok_or(USAGE)?),
            "--list" => parsed.list = true,
            "--self-test" => parsed.self_test = true,
            _ => return Err(USAGE.into()),
        }
    }
    parsed.drivers = drivers.split(',').filter(|d| !d.is_empty()).map(str::to_owned).collect();
    match parsed.drivers.iter().find(|d| !DRIVERS.split(',').any(|known| known == *d)) {
        Some(unknown) => Err(format!("no driver is called {unknown}; {USAGE}").into()),
        None if parsed.drivers.is_empty() => Err(USAGE.into()),
        None => Ok(parsed),
    }
}

async fn run() -> Result<bool> {
    let arguments = arguments(std::env::args().skip(1))?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let mut scenarios = scenario::load(&root.join("tests/scenarios"))?;
    if let Some(only) = &arguments.only {
        scenarios.retain(|s| s.name.contains(only));
    }
    if scenarios.is_empty() {
        return Err("no scenarios".into());
    }
    if arguments.list {
        scenarios.iter().for_each(|s| println!("{}", s.name));
        return Ok(true);
    }
    let suite = Suite::start(&root, &arguments.drivers, &testbed()?).await?;
    let good = if arguments.self_test {
        scenarios.retain(|s| SAMPLES.contains(&&s.name[..]));
        println!("{}", self_test::self_test(&suite, &scenarios).await?);
        true
    } else {
        let tally = suite.run(scenarios).await?;
        let ended = suite.finish().await;
        println!("{tally}");
        ended?;
        tally.failed == 0
    };
    Ok(good)
}

/// Built beside this program.
fn testbed() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("causewire-testbed");
    match path.exists() {
        true => Ok(path),
        false => Err("causewire-testbed is not built: cargo build -p causewire-testbed -p causewire-runner".into()),
    }
}
