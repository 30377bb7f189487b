use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    println!("cargo::rerun-if-changed={}", protos.display());
    let set = protox::compile(["bench.proto"], [&protos])?;
    prost_build::Config::new().compile_fds(set)?;
    Ok(())
}
