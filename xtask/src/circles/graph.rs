//! What the files of a folder use of each other, and the circles in that.
use super::Uses;
use std::collections::{BTreeMap, BTreeSet};

/// By part of a folder: the parts that it uses, and one name of each.
pub(super) type Nodes<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a str>>;

pub(super) fn nodes_of<'a>(folder: &str, uses: &'a Uses) -> Nodes<'a> {
    let mut nodes = Nodes::new();
    for (from, targets) in uses {
        for (to, name) in targets {
            if let (Some(from), Some(to)) = (part(folder, from), part(folder, to))
                && from != to
            {
                nodes.entry(from).or_default().entry(to).or_insert(name);
            }
        }
    }
    nodes
}

/// `b` for `a/b.rs` and `a/b/c.rs` in `a`. The file `a.rs` beside the folder is its `mod`.
fn part<'a>(folder: &str, file: &'a str) -> Option<&'a str> {
    match file.strip_prefix(folder)? {
        ".rs" => Some("mod"),
        inside => {
            let first = inside.strip_prefix('/')?.split('/').next()?;
            Some(first.strip_suffix(".rs").unwrap_or(first))
        }
    }
}

/// Sets of parts that reach each other.
pub(super) fn circles<'a>(nodes: &Nodes<'a>) -> Vec<Vec<&'a str>> {
    let reach: BTreeMap<&str, BTreeSet<&'a str>> = nodes.keys().map(|node| (*node, reachable(node, nodes))).collect();
    let reaches = |from: &str, to: &str| reach.get(from).is_some_and(|reached| reached.contains(to));
    let mut circles: Vec<Vec<&str>> = Vec::new();
    for node in nodes.keys().copied().filter(|node| reaches(node, node)) {
        match circles.iter_mut().find(|circle| circle.iter().any(|it| reaches(it, node) && reaches(node, it))) {
            Some(circle) => circle.push(node),
            None => circles.push(vec![node]),
        }
    }
    circles
}

fn reachable<'a>(from: &str, nodes: &Nodes<'a>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut left = vec![from];
    while let Some(node) = left.pop() {
        for to in nodes.get(node).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(*to) {
                left.push(to);
            }
        }
    }
    reached
}
