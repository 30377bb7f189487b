//! The Rust clients: `causewire-bench-client CLIENT ADDRESS VERB`, where VERB is one that every language's client knows:
//!
//! - `serve`: reads lines `CELL SECONDS`, answers each with one line of JSON
//! - `cold`: makes one call and prints a line
//! - `channels N`, `streams N`: the memory of each
//! - `operations CELL N`: nothing but the calls, for callgrind, strace and perf
mod bridge;
mod channel;
mod floor;
mod load;
mod serve;
mod tonics;

use causewire_bench::Result;
use tokio::runtime::Builder;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let [client, address, verb @ ..] = &arguments[..] else { return Err("CLIENT ADDRESS VERB".into()) };
    let one = || Builder::new_current_thread().enable_all().build();
    let many = || Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match *client {
        "causewire" => serve::client::<channel::Causewire>(&one()?, address, verb),
        "causewire-multi" => serve::client::<channel::Causewire>(&many()?, address, verb),
        "bridge" => serve::host(bridge::Host::open(address)?, verb),
        "h2" => serve::client::<floor::Floor>(&one()?, address, verb),
        "tonic" => serve::client::<tonics::Tonic>(&one()?, address, verb),
        "tonic-multi" => serve::client::<tonics::Tonic>(&many()?, address, verb),
        _ => Err(format!("there is no client {client}").into()),
    }
}
