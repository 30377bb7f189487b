//! What the server, the clients and the harness of the benchmarks agree upon.
pub mod cell;
pub mod meter;
pub mod server;

/// Generated from `proto/`.
#[allow(missing_debug_implementations, unreachable_pub)]
pub mod pb {
    include!(concat!(env!("OUT_DIR"), "/bench.rs"));
}

/// A benchmark reports its problems as text.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Echoes the request.
pub const UNARY: &str = "/bench.Echo/Unary";
/// The same message, as often and as large as the request wishes (see [`cell::wish`]).
pub const SERVER_STREAM: &str = "/bench.Echo/ServerStream";
/// Echoes every request.
pub const BIDI: &str = "/bench.Echo/Bidi";
/// Echoes the request, which is an [`Order`](pb::Order).
pub const PLACE: &str = "/bench.Echo/Place";

/// A target of so many addresses of this machine, at none of which anybody listens: at most 65,000.
pub fn dead_addresses(count: usize) -> String {
    let address = |number: usize| format!("127.1.{}.{}:1", number / 250, number % 250 + 1);
    let addresses: Vec<_> = (0..count).map(address).collect();
    format!("ipv4:{}", addresses.join(","))
}

/// What every call carries, in every language.
pub const METADATA: [(&str, &str); 2] = [("x-request-id", "7d0f2c6a94e14b0c"), ("x-tenant", "bench")];
/// The deadline of every call.
pub const DEADLINE: std::time::Duration = std::time::Duration::from_secs(30);
