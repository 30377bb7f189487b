//! What we want to reach, and whether it is reached.
use crate::{
    clients::{CLIENTS, Group, Role},
    model::{Run, median},
    summary::{Kind, Spread, best, figure, members, over},
};

/// One goal and what the runs say.
pub(crate) struct Verdict {
    pub(crate) what: String,
    pub(crate) goal: String,
    pub(crate) measured: Option<Spread>,
    pub(crate) met: bool,
    /// Not demanded, but within reach.
    pub(crate) hoped: Option<(f64, bool)>,
}

/// A group, what it is called, a cell, how many times the best peer, and what is hoped for.
type Times = (Group, &'static str, &'static str, Kind, f64, Option<f64>);

const TIMES: [Times; 14] = [
    (Group::Node, "Node", "unary", Kind::Cpu, 6.0, None),
    (Group::Node, "Node", "unary_64", Kind::Cpu, 17.0, None),
    (Group::Node, "Node", "stream_100B", Kind::Cpu, 10.0, None),
    (Group::Node, "Node", "stream_64KiB", Kind::Cpu, 2.5, None),
    (Group::Node, "Node", "unary_1MiB", Kind::Cpu, 2.0, None),
    (Group::Asyncio, "Python asyncio", "unary", Kind::Cpu, 4.5, None),
    (Group::Asyncio, "Python asyncio", "unary_64", Kind::Cpu, 7.0, None),
    (Group::Asyncio, "Python asyncio", "stream_100B", Kind::Cpu, 8.0, None),
    (Group::Asyncio, "Python asyncio", "unary_1MiB", Kind::Cpu, 1.0, Some(1.3)),
    (Group::Blocking, "Python blocking", "unary", Kind::Cpu, 4.0, None),
    (Group::Blocking, "Python blocking", "threads_8", Kind::Cpu, 4.5, None),
    (Group::Blocking, "Python blocking", "threads_64", Kind::Rate, 5.0, Some(8.0)),
    (Group::Blocking, "Python blocking", "stream_100B", Kind::Cpu, 15.0, None),
    (Group::Blocking, "Python blocking", "unary_1MiB", Kind::Cpu, 1.0, Some(1.3)),
];

/// A client, a cell, and the most CPU that it may take by the best of whom.
const BY_RUST: [(&str, &str, Role, f64); 5] = [
    ("causewire (Rust)", "unary_64", Role::Peer, 0.7),
    ("causewire (Rust)", "unary_64", Role::Floor, 1.35),
    ("causewire (Rust)", "stream_100B", Role::Peer, 1.5),
    ("causewire (Rust), through the bridge", "stream_100B", Role::Peer, 1.3),
    ("causewire (Rust)", "unary_1MiB", Role::Peer, 1.05),
];

const CHANNEL_BYTES: f64 = 100.0 * 1024.0;
const STREAM_BYTES: f64 = 8.0 * 1024.0;

pub(crate) fn verdicts(runs: &[Run]) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = TIMES.into_iter().map(|goal| times(runs, goal)).collect();
    for (client, cell, role, most) in BY_RUST {
        let (name, than) = (client.trim_start_matches("causewire ("), if role == Role::Peer { "tonic" } else { "h2" });
        let what = format!("{} `{cell}`, CPU by {than}'s", name.replacen(')', "", 1));
        verdicts.push(at_most(runs, &what, &most.to_string(), move |run| {
            Some((figure(run, client, cell, Kind::Cpu)? / best(run, Group::Rust, role, cell, Kind::Cpu)?, most))
        }));
    }
    verdicts.push(at_most(runs, "Swift `unary_64`, µs of CPU", "1.5 of Rust's + 5 µs", |run| {
        let core = figure(run, "causewire (Rust)", "unary_64", Kind::Cpu)?;
        Some((best(run, Group::Swift, Role::Ours, "unary_64", Kind::Cpu)?, 1.5 * core + 5.0))
    }));
    for (group, name) in [(Group::Node, "Node"), (Group::Blocking, "Python"), (Group::Asyncio, "Python asyncio")] {
        verdicts.push(at_most(runs, &format!("{name}, cold start by the fastest peer's"), "1", move |run| {
            let cold = |role| {
                let each = members(group, role).filter_map(|client| median(run.cold.get(client.name)?.iter().copied()));
                each.min_by(f64::total_cmp)
            };
            Some((cold(Role::Ours)? / cold(Role::Peer)?, 1.0))
        }));
    }
    for client in CLIENTS.into_iter().filter(|client| client.role == Role::Ours && client.whole) {
        let kib = move |what: &[f64], most: f64| Some((median(what.iter().copied())? / 1024.0, most / 1024.0));
        verdicts.push(at_most(runs, &format!("{}, KiB per idle channel", client.name), "100", move |run| {
            kib(run.channels.get(client.name)?, CHANNEL_BYTES)
        }));
        verdicts.push(at_most(runs, &format!("{}, KiB per open stream", client.name), "8", move |run| {
            kib(run.streams.get(client.name)?, STREAM_BYTES)
        }));
    }
    verdicts
}

fn times(runs: &[Run], (group, name, cell, kind, goal, hoped): Times) -> Verdict {
    let measured = over(runs, |run| {
        let ours = best(run, group, Role::Ours, cell, kind)?;
        let peer = best(run, group, Role::Peer, cell, kind)?;
        Some(if kind == Kind::Rate { ours / peer } else { peer / ours })
    });
    let reaches = |goal: f64| measured.is_some_and(|measured| measured.middle >= goal);
    let judged = if kind == Kind::Rate { "calls/s" } else { "CPU" };
    Verdict {
        what: format!("{name} `{cell}`, {judged}, times the best peer"),
        goal: format!("at least {goal}"),
        measured,
        met: reaches(goal),
        hoped: hoped.map(|hoped| (hoped, reaches(hoped))),
    }
}

/// `figure` gives what was measured and the most that it may be.
fn at_most(runs: &[Run], what: &str, goal: &str, figure: impl Fn(&Run) -> Option<(f64, f64)>) -> Verdict {
    let measured = over(runs, |run| figure(run).map(|(value, _)| value));
    let most = over(runs, |run| figure(run).map(|(_, most)| most));
    Verdict {
        what: what.to_owned(),
        goal: format!("at most {goal}"),
        met: measured.zip(most).is_some_and(|(measured, most)| measured.middle <= most.middle),
        measured,
        hoped: None,
    }
}
