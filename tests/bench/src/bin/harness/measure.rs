//! A run: every client takes its turn in every cell of every round.
use crate::{
    clients::{CELLS, CLIENTS, Client, Role},
    model::{Figure, Run},
    process::{self, Core, Place, Process, Worker, python, sibling},
    settings::Settings,
};
use causewire_bench::Result;
use std::time::Instant;

const CHANNELS: u32 = 100;
const STREAMS: u32 = 1000;
const SCENARIOS: [&str; 6] = ["calls", "streams", "channels", "slow_reader", "beside_bulk", "outage"];

pub(crate) fn run(place: &Place, settings: &Settings) -> Result<Run> {
    let began = Instant::now();
    let mut run = settings.describe(place)?;
    let wanted = CLIENTS.into_iter().filter(|client| settings.wants(client));
    let clients: Vec<Client> = match place.before {
        // each right after its twin, so that the machine is the same for both
        Some(_) => wanted.filter(|client| client.role == Role::Ours).flat_map(|ours| [ours, ours.before()]).collect(),
        None => wanted.collect(),
    };
    let (_server, address) = process::server(place)?;
    let mut bench = Bench { place, settings, address: &address, run: &mut run };
    bench.cells(&clients);
    if place.before.is_some() {
        return Ok(run);
    }
    bench.cold(&clients);
    bench.memory(&clients);
    if settings.scale {
        bench.scale(&clients);
    }
    run.minutes = began.elapsed().as_secs_f64() / 60.0;
    Ok(run)
}

struct Bench<'a> {
    place: &'a Place,
    settings: &'a Settings,
    address: &'a str,
    run: &'a mut Run,
}

impl Bench<'_> {
    /// The first round is a rehearsal: compilers and caches get warm.
    fn cells(&mut self, clients: &[Client]) {
        let mut workers: Vec<(Client, Worker)> = Vec::new();
        for client in clients {
            match Worker::start(self.place, client, self.address) {
                Ok(worker) => {
                    self.run.versions.extend(worker.versions.clone());
                    workers.push((*client, worker));
                }
                Err(error) => self.problem(client.name, "start", &*error),
            }
        }
        for round in 0..=self.settings.rounds {
            eprintln!("round {round} of {}", self.settings.rounds);
            for cell in CELLS.iter().filter(|cell| self.settings.wants_cell(cell)) {
                self.turn(&mut workers, cell, round);
            }
        }
    }

    fn turn(&mut self, workers: &mut Vec<(Client, Worker)>, cell: &str, round: u32) {
        let seconds = if round == 0 { self.settings.seconds / 2.0 } else { self.settings.seconds };
        let mut order: Vec<usize> = (0..workers.len()).filter(|&each| workers[each].0.cells.contains(&cell)).collect();
        if !order.is_empty() {
            let first = round as usize % order.len();
            order.rotate_left(first);
        }
        let mut lost = Vec::new();
        for each in order {
            let (client, worker) = &mut workers[each];
            match worker.measure(cell, seconds) {
                Ok(sample) if round > 0 => {
                    let cells = self.run.samples.entry(client.name.to_owned()).or_default();
                    cells.entry(cell.to_owned()).or_default().push(sample);
                }
                Ok(_) => {}
                Err(error) => {
                    let name = client.name;
                    self.problem(name, cell, &*error);
                    lost.push(name);
                }
            }
        }
        workers.retain(|(client, _)| !lost.contains(&client.name));
    }

    fn cold(&mut self, clients: &[Client]) {
        eprintln!("cold start");
        let bare: [(&str, [String; 3]); 2] = [
            ("node -e 0", ["node", "-e", "0"].map(str::to_owned)),
            ("python -c pass", [python(), "-c".to_owned(), "pass".to_owned()]),
        ];
        for round in 0..self.settings.cold_rounds {
            for client in rotated(clients, round).into_iter().filter(|client| client.whole) {
                match process::cold(self.place, &client, self.address) {
                    Ok(taken) => self.run.cold.entry(client.name.to_owned()).or_default().push(taken),
                    Err(error) => self.problem(client.name, "cold", &*error),
                }
            }
            for (name, words) in &bare {
                match process::bare(self.place, words) {
                    Ok(taken) => self.run.cold.entry((*name).to_owned()).or_default().push(taken),
                    Err(error) => self.problem(name, "cold", &*error),
                }
            }
        }
    }

    fn memory(&mut self, clients: &[Client]) {
        eprintln!("memory");
        for round in 0..self.settings.memory_rounds {
            for client in rotated(clients, round).into_iter().filter(|client| client.whole) {
                for (what, count) in [("channels", CHANNELS), ("streams", STREAMS)] {
                    let taken = process::memory(self.place, &client, self.address, what, count);
                    match taken {
                        Ok(bytes) => {
                            let kind = if what == "channels" { &mut self.run.channels } else { &mut self.run.streams };
                            kind.entry(client.name.to_owned()).or_default().extend(bytes);
                        }
                        Err(error) => self.problem(client.name, what, &*error),
                    }
                }
            }
        }
    }

    fn scale(&mut self, clients: &[Client]) {
        for scenario in SCENARIOS {
            eprintln!("scale: {scenario}");
            match scale(self.place, self.address, scenario) {
                Ok(figures) => self.run.scale.extend(figures),
                Err(error) => self.problem("scale", scenario, &*error),
            }
        }
        for client in clients.iter().filter(|client| client.role == Role::Ours && client.group.has_a_border()) {
            eprintln!("scale: {}", client.name);
            match many(self.place, self.address, client) {
                Ok(figure) => self.run.scale.push(figure),
                Err(error) => self.problem("scale", client.name, &*error),
            }
        }
    }

    fn problem(&mut self, who: &str, what: &str, error: &dyn std::fmt::Display) {
        let problem = format!("{who}, {what}: {error}");
        eprintln!("{problem}");
        self.run.problems.push(problem);
    }
}

fn rotated(clients: &[Client], round: u32) -> Vec<Client> {
    let mut clients = clients.to_vec();
    if !clients.is_empty() {
        let first = round as usize % clients.len();
        clients.rotate_left(first);
    }
    clients
}

/// Many of everything through a binding that can wait for more than one thing.
fn many(place: &Place, address: &str, client: &Client) -> Result<Figure> {
    let calls = Worker::start(place, client, address)?.measure("unary_10000", 1.0)?;
    let each = |what, count| process::memory(place, client, address, what, count);
    let kib = |bytes: Option<f64>| bytes.map_or_else(|| "—".to_owned(), |bytes| format!("{:.1} KiB", bytes / 1024.0));
    let (streams, channels) = (kib(each("streams", 10_000)?), kib(each("channels", 1000)?));
    let rate = calls.operations as f64 / calls.wall;
    let p99 = calls.p99.unwrap_or_default() / 1e3;
    let value = format!(
        "10,000 calls in flight: {rate:.0}/s, p99 {p99:.0} ms; 10,000 open streams: {streams} each; 1,000 channels: {channels} each"
    );
    Ok(Figure { name: client.name.to_owned(), value })
}

fn scale(place: &Place, address: &str, scenario: &str) -> Result<Vec<Figure>> {
    let words = [sibling("causewire-bench-scale"), address.to_owned(), scenario.to_owned()];
    let process = Process::start(place.command(Core::Client, &words))?;
    let mut figures = Vec::new();
    while let Some(line) = process.next()? {
        figures.push(serde_json::from_str(&line)?);
    }
    process.finish()?;
    Ok(figures)
}
