//! `causewire-bench run`: one run, its figures as JSON, and the page of the last three. `make bench` calls it.
//! `causewire-bench render`: the page alone.
mod clients;
mod goals;
mod measure;
mod model;
mod page;
mod pairs;
mod process;
mod settings;
mod summary;

use causewire_bench::Result;
use std::{env, fs, path::PathBuf, process::ExitCode};

fn main() -> Result<ExitCode> {
    let place = settings::place();
    let out = PathBuf::from(env::var("BENCH_OUT").unwrap_or_else(|_| "target/bench".to_owned())).join("runs");
    let runs = match env::args().nth(1).as_deref() {
        Some("run") => {
            let settings = settings::Settings::read()?;
            let run = measure::run(&place, &settings)?;
            if place.before.is_some() {
                println!("{}", pairs::table(&run));
                return Ok(end(&[run]));
            }
            if settings.partial() {
                println!("{}", page::page(std::slice::from_ref(&run)));
                return Ok(end(&[run]));
            }
            eprintln!("{}", run.write(&out)?.display());
            model::latest(&out)?
        }
        Some("render") => model::latest(&out)?,
        _ => return Err("causewire-bench run | render".into()),
    };
    let page = page::page(&runs);
    fs::write(place.root.join("docs/bench.md"), &page)?;
    println!("{page}");
    Ok(end(&runs))
}

/// Whoever failed to take part is named on the page.
fn end(runs: &[model::Run]) -> ExitCode {
    if runs.iter().all(|run| run.problems.is_empty()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
