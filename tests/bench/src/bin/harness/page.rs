//! `docs/bench.md`.
use crate::{
    clients::{CELLS, CLIENTS, Client, Group, Role},
    goals::verdicts,
    model::{Run, median},
    summary::{Kind, Spread, figure, least, over, ratio, short},
};
use std::{collections::BTreeMap, fmt::Write};

const INTRODUCTION: &str = "\
<!-- Written by `make bench`; do not edit. -->
# Benchmarks

Every client and its peers in one run, each taking its turn in every cell of every round, in an order that changes from
round to round, against one server on the loopback interface: gRPC echo on `h2` itself, which looks into no message. Calls
go through the API that users call. Each carries a deadline of 30 s and two metadata entries. Messages are raw bytes, but in
`protobuf` (an order of 200 bytes with three lines, a map and a signature) and for connect-node, whose calls take messages
of a type (a `BytesValue` of the same size on the wire). Windows and all else are each client's defaults; the `h2` floor has
ours. All clients are plaintext. Our libraries and the Rust peers are built as ours are published (profile `dist`).

**CPU** is user and system time of the client's whole process for one operation (a call, a message of a stream, a turn of
ping-pong), setting up and warming up excluded; the median of the rounds, and the least in brackets. **Ratios** are to the best
peer of the same group in the same run: the peer's CPU by ours, our rate by the peer's. With several runs, each figure is the
median of the runs, and a span shows how far apart they were. CPU is the steadiest figure; rates and latencies are as noisy as
the machine.

To repeat: `make bench`. It installs the peers into `target/` and `tests/bench/node`, takes about seven minutes after the
build, and renders the last three runs of the same commit and settings. `BENCH_ROUNDS`, `BENCH_SECONDS` (of a cell),
`BENCH_CLIENTS`, `BENCH_CELLS` (lists with commas), `BENCH_PIN=off`, `BENCH_SCALE=off`, `SWIFT=off` change a run.
`BENCH_BEFORE=CHECKOUT` only prints how our clients compare with those of another checkout, in pairs.
";

const GROUPS: [(Group, &str); 5] = [
    (Group::Node, "Node"),
    (Group::Blocking, "Python, blocking"),
    (Group::Asyncio, "Python, asyncio"),
    (Group::Rust, "Rust"),
    (Group::Swift, "Swift"),
];

/// grpc-swift-2 and what it needs are fetched from Git hosts alone, so it cannot be built beside ours everywhere.
const SWIFT: &str = "\nThere is no peer here: its goal is set by the Rust core's CPU.";

pub(crate) fn page(runs: &[Run]) -> String {
    let mut page = INTRODUCTION.to_owned();
    machine(&mut page, runs);
    goals(&mut page, runs);
    for (group, title) in GROUPS {
        let clients: Vec<Client> = CLIENTS.into_iter().filter(|client| client.group == group).collect();
        table(&mut page, runs, title, &clients);
    }
    whole(&mut page, runs);
    scale(&mut page, runs);
    page
}

fn line(page: &mut String, text: impl AsRef<str>) {
    page.push_str(text.as_ref());
    page.push('\n');
}

fn machine(page: &mut String, runs: &[Run]) {
    let Some(last) = runs.last() else { return };
    let versions: Vec<String> = last.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let pinned = if last.pinned { "client on core 0, server on core 1" } else { "nothing pinned" };
    let minutes: Vec<String> = runs.iter().map(|run| format!("{:.1}", run.minutes)).collect();
    line(page, "\n## Run\n");
    line(page, format!("- {}; {pinned}.", last.machine));
    line(
        page,
        format!(
            "- Commit {}; {} run(s) of {} minutes, with {} rounds of {} s in each cell.",
            last.commit,
            runs.len(),
            minutes.join(", "),
            last.rounds,
            last.seconds
        ),
    );
    line(page, format!("- {}.", versions.join(", ")));
    for problem in runs.iter().flat_map(|run| &run.problems) {
        line(page, format!("- Failed: {problem}."));
    }
}

fn goals(page: &mut String, runs: &[Run]) {
    line(page, "\n## Goals\n\n| | goal | measured | |\n|---|---|---|---|");
    for verdict in verdicts(runs).iter().filter(|verdict| verdict.measured.is_some()) {
        let met = if verdict.met { "met" } else { "**missed**" };
        let hoped = match verdict.hoped {
            Some((hoped, reached)) => {
                format!("; {hoped} hoped for: {}", if reached { "reached" } else { "not reached" })
            }
            None => String::new(),
        };
        let measured = shown(verdict.measured);
        line(page, format!("| {} | {} | {measured} | {met}{hoped} |", verdict.what, verdict.goal));
    }
}

