//! What a run leaves behind: everything that a page about it needs.
use causewire_bench::{Result, meter::Sample};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Seconds since 1970.
    pub(crate) started: u64,
    pub(crate) minutes: f64,
    pub(crate) commit: String,
    pub(crate) machine: String,
    pub(crate) pinned: bool,
    pub(crate) rounds: u32,
    pub(crate) seconds: f64,
    pub(crate) versions: BTreeMap<String, String>,
    /// By client, by cell; one sample per round.
    pub(crate) samples: BTreeMap<String, BTreeMap<String, Vec<Sample>>>,
    /// By client: milliseconds from the start of its process to its first response.
    pub(crate) cold: BTreeMap<String, Vec<f64>>,
    /// By client: bytes.
    pub(crate) channels: BTreeMap<String, Vec<f64>>,
    pub(crate) streams: BTreeMap<String, Vec<f64>>,
    pub(crate) scale: Vec<Figure>,
    pub(crate) problems: Vec<String>,
}

/// Something that the scale program has measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Run {
    pub(crate) fn write(&self, directory: &Path) -> Result<PathBuf> {
        fs::create_dir_all(directory)?;
        let path = directory.join(format!("{}.json", self.started));
        fs::write(&path, serde_json::to_string_pretty(self)?)?;
        Ok(path)
    }
}

/// The last runs of the same program with the same settings, at most three, the newest last.
pub(crate) fn latest(directory: &Path) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            runs.push(serde_json::from_str::<Run>(&fs::read_to_string(path)?)?);
        }
    }
    runs.sort_by_key(|run| run.started);
    let Some(last) = runs.last().cloned() else { return Err("there is no run to show".into()) };
    let same = |run: &Run| {
        (&run.commit, &run.machine, run.pinned) == (&last.commit, &last.machine, last.pinned)
            && (run.rounds, run.seconds) == (last.rounds, last.seconds)
    };
    runs.retain(same);
    Ok(runs.split_off(runs.len().saturating_sub(3)))
}

/// The middle of some values, the upper one of two.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
