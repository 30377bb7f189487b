//! Our clients beside those of another checkout: each cell of each round is a pair.
use crate::{
    clients::{CELLS, CLIENTS, Client, Role},
    model::Run,
    summary::{Kind, of},
};
use std::fmt::Write;

/// CPU of this checkout by the other's, over the pairs of one cell.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pairs {
    low: f64,
    middle: f64,
    high: f64,
}

/// The quartiles of all pairs. A cell is slower when three of four pairs say so, and faster likewise.
pub(crate) fn table(run: &Run) -> String {
    let mut table = "| cell | client | CPU by before's: median (quartiles) | |\n|---|---|--:|---|\n".to_owned();
    for client in CLIENTS.into_iter().filter(|client| client.role == Role::Ours) {
        for cell in CELLS {
            if let Some(Pairs { low, middle, high }) = pairs(run, &client, cell) {
                let word = match (low > 1.0, high < 1.0) {
                    (true, _) => "**slower**",
                    (_, true) => "faster",
                    _ => "within the spread",
                };
                let _ = writeln!(table, "| `{cell}` | {} | {middle:.3} ({low:.3}–{high:.3}) | {word} |", client.name);
            }
        }
    }
    table
}

fn pairs(run: &Run, client: &Client, cell: &str) -> Option<Pairs> {
    let cpu = |name: &str| -> Option<Vec<f64>> {
        run.samples.get(name)?.get(cell)?.iter().map(|sample| of(sample, Kind::Cpu)).collect()
    };
    let (ours, before) = (cpu(client.name)?, cpu(client.before().name)?);
    let mut ratios: Vec<f64> = ours.into_iter().zip(before).map(|(ours, before)| ours / before).collect();
    ratios.sort_by(f64::total_cmp);
    let at = |share: f64| ratios.get((share * (ratios.len().checked_sub(1)?) as f64).round() as usize).copied();
    Some(Pairs { low: at(0.25)?, middle: at(0.5)?, high: at(0.75)? })
}