fn table(page: &mut String, runs: &[Run], title: &str, clients: &[Client]) {
    let measured =
        |client: &Client, cell: &str| runs.iter().any(|run| figure(run, client.name, cell, Kind::Cpu).is_some());
    if !clients.iter().any(|client| CELLS.iter().any(|cell| measured(client, cell))) {
        return;
    }
    line(page, format!("\n## {title}\n"));
    line(
        page,
        "| cell | client | CPU µs | ops/s | p50 µs | p99 µs | CPU ratio | rate ratio |\n|---|---|--:|--:|--:|--:|--:|--:|",
    );
    for cell in CELLS {
        for client in clients.iter().filter(|client| measured(client, cell)) {
            row(page, runs, client, cell);
        }
    }
    peaks(page, runs, clients);
    if clients.iter().any(|client| client.group == Group::Swift) {
        line(page, SWIFT);
    }
}

fn row(page: &mut String, runs: &[Run], client: &Client, cell: &str) {
    let middle = |kind| over(runs, |run| figure(run, client.name, cell, kind));
    let figure = |kind| middle(kind).map_or_else(|| "—".to_owned(), |spread| short(spread.middle));
    let lowest = over(runs, |run| least(run, client.name, cell)).map_or_else(String::new, |least| short(least.low));
    let against = |kind| match client.role {
        Role::Ours => shown(over(runs, |run| ratio(run, client, cell, kind))),
        Role::Peer | Role::Floor | Role::Before => "—".to_owned(),
    };
    let name = if client.role == Role::Ours { format!("**{}**", client.name) } else { client.name.to_owned() };
    let figures = [Kind::Rate, Kind::P50, Kind::P99].map(figure).join(" | ");
    let cpu = figure(Kind::Cpu);
    let ratios = [Kind::Cpu, Kind::Rate].map(against).join(" | ");
    line(page, format!("| `{cell}` | {name} | {cpu} ({lowest}) | {figures} | {ratios} |"));
}

/// Peak memory, which grows over a run: after all of its cells.
fn peaks(page: &mut String, runs: &[Run], clients: &[Client]) {
    let peak = |run: &Run, client: &Client| {
        let samples = run.samples.get(client.name)?.values().flatten();
        samples.map(|sample| sample.rss as f64 / 1024.0).max_by(f64::total_cmp)
    };
    let each: Vec<String> = clients
        .iter()
        .filter_map(|client| Some(format!("{} {:.0}", client.name, over(runs, |run| peak(run, client))?.middle)))
        .collect();
    line(page, format!("\nPeak RSS over all cells, MiB: {}.", each.join(" · ")));
}

fn whole(page: &mut String, runs: &[Run]) {
    line(page, "\n## Cold start and memory\n");
    line(
        page,
        "Cold start: from the start of the process to its first response, imports included. Memory: growth of the RSS for",
    );
    line(
        page,
        "each of 100 connected channels that have made a call, and for each of 1,000 open streams on one channel.\n",
    );
    line(page, "| client | cold start ms | idle channel KiB | open stream KiB |\n|---|--:|--:|--:|");
    let kib =
        |figures: &BTreeMap<String, Vec<f64>>, name: &str| Some(median(figures.get(name)?.iter().copied())? / 1024.0);
    let names = CLIENTS.iter().filter(|client| client.whole).map(|client| (client.name, client.role));
    for (name, role) in names.chain([("node -e 0", Role::Floor), ("python -c pass", Role::Floor)]) {
        let cold = over(runs, |run| median(run.cold.get(name)?.iter().copied()));
        let channel = over(runs, |run| kib(&run.channels, name));
        let stream = over(runs, |run| kib(&run.streams, name));
        if cold.is_some() || channel.is_some() {
            let name = if role == Role::Ours { format!("**{name}**") } else { name.to_owned() };
            line(page, format!("| {name} | {} | {} | {} |", shown(cold), shown(channel), shown(stream)));
        }
    }
}

fn scale(page: &mut String, runs: &[Run]) {
    let Some(last) = runs.last().filter(|run| !run.scale.is_empty()) else { return };
    line(page, "\n## Scale\n\n| | |\n|---|---|");
    for figure in &last.scale {
        let _ = writeln!(page, "| {} | {} |", figure.name, figure.value);
    }
}

fn shown(spread: Option<Spread>) -> String {
    spread.map_or_else(|| "—".to_owned(), |spread| spread.to_string())
}
