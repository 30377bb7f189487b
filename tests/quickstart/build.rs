//! Takes the Rust quickstart out of the README.
use std::{env, error::Error, fs, path::Path};

const README: &str = "../../README.md";
const OPENING: &str = "\n```rust quickstart\n";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={README}");
    let readme = fs::read_to_string(README)?;
    let (_, rest) = readme.split_once(OPENING).ok_or("the README has no Rust quickstart")?;
    let (code, _) = rest.split_once("\n```\n").ok_or("the Rust quickstart has no end")?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("quickstart.rs"), code)?;
    Ok(())
}
