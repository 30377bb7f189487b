//! The taxonomy, as `causes.yaml` has it: written down apart from the library, so that a mistake in one shows.
use crate::Result;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, path::Path};

#[derive(Clone, Debug, Deserialize)]
struct Layers {
    layers: BTreeMap<String, Map<String, Value>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Causes {
    rows: BTreeMap<String, Map<String, Value>>,
}

const COLUMNS: [&str; 6] = ["cause_id", "code", "category", "retry", "reached", "origin"];

impl Causes {
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        Self::parse(&text)
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut rows = BTreeMap::new();
        for (layer, causes) in serde_yaml_ng::from_str::<Layers>(text)?.layers {
            for (cause, columns) in causes {
                let columns = columns.as_array().filter(|c| c.len() == COLUMNS.len());
                let columns = columns.ok_or_else(|| format!("{cause}: {} columns are needed", COLUMNS.len()))?;
                let mut row = Map::from_iter([
                    ("cause".to_owned(), cause.clone().into()),
                    ("layer".to_owned(), layer.clone().into()),
                ]);
                let cells = COLUMNS.iter().zip(columns).filter(|(_, value)| !value.is_null());
                row.extend(cells.map(|(name, value)| (name.to_string(), value.clone())));
                rows.insert(cause, row);
            }
        }
        Ok(Causes { rows })
    }

    /// The keys of a record that follow from its cause, unless evidence changes them.
    pub(crate) fn row(&self, cause: &str) -> Option<Map<String, Value>> {
        self.rows.get(cause).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_taxonomy_is_whole() {
        let causes = Causes::parse(include_str!("../../causes.yaml")).unwrap();
        assert_eq!(causes.rows.len(), 73);
        let layers: std::collections::BTreeSet<_> = causes.rows.values().map(|r| r["layer"].as_str()).collect();
        assert_eq!(layers.len(), 12);
        assert_eq!(causes.row("CONNECT_REFUSED").unwrap()["reached"], "no");
        assert!(!causes.row("APP_REJECTED").unwrap().contains_key("code"));
    }
}
