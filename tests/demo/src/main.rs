//! The same call and the same failures from every language, side by side.
//!
//! Starts the embedded servers, lets each language's driver make all calls, and compares the records byte for byte.
//! Exits with 1 when a language disagrees, when a cause is not the expected one, or when a driver fails.
mod cases;
mod driver;
mod mask;
mod paint;
mod table;

use cases::{CASES, Case, SHOWN_IN_FULL};
use causewire_testbed::{certificates::Certificates, standing::Standing};
use driver::Answer;
use mask::{Mask, member};
use paint::{Hue, Paint};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path, process::ExitCode, thread, time::Instant};
use table::{Row, Table, wrap};

/// What goes wrong here is shown to a person.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str = "usage: causewire-demo [LANGUAGE,LANGUAGE,..], of rust, node, python, python-aio, swift";
const LANGUAGES: &str = "node,python,swift";

/// A language and its answers, in the order of the cases.
#[derive(Debug)]
struct Speaker {
    language: String,
    answers: Vec<Answer>,
    seconds: f64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("causewire-demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<bool> {
    let languages = languages(std::env::args().skip(1))?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let directory = tempfile::tempdir()?;
    let certificates = Certificates::generate()?;
    let servers = Standing::start(&certificates, directory.path()).await?;
    let ca = certificates.get("ca")?;
    let lines = CASES
        .iter()
        .enumerate()
        .map(|(id, case)| case.line(&id.to_string(), &servers.places, ca))
        .collect::<Result<Vec<_>>>()?;
    let speakers = tokio::task::spawn_blocking(move || speak(&root, &languages, &lines)).await??;
    show(&speakers)
}

fn languages(mut given: impl Iterator<Item = String>) -> Result<Vec<String>> {
    let list = given.next().unwrap_or_else(|| LANGUAGES.into());
    let languages: Vec<_> = list.split(',').map(str::to_owned).collect();
    let known = |name: &String| name_of(name).is_some();
    match languages.iter().all(known) && given.next().is_none() {
        true => Ok(languages),
        false => Err(USAGE.into()),
    }
}

fn name_of(language: &str) -> Option<&'static str> {
    Some(match language {
        "rust" => "Rust",
        "node" => "Node",
        "python" => "Python",
        "python-aio" => "asyncio",
        "swift" => "Swift",
        _ => return None,
    })
}

/// All languages at the same time.
fn speak(root: &Path, languages: &[String], lines: &[String]) -> Result<Vec<Speaker>> {
    let ask = |language: &String| -> Result<Speaker> {
        let started = Instant::now();
        let mut answers = driver::ask(root, language, lines)?;
        let seconds = started.elapsed().as_secs_f64();
        Ok(Speaker { language: language.clone(), answers: in_order(language, &mut answers)?, seconds })
    };
    thread::scope(|scope| {
        let asked: Vec<_> = languages.iter().map(|language| scope.spawn(move || ask(language))).collect();
        asked.into_iter().map(|one| one.join().map_err(|_| "a driver's thread panicked")?).collect()
    })
}

fn in_order(language: &str, answers: &mut BTreeMap<String, Answer>) -> Result<Vec<Answer>> {
    let one = |(id, case): (usize, &Case)| {
        answers
            .remove(&id.to_string())
            .ok_or_else(|| format!("tests/drive {language}: no answer to “{}”", case.title).into())
    };
    CASES.iter().enumerate().map(one).collect()
}

fn show(speakers: &[Speaker]) -> Result<bool> {
    let paint = Paint::of_stdout();
    let mask = Mask::load()?;
    let rows = CASES
        .into_iter()
        .enumerate()
        .map(|(n, case)| row(&mask, case, speakers.iter().filter_map(|s| s.answers.get(n)).collect()))
        .collect::<Result<Vec<_>>>()?;
    let names: Vec<_> = speakers.iter().filter_map(|s| name_of(&s.language)).map(String::from).collect();
    let count = names.len();
    println!("\n {}\n", paint.text(Some(Hue::Bold), &title(count)));
    for line in Table::new(paint, names).lines(&rows) {
        println!("{line}");
    }
    let took: Vec<_> = speakers.iter().map(|s| format!("{} {:.1} s", s.language, s.seconds)).collect();
    let legend = format!("✓ the same record, byte for byte, times masked  ·  {}", took.join(", "));
    println!(" {}", paint.text(Some(Hue::Dim), &legend));
    diagnostic(paint, speakers);
    Ok(verdict(&rows, speakers))
}

