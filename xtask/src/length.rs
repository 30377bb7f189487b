//! A file of core is short enough to be read at once.
use std::{fs, io, path::Path};

const MOST: usize = 400;

/// Files that are one table, which would not read better in two.
const TABLES: &[(&str, &str)] = &[("failure/causes.rs", "the table of causes")];

/// A line per file below `src` that is too long, or that is named as a table and is none.
pub(crate) fn check(src: &Path) -> Vec<String> {
    measured(src, src).map_or_else(|error| vec![format!("{}: {error}", src.display())], |files| judge(&files))
}

fn judge(files: &[(String, usize)]) -> Vec<String> {
    let is_table = |name: &str| TABLES.iter().any(|(table, _)| *table == name);
    let long = files.iter().filter(|(name, lines)| *lines > MOST && !is_table(name));
    let long = long.map(|(name, lines)| format!("{name} has {lines} lines, and may have {MOST} (xtask/src/length.rs)"));
    let short = TABLES.iter().filter(|(table, _)| !files.iter().any(|(name, lines)| name == table && *lines > MOST));
    long.chain(short.map(|(table, what)| format!("{table} ({what}) need not be an exception any more"))).collect()
}

fn measured(src: &Path, folder: &Path) -> io::Result<Vec<(String, usize)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(measured(src, &path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(src).unwrap_or(&path).display().to_string();
            files.push((name, fs::read_to_string(&path)?.lines().count()));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_refused_and_a_table_is_not() {
        let file = |name: &str, lines| (name.to_owned(), lines);
        let table = file("failure/causes.rs", 561);
        assert_eq!(judge(&[file("call/mod.rs", 400), table.clone()]), [""; 0]);
        assert_eq!(
            judge(&[file("call/mod.rs", 401), table]),
            ["call/mod.rs has 401 lines, and may have 400 (xtask/src/length.rs)"]
        );
        assert_eq!(
            judge(&[file("failure/causes.rs", 400)]),
            ["failure/causes.rs (the table of causes) need not be an exception any more"]
        );
    }
}
