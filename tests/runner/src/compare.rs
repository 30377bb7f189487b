//! Whether all drivers gave the same answers.
use crate::{
    mask::{Leaf, Mask},
    ordered::Json,
};
use std::collections::HashMap;

/// What one driver answered in one scenario, step by step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answers {
    pub(crate) driver: String,
    pub(crate) steps: Vec<(String, Json)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Values that two drivers both gave.
    pub(crate) compared: usize,
    /// The position of the driver that differs from the first one, and how.
    pub(crate) differences: Vec<(usize, String)>,
}

/// Differences shown per driver and scenario.
const SHOWN: usize = 3;

pub(crate) fn compare(all: &[Answers], mask: &Mask) -> Verdict {
    let mut verdict = Verdict::default();
    let Some((first, others)) = all.split_first() else { return verdict };
    let expected = leaves(first, mask);
    for (n, other) in others.iter().enumerate() {
        let position = n + 1;
        let actual = leaves(other, mask);
        verdict.compared += expected.iter().zip(&actual).filter(|(_, a)| a.text != "(masked)").count();
        let found = differences(&expected, &actual);
        let hidden = found.len().saturating_sub(SHOWN);
        for difference in found.into_iter().take(SHOWN) {
            verdict.differences.push((position, format!("differs from {}: {difference}", first.driver)));
        }
        if hidden > 0 {
            verdict.differences.push((position, format!("and {hidden} more differences")));
        }
    }
    verdict
}

fn leaves(answers: &Answers, mask: &Mask) -> Vec<Leaf> {
    let step = |(name, json): &(String, Json)| {
        let mut leaves = mask.leaves(json);
        leaves.iter_mut().for_each(|leaf| leaf.path.insert_str(0, name));
        leaves
    };
    answers.steps.iter().flat_map(step).collect()
}

fn differences(expected: &[Leaf], actual: &[Leaf]) -> Vec<String> {
    let by_path = |leaves: &[Leaf]| -> HashMap<String, String> {
        leaves.iter().map(|leaf| (leaf.path.clone(), leaf.text.clone())).collect()
    };
    let (there, here) = (by_path(expected), by_path(actual));
    let mut found = vec![];
    for leaf in expected {
        match here.get(&leaf.path) {
            Some(text) if *text == leaf.text => {}
            Some(text) => found.push(format!("{}: {} there, {text} here", leaf.path, leaf.text)),
            None => found.push(format!("{}: {} there, absent here", leaf.path, leaf.text)),
        }
    }
    for leaf in actual.iter().filter(|leaf| !there.contains_key(&leaf.path)) {
        found.push(format!("{}: absent there, {} here", leaf.path, leaf.text));
    }
    if found.is_empty() { order(expected, actual).into_iter().collect() } else { found }
}

/// The record's keys have one order. That of the line around it is each language's own.
fn order(expected: &[Leaf], actual: &[Leaf]) -> Option<String> {
    let of_record = |leaves: &[Leaf]| -> Vec<String> {
        leaves.iter().map(|leaf| &leaf.path).filter(|path| path.contains(".failure.")).cloned().collect()
    };
    let (there, here) = (of_record(expected), of_record(actual));
    there.iter().zip(&here).find(|(t, h)| t != h).map(|(path, _)| format!("{path}: another order of keys"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(driver: &str, text: &str) -> Answers {
        Answers { driver: driver.into(), steps: vec![("s".into(), serde_json::from_str(text).unwrap())] }
    }

    #[test]
    fn equal_answers_are_counted_and_unequal_ones_told() {
        let all = [answers("a", r#"{"x":1,"y":[2]}"#), answers("b", r#"{"x":1,"y":[2]}"#)];
        assert_eq!(compare(&all, &Mask::default()), Verdict { compared: 2, differences: vec![] });
        for other in [r#"{"x":1,"y":[3]}"#, r#"{"x":1}"#, r#"{"x":1,"y":[2],"z":0}"#] {
            let all = [answers("a", r#"{"x":1,"y":[2]}"#), answers("b", other)];
            assert_eq!(compare(&all, &Mask::default()).differences.len(), 1, "{other}");
        }
    }

    #[test]
    fn the_order_of_keys_counts_within_the_record() {
        let differences =
            |one: &str, two: &str| compare(&[answers("a", one), answers("b", two)], &Mask::default()).differences.len();
        assert_eq!(differences(r#"{"x":1,"y":2}"#, r#"{"y":2,"x":1}"#), 0);
        assert_eq!(differences(r#"{"failure":{"v":1,"code":2}}"#, r#"{"failure":{"code":2,"v":1}}"#), 1);
    }
}
