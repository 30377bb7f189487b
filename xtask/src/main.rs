//! Code generation and the check of the layers. `cargo xtask gen [--check]`, `cargo xtask layers`.
mod circles;
mod emit;
mod evidence;
mod layers;
mod length;
mod model;
mod names;
mod record;
mod schema;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let problems = match words.as_slice() {
        ["gen"] => emit::write(&root()),
        ["gen", "--check"] => emit::stale(&root()),
        ["layers"] => {
            let src = root().join("core/src");
            [layers::check(&src), circles::check(&src), length::check(&src)].concat()
        }
        _ => vec!["usage: cargo xtask gen [--check] | layers".to_owned()],
    };
    report(&problems)
}

fn report(problems: &[String]) -> ExitCode {
    let mut out = std::io::stderr().lock();
    for problem in problems {
        // Nothing can be done about a closed stderr; the exit code still says it.
        let _ = writeln!(out, "{problem}");
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The repository: this crate lies in its first level.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
