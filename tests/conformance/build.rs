use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let files = ["connectrpc/conformance/v1/client_compat.proto", "google/rpc/status.proto"];
    for folder in ["connectrpc", "google/rpc"] {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
    }
    let set = protox::compile(files, [&root])?;
    prost_build::Config::new().compile_fds(set)?;
    Ok(())
}
