//! The interop client of Rust: one case of grpc/grpc doc/interop-test-descriptions.md, exit code 0 when all that the
//! document asks for holds.
mod arguments;
mod cases;
mod compression;
mod soak;
mod streaming;

use arguments::Arguments;
use std::process::ExitCode;

/// A test tool reports its problems as text.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Returns with the reason unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($reason:tt)+) => {
        if !$condition {
            return Err(format!($($reason)+).into());
        }
    };
}
pub(crate) use ensure;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let channel = arguments.channel()?;
    match &arguments.test_case[..] {
        "empty_unary" => cases::empty_unary(&channel).await,
        "large_unary" => cases::large_unary(&channel).await,
        "client_streaming" => streaming::client_streaming(&channel).await,
        "server_streaming" => streaming::server_streaming(&channel).await,
        "ping_pong" => streaming::ping_pong(&channel).await,
        "empty_stream" => streaming::empty_stream(&channel).await,
        "client_compressed_unary" => compression::client_unary(&channel, true).await,
        "client_compressed_unary_noprobe" => compression::client_unary(&channel, false).await,
        "server_compressed_unary" => compression::server_unary(&channel).await,
        "client_compressed_streaming" => compression::client_streaming(&channel, true).await,
        "client_compressed_streaming_noprobe" => compression::client_streaming(&channel, false).await,
        "server_compressed_streaming" => compression::server_streaming(&channel).await,
        "custom_metadata" => cases::custom_metadata(&channel).await,
        "status_code_and_message" => cases::status_code_and_message(&channel).await,
        "special_status_message" => cases::special_status_message(&channel).await,
        "unimplemented_method" => cases::unimplemented(&channel, "/grpc.testing.TestService/UnimplementedCall").await,
        "unimplemented_service" => {
            cases::unimplemented(&channel, "/grpc.testing.UnimplementedService/UnimplementedCall").await
        }
        "cancel_after_begin" => streaming::cancel_after_begin(&channel).await,
        "cancel_after_first_response" => streaming::cancel_after_first_response(&channel).await,
        "timeout_on_sleeping_server" => streaming::timeout_on_sleeping_server(&channel).await,
        "pick_first_unary" => cases::pick_first_unary(&channel).await,
        "max_concurrent_streams_connection_scaling" => {
            streaming::max_concurrent_streams_connection_scaling(&channel).await
        }
        "concurrent_large_unary" => cases::concurrent_large_unary(&channel).await,
        "rpc_soak" => soak::soak(arguments, Some(channel)).await,
        "channel_soak" => soak::soak(arguments, None).await,
        other => Err(format!("{other} is no case of this client").into()),
    }
}
