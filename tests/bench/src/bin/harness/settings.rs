//! What can be wished for, by environment.
use crate::{
    clients::{Client, Group},
    model::Run,
    process::Place,
};
use causewire_bench::Result;
use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fs,
    path::PathBuf,
    process::Command,
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// `BENCH_ROUNDS`.
    pub(crate) rounds: u32,
    /// `BENCH_SECONDS`, of each cell of each round.
    pub(crate) seconds: f64,
    /// `BENCH_COLD_ROUNDS`.
    pub(crate) cold_rounds: u32,
    /// `BENCH_MEMORY_ROUNDS`.
    pub(crate) memory_rounds: u32,
    /// `BENCH_SCALE=off` leaves it out.
    pub(crate) scale: bool,
    /// `BENCH_CLIENTS`: parts of names, with commas between; absent: all.
    clients: Option<String>,
    /// `BENCH_CELLS`: names, with commas between; absent: all.
    cells: Option<String>,
    /// `SWIFT=off` leaves it out.
    swift: bool,
}

impl Settings {
    pub(crate) fn read() -> Result<Self> {
        Ok(Settings {
            rounds: number("BENCH_ROUNDS", 8)?,
            seconds: number("BENCH_SECONDS", 0.25)?,
            cold_rounds: number("BENCH_COLD_ROUNDS", 7)?,
            memory_rounds: number("BENCH_MEMORY_ROUNDS", 1)?,
            scale: env::var("BENCH_SCALE").as_deref() != Ok("off"),
            clients: env::var("BENCH_CLIENTS").ok(),
            cells: env::var("BENCH_CELLS").ok(),
            swift: env::var("SWIFT").as_deref() != Ok("off"),
        })
    }

    pub(crate) fn wants(&self, client: &Client) -> bool {
        let named = |names: &str| names.split(',').any(|part| client.name.contains(part.trim()));
        (self.swift || client.group != Group::Swift) && self.clients.as_deref().is_none_or(named)
    }

    pub(crate) fn wants_cell(&self, cell: &str) -> bool {
        self.cells.as_deref().is_none_or(|names| names.split(',').any(|name| name.trim() == cell))
    }

    /// Only a look: not of everybody, or not at everything.
    pub(crate) fn partial(&self) -> bool {
        self.clients.is_some() || self.cells.is_some()
    }

    /// A run that has measured nothing yet.
    pub(crate) fn describe(&self, place: &Place) -> Result<Run> {
        Ok(Run {
            started: SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
            commit: env::var("BENCH_COMMIT").unwrap_or_else(|_| "unknown".to_owned()),
            machine: machine(),
            pinned: place.pinned,
            rounds: self.rounds,
            seconds: self.seconds,
            versions: versions(place)?,
            ..Run::default()
        })
    }
}

/// The repository, the checkout to compare with (`BENCH_BEFORE`), and whether processes can be kept on cores of their own
/// (`BENCH_PIN=off`: not wished).
pub(crate) fn place() -> Place {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let wished = env::var("BENCH_PIN").as_deref() != Ok("off");
    let can = Command::new("taskset").args(["-c", "0,1", "true"]).status().is_ok_and(|status| status.success());
    let two = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
    let before = env::var_os("BENCH_BEFORE").map(PathBuf::from);
    Place { root, before, pinned: wished && can && two }
}

fn number<T: FromStr<Err: Error + Send + Sync + 'static>>(name: &str, otherwise: T) -> Result<T> {
    match env::var(name) {
        Ok(text) => text.parse().map_err(|error| format!("{name}={text}: {error}").into()),
        Err(_) => Ok(otherwise),
    }
}

/// Processor, cores and kernel; nothing that names the machine.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let kernel = read("/proc/sys/kernel/osrelease");
    let kernel = kernel.split(['-', '+']).next().unwrap_or_default().trim();
    let (os, arch) = (env::consts::OS, env::consts::ARCH);
    format!("{}, {cores} cores, {os} {kernel} {arch}", model.unwrap_or("unknown processor").trim())
}

/// What the Rust clients are made of, by the lock file.
fn versions(place: &Place) -> Result<BTreeMap<String, String>> {
    let lock = fs::read_to_string(place.root.join("Cargo.lock"))?;
    let of = |name: &str| {
        let at = lock.find(&format!("name = \"{name}\"\n"))?;
        lock.get(at..)?.lines().nth(1)?.split('"').nth(1).map(str::to_owned)
    };
    let mut versions: BTreeMap<String, String> =
        ["h2", "hyper", "tokio", "tonic"].into_iter().filter_map(|name| Some((name.to_owned(), of(name)?))).collect();
    let rustc = Command::new("rustc").arg("--version").output()?.stdout;
    let rustc = String::from_utf8_lossy(&rustc);
    versions.extend(rustc.split(' ').nth(1).map(|version| ("rustc".to_owned(), version.to_owned())));
    Ok(versions)
}
