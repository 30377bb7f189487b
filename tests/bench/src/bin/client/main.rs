//! The Rust clients: `causewire-bench-client CLIENT ADDRESS CELL[,CELL..] (--seconds N | --operations N)`.
//!
//! With `--operations` there is no warm-up and nothing but the calls: what callgrind, strace and perf are to see.
mod bridge;
mod channel;
mod floor;
mod load;
mod tonics;

use causewire_bench::{
    Result,
    cell::{Budget, Load},
};
use std::time::Duration;
use tokio::runtime::Builder;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let [client, address, cells, unit, amount] = arguments[..] else {
        return Err("causewire-bench-client CLIENT ADDRESS CELL[,CELL..] (--seconds N | --operations N)".into());
    };
    let budget = match unit {
        "--seconds" => Budget::Time(Duration::from_secs_f64(amount.parse()?)),
        "--operations" => Budget::Operations(amount.parse()?),
        _ => return Err(format!("{unit}: neither --seconds nor --operations").into()),
    };
    for name in cells.split(',') {
        run(client, address, name, name.parse()?, budget)?;
    }
    Ok(())
}

fn run(client: &str, address: &str, name: &str, load: Load, budget: Budget) -> Result<()> {
    let one = || Builder::new_current_thread().enable_all().build();
    let many = || Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match client {
        "causewire" => one()?.block_on(async { load::run(channel::open(address)?, name, load, budget).await }),
        "causewire-multi" => many()?.block_on(async { load::run(channel::open(address)?, name, load, budget).await }),
        "bridge" => bridge::run(address, name, load, budget),
        "h2" => one()?.block_on(async { load::run(floor::open(address).await?, name, load, budget).await }),
        "tonic" => one()?.block_on(async { load::run(tonics::open(address).await?, name, load, budget).await }),
        "tonic-multi" => many()?.block_on(async { load::run(tonics::open(address).await?, name, load, budget).await }),
        _ => Err(format!("there is no client {client}").into()),
    }
}
