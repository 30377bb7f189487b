//! Proof that the comparison can fail: every value of a real answer is altered once, and each has to be noticed.
use crate::{
    Result,
    compare::{Answers, compare},
    mask::Mask,
    ordered::Json,
    run::run,
    scenario::Scenario,
    suite::Suite,
};

/// Plants differences into the answers of these scenarios' first driver.
pub(crate) async fn self_test(suite: &Suite, scenarios: &[Scenario]) -> Result<String> {
    let driver = suite.drivers.first().ok_or("the self-test needs a driver")?;
    let (mut planted, mut masked) = (0, 0);
    for scenario in scenarios {
        let outcome = run(scenario, driver, &suite.bed, &suite.causes).await;
        if let Some(problem) = outcome.problems.first() {
            return Err(format!("{} [{}] {problem}", scenario.name, driver.name).into());
        }
        let (noticed, unseen) =
            plant_everywhere(&outcome.answers, &suite.mask).map_err(|e| format!("{}: {e}", scenario.name))?;
        planted += noticed;
        masked += unseen;
    }
    if planted == 0 {
        return Err("nothing was planted".into());
    }
    let keys = suite.mask.keys();
    Ok(format!("self-test: {planted} planted differences, all noticed; {masked} values are masked by {keys} keys"))
}

/// How many altered values were noticed, and how many are masked.
pub(crate) fn plant_everywhere(answers: &Answers, mask: &Mask) -> Result<(usize, usize)> {
    let copy = Answers { driver: "copy".into(), ..answers.clone() };
    if let Some((_, difference)) = compare(&[answers.clone(), copy.clone()], mask).differences.first() {
        return Err(format!("an answer differs from itself: {difference}").into());
    }
    let (mut planted, mut masked) = (0, 0);
    for (n, (name, json)) in answers.steps.iter().enumerate() {
        let leaves = mask.leaves(json);
        for place in 0..count(json) {
            let mut altered = copy.clone();
            let mut left = place;
            alter(&mut altered.steps[n].1, &mut left);
            let seen = !compare(&[answers.clone(), altered.clone()], mask).differences.is_empty();
            match seen {
                true => planted += 1,
                // Only a masked value, or digits of a text that is compared without them, may go unnoticed.
                false if mask.leaves(&altered.steps[n].1) == leaves => masked += 1,
                false => return Err(format!("{name}: value {place} was altered and nobody noticed").into()),
            }
        }
    }
    Ok((planted, masked))
}

fn count(json: &Json) -> usize {
    match json {
        Json::Array(items) if !items.is_empty() => items.iter().map(count).sum(),
        Json::Object(entries) if !entries.is_empty() => entries.iter().map(|(_, v)| count(v)).sum(),
        _ => 1,
    }
}

/// Alters the value at position `left`, counted as `count` does.
fn alter(json: &mut Json, left: &mut usize) {
    match json {
        Json::Array(items) if !items.is_empty() => items.iter_mut().for_each(|item| alter(item, left)),
        Json::Object(entries) if !entries.is_empty() => entries.iter_mut().for_each(|(_, v)| alter(v, left)),
        scalar => {
            if *left == 0 {
                *scalar = match scalar {
                    Json::String(text) => Json::String(format!("{text}x")),
                    Json::Bool(value) => Json::Bool(!*value),
                    Json::Null => Json::Bool(true),
                    _ => Json::Null,
                };
            }
            *left = left.wrapping_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_planted_difference_is_noticed() {
        let text = r#"{"a":[1,"two",null,true],"b":{"c":{},"elapsed_ms":5,"hint":"in 5 ms"}}"#;
        let json = serde_json::from_str(text).unwrap();
        let answers = Answers { driver: "rust".into(), steps: vec![("s".into(), json)] };
        let mask: Mask = serde_json::from_str(r#"{"masked":["elapsed_ms"],"digits":["hint"]}"#).unwrap();
        assert_eq!(plant_everywhere(&answers, &mask).unwrap(), (6, 1));
    }
}
