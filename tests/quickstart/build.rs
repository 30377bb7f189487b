//! Takes the Rust programs out of the README and the guide.
use std::{env, error::Error, fs, path::Path};

const PROGRAMS: [(&str, &str); 2] =
    [("../../README.md", "quickstart"), ("../../docs/guides/handling-a-failure.md", "guide")];

fn main() -> Result<(), Box<dyn Error>> {
    for (page, name) in PROGRAMS {
        println!("cargo::rerun-if-changed={page}");
        let text = fs::read_to_string(page)?;
        let opening = format!("\n```rust {name}\n");
        let (_, rest) = text.split_once(&opening).ok_or_else(|| format!("{page}: no Rust {name}"))?;
        let (code, _) = rest.split_once("\n```\n").ok_or_else(|| format!("{page}: the Rust {name} has no end"))?;
        fs::write(Path::new(&env::var("OUT_DIR")?).join(format!("{name}.rs")), code)?;
    }
    Ok(())
}
