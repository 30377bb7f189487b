//! Figures of a run, and of several runs.
use crate::{
    clients::{CLIENTS, Client, Group, Role},
    model::{Run, median},
};
use causewire_bench::meter::Sample;
use std::fmt;

/// A figure of each run: the middle, and how far the runs are apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) middle: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Over the runs that have the figure.
pub(crate) fn over(runs: &[Run], figure: impl Fn(&Run) -> Option<f64>) -> Option<Spread> {
    let values: Vec<f64> = runs.iter().filter_map(figure).collect();
    Some(Spread {
        middle: median(values.iter().copied())?,
        low: values.iter().copied().fold(f64::INFINITY, f64::min),
        high: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    })
}

/// What a cell is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Microseconds of CPU per operation.
    Cpu,
    /// Operations per second.
    Rate,
    P50,
    P99,
}

pub(crate) fn of(sample: &Sample, kind: Kind) -> Option<f64> {
    let operations = sample.operations as f64;
    match kind {
        Kind::Cpu => Some(sample.cpu / operations * 1e6),
        Kind::Rate => Some(operations / sample.wall),
        Kind::P50 => sample.p50,
        Kind::P99 => sample.p99,
    }
}

/// The middle of a run's rounds.
pub(crate) fn figure(run: &Run, client: &str, cell: &str, kind: Kind) -> Option<f64> {
    median(run.samples.get(client)?.get(cell)?.iter().filter_map(|sample| of(sample, kind)))
}

/// The least CPU of a run's rounds.
pub(crate) fn least(run: &Run, client: &str, cell: &str) -> Option<f64> {
    let samples = run.samples.get(client)?.get(cell)?;
    samples.iter().filter_map(|sample| of(sample, Kind::Cpu)).min_by(f64::total_cmp)
}

/// The best of those in a group that are ours, or of its peers.
pub(crate) fn best(run: &Run, group: Group, role: Role, cell: &str, kind: Kind) -> Option<f64> {
    let figures = members(group, role).filter_map(|client| figure(run, client.name, cell, kind));
    match kind {
        Kind::Rate => figures.max_by(f64::total_cmp),
        _ => figures.min_by(f64::total_cmp),
    }
}

pub(crate) fn members(group: Group, role: Role) -> impl Iterator<Item = Client> {
    CLIENTS.into_iter().filter(move |client| client.group == group && client.role == role)
}

/// How many times better than the best peer; for CPU the peer's by ours, for rates ours by the peer's.
pub(crate) fn ratio(run: &Run, client: &Client, cell: &str, kind: Kind) -> Option<f64> {
    let (ours, peer) = (figure(run, client.name, cell, kind)?, best(run, client.group, Role::Peer, cell, kind)?);
    Some(if kind == Kind::Rate { ours / peer } else { peer / ours })
}

/// Three digits that count.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1e6 => format!("{:.2}M", value / 1e6),
        v if v >= 1e4 => format!("{:.1}k", value / 1e3),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&short(self.middle))?;
        if self.low < self.high { write!(f, " ({}–{})", short(self.low), short(self.high)) } else { Ok(()) }
    }
}
