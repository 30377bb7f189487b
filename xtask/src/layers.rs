//! A module of core imports only from modules that stand below it.
//!
//! The vocabulary at the bottom is one layer: its modules may use each other, but not in a circle.
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// From the call down to the wire. Modules of one line may not use each other.
const ORDER: &[&[&str]] = &[
    &["bridge"],
    &["service"],
    &["channel"],
    &["error"],
    &["call"],
    &["intercept"],
    &["retry"],
    &["credentials"],
    &["balance"],
    &["resolve"],
    &["health"],
    &["subchannel"],
    &["response"],
    &["transport"],
];

/// Below everything.
const VOCABULARY: &[&str] =
    &["status", "metadata", "compress", "failure", "observe", "options", "backoff", "rt", "clock"];

/// Every violation below `src`, one per line of text.
pub(crate) fn check(src: &Path) -> Vec<String> {
    match imports(src) {
        Ok(imports) => judge(&imports),
        Err(error) => vec![format!("{}: {error}", src.display())],
    }
}

/// One mention of `crate::<module>`.
#[derive(Debug, PartialEq)]
struct Import {
    from: String,
    to: String,
    place: String,
}

fn judge(imports: &[Import]) -> Vec<String> {
    let mut problems = Vec::new();
    for Import { from, to, place } in imports {
        match (height(from), height(to)) {
            (None, _) => {
                problems.push(format!("{place}: module `{from}` has no place in the layer order (xtask/src/layers.rs)"))
            }
            (_, None) => {}
            (Some(lower), Some(upper)) if lower < upper || (lower == upper && !is_vocabulary(from)) => {
                problems.push(format!("{place}: `{from}` imports from `{to}`, which stands above it"));
            }
            _ => {}
        }
    }
    problems.extend(circle(imports));
    problems.dedup();
    problems
}

fn is_vocabulary(module: &str) -> bool {
    VOCABULARY.contains(&module)
}

/// The bottom is 0.
fn height(module: &str) -> Option<usize> {
    if is_vocabulary(module) {
        return Some(0);
    }
    ORDER.iter().position(|modules| modules.contains(&module)).map(|position| ORDER.len() - position)
}

/// Takes away what imports nothing that is left, until nothing changes: what stays is part of a circle, or above one.
fn circle(imports: &[Import]) -> Option<String> {
    let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for import in imports.iter().filter(|it| is_vocabulary(&it.from) && is_vocabulary(&it.to)) {
        uses.entry(&import.from).or_default().insert(&import.to);
    }
    loop {
        let left: BTreeSet<&str> = uses.keys().copied().collect();
        uses.retain(|_, targets| targets.iter().any(|target| left.contains(target)));
        if uses.len() == left.len() {
            break;
        }
    }
    let names: Vec<&str> = uses.into_keys().collect();
    (!names.is_empty()).then(|| format!("the vocabulary has a circle of imports among: {}", names.join(", ")))
}

fn imports(src: &Path) -> io::Result<Vec<Import>> {
    let mut found = Vec::new();
    for file in rust_files(src)? {
        let Some(module) = module_of(src, &file) else { continue };
        let text = fs::read_to_string(&file)?;
        let name = file.strip_prefix(src).unwrap_or(&file).display().to_string();
        for (line, target) in mentions(&text) {
            if target != module {
                found.push(Import { from: module.clone(), to: target, place: format!("{name}:{line}") });
            }
        }
    }
    Ok(found)
}

fn rust_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The first folder or file below `src`; the crate root belongs to no layer.
fn module_of(src: &Path, file: &Path) -> Option<String> {
    let first = file.strip_prefix(src).ok()?.components().next()?.as_os_str().to_str()?;
    let module = first.strip_suffix(".rs").unwrap_or(first);
    (module != "lib").then(|| module.to_owned())
}