fn title(languages: usize) -> String {
    let failures = CASES.iter().filter(|case| case.cause.is_some()).count();
    format!("One call that works and {failures} that fail, from {languages} languages, through one Rust channel")
}

fn row(mask: &Mask, case: Case, answers: Vec<&Answer>) -> Result<Row> {
    let first = answers.first().ok_or(USAGE)?;
    let failure = first.json["failure"].clone();
    let seen = answers.iter().map(|answer| seen(mask, answer)).collect::<Result<Vec<_>>>()?;
    let echo = if failure.is_null() { cases::echoed(&first.json)? } else { String::new() };
    let same = seen.iter().map(|one| Some(one) == seen.first()).collect();
    Ok(Row { case, failure, echo, same })
}

/// What has to be the same: the bytes of the record, or on success what the caller gets.
fn seen(mask: &Mask, answer: &Answer) -> Result<String> {
    if !answer.json["failure"].is_null() {
        return mask.apply(member(&answer.text, "failure")?);
    }
    let keys = ["status", "headers", "messages", "trailers", "attempts", "peer"];
    Ok(Value::from_iter(keys.map(|key| (key, answer.json[key].clone()))).to_string())
}

fn diagnostic(paint: Paint, speakers: &[Speaker]) {
    let Some(n) = CASES.iter().position(|case| case.cause == Some(SHOWN_IN_FULL)) else { return };
    // Not the one whose records the table shows, where there is a choice.
    let Some(speaker) = speakers.get(1).or(speakers.first()) else { return };
    let text = speaker.answers.get(n).and_then(|answer| answer.json["rendered"]["diagnostic"].as_str());
    let name = name_of(&speaker.language).unwrap_or_default();
    println!(
        "\n {}\n",
        paint.text(Some(Hue::Bold), &format!("The expired certificate in full, from {name}'s diagnostic()"))
    );
    for (at, line) in text.unwrap_or_default().lines().enumerate() {
        let hue = (at == 0).then_some(Hue::Red);
        wrap_indented(line).iter().for_each(|line| println!("   {}", paint.text(hue, line)));
    }
}

/// Spaces that align columns stay.
fn wrap_indented(line: &str) -> Vec<String> {
    let short = line.chars().count() <= 97;
    if short { vec![line.to_owned()] } else { wrap(line, 97) }
}

fn verdict(rows: &[Row], speakers: &[Speaker]) -> bool {
    let mut good = true;
    for row in rows {
        let cause = row.failure["cause"].as_str();
        if cause != row.case.cause {
            let words = |cause: Option<&str>| cause.unwrap_or("a success").to_owned();
            eprintln!("{}: {} was expected, {} came", row.case.title, words(row.case.cause), words(cause));
            good = false;
        }
        for (speaker, _) in speakers.iter().zip(&row.same).filter(|(_, same)| !**same) {
            eprintln!("{}: {} has another record than {}", row.case.title, speaker.language, speakers[0].language);
            good = false;
        }
    }
    good
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(failure: &str) -> Answer {
        let text = format!(r#"{{"id":"1","failure":{failure}}}"#);
        Answer { json: serde_json::from_str(&text).unwrap(), text }
    }

    fn judged(records: [&str; 2]) -> (Vec<bool>, bool) {
        let speakers =
            records.map(|record| Speaker { language: "rust".into(), answers: vec![answer(record)], seconds: 0.0 });
        let answers = speakers.iter().map(|s| &s.answers[0]).collect();
        let row = row(&Mask::load().unwrap(), CASES[1], answers).unwrap();
        (row.same.clone(), verdict(&[row], &speakers))
    }

    #[test]
    fn a_language_that_disagrees_fails_the_demo() {
        let record = r#"{"cause":"TLS_CERT_EXPIRED","retry":"fix"}"#;
        assert_eq!(judged([record, record]), (vec![true, true], true));
        let reordered = r#"{"retry":"fix","cause":"TLS_CERT_EXPIRED"}"#;
        for other in [r#"{"cause":"TLS_CERT_EXPIRED","retry":"safe"}"#, reordered, "null"] {
            assert_eq!(judged([record, other]), (vec![true, false], false), "{other}");
        }
    }

    #[test]
    fn a_cause_that_nobody_expected_fails_the_demo() {
        let record = r#"{"cause":"CORE_FAULT"}"#;
        assert_eq!(judged([record, record]), (vec![true, true], false));
    }
}
