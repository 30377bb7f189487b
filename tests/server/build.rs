use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let files = [
        "causewire/testbed/v1/testbed.proto",
        "google/rpc/status.proto",
        "google/rpc/code.proto",
        "google/rpc/error_details.proto",
        "grpc/health/v1/health.proto",
        "grpc/testing/test.proto",
    ];
    let set = protox::compile(files, [&root])?;
    // Scenario files write messages as YAML, hence serde.
    tonic_prost_build::configure()
        .build_transport(false)
        .message_attribute(".", "#[derive(serde::Serialize, serde::Deserialize)]")
        .message_attribute(".", "#[serde(default, deny_unknown_fields)]")
        .field_attribute("EchoRequest.payload", "#[serde(with = \"crate::text\")]")
        .field_attribute("EchoRequest.raw_details", "#[serde(with = \"crate::text\")]")
        .field_attribute("EchoResponse.payload", "#[serde(with = \"crate::text\")]")
        .field_attribute("Header.value", "#[serde(with = \"crate::text\")]")
        .field_attribute("grpc.testing.Payload.body", "#[serde(with = \"crate::text\")]")
        .field_attribute("google.rpc.Status.details", "#[serde(with = \"crate::details\")]")
        .field_attribute("RetryInfo.retry_delay", "#[serde(with = \"crate::details::duration\")]")
        .compile_fds(set)?;
    raw_service();
    Ok(())
}

/// Carries bytes as they are, for tests that are about bytes.
fn raw_service() {
    use tonic_build::manual::{Builder, Method, Service};
    let method = |name: &str, route: &str| {
        Method::builder()
            .name(name)
            .route_name(route)
            .input_type("bytes::Bytes")
            .output_type("bytes::Bytes")
            .codec_path("crate::raw::RawCodec")
    };
    let service = Service::builder()
        .name("Echo")
        .package("raw")
        .method(method("unary", "Unary").build())
        .method(method("server_stream", "ServerStream").server_streaming().build())
        .method(method("bidi", "Bidi").client_streaming().server_streaming().build())
        .build();
    Builder::new().build_transport(false).compile(&[service]);
}