/// The modules that a text names behind `crate::`, with the line of each. Comments do not count, tests do.
fn mentions(text: &str) -> Vec<(usize, String)> {
    let mut code = String::with_capacity(text.len());
    for line in text.lines() {
        code.push_str(line.split("//").next().unwrap_or_default());
        code.push('\n');
    }
    let mut found = Vec::new();
    for (start, _) in code.match_indices("crate::") {
        // `$crate::` and `my_crate::` end in the same letters.
        let before = code.get(..start).and_then(|text| text.chars().next_back());
        if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_') {
            continue;
        }
        let line = code.get(..start).unwrap_or_default().lines().count().max(1);
        let line = if before == Some('\n') { line + 1 } else { line };
        let after = code.get(start + "crate::".len()..).unwrap_or_default();
        found.extend(heads(after).into_iter().map(|head| (line, head)));
    }
    found
}

/// `failure::{…}` gives `failure`; `{failure::…, rt}` gives both.
fn heads(after: &str) -> Vec<String> {
    let Some(group) = after.trim_start().strip_prefix('{') else { return head(after).into_iter().collect() };
    let mut heads = Vec::new();
    let mut depth = 0usize;
    let mut at_start = true;
    for (index, letter) in group.char_indices() {
        match letter {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            letter if at_start && !letter.is_whitespace() => {
                at_start = false;
                heads.extend(group.get(index..).and_then(head));
            }
            _ => {}
        }
    }
    heads
}

/// A module is lower case; a type that the crate root re-exports is not.
fn head(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    name.starts_with(|letter: char| letter.is_ascii_lowercase()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(from: &str, to: &str) -> Import {
        Import { from: from.into(), to: to.into(), place: format!("{from}.rs:1") }
    }

    #[test]
    fn every_form_of_a_path_is_found() {
        let text = "use crate::failure::Cause;\n// crate::bridge\nuse crate::{\n    call::{Call, deadline},\n    rt,\n};\n\
                    fn f() { crate::channel::open(); my_crate::bridge(); crate::Failure::new() }\npub(in crate::x) struct S;";
        let found: Vec<String> = mentions(text).into_iter().map(|(line, name)| format!("{line} {name}")).collect();
        assert_eq!(found, ["1 failure", "3 call", "3 rt", "7 channel", "8 x"]);
    }

    #[test]
    fn upward_and_sideways_are_refused_and_down_is_not() {
        assert_eq!(
            judge(&[import("call", "transport"), import("transport", "failure"), import("rt", "failure")]),
            Vec::<String>::new()
        );
        assert_eq!(
            judge(&[import("transport", "call")]),
            ["transport.rs:1: `transport` imports from `call`, which stands above it"]
        );
        assert_eq!(judge(&[import("clock", "transport")]).len(), 1);
        assert_eq!(judge(&[import("novel", "rt")]).len(), 1);
    }

    #[test]
    fn a_circle_in_the_vocabulary_is_refused() {
        let chain = [import("status", "metadata"), import("metadata", "failure")];
        assert_eq!(judge(&chain), Vec::<String>::new());
        let closed = [import("status", "metadata"), import("metadata", "failure"), import("failure", "status")];
        assert_eq!(judge(&closed), ["the vocabulary has a circle of imports among: failure, metadata, status"]);
    }

    #[test]
    fn a_planted_violation_is_found_on_disk() {
        let src = std::env::temp_dir().join(format!("xtask-layers-{}", std::process::id()));
        fs::create_dir_all(src.join("transport/tls")).unwrap();
        fs::write(src.join("lib.rs"), "mod transport;\nuse crate::bridge;\n").unwrap();
        fs::write(src.join("transport/tls/verify.rs"), "use crate::failure::Leaf;\n").unwrap();
        assert_eq!(check(&src), Vec::<String>::new());
        fs::write(src.join("transport/tls/verify.rs"), "\nuse crate::{failure::Leaf, subchannel::State};\n").unwrap();
        let problems = check(&src);
        fs::remove_dir_all(&src).unwrap();
        assert_eq!(
            problems,
            ["transport/tls/verify.rs:2: `transport` imports from `subchannel`, which stands above it"]
        );
    }
}
