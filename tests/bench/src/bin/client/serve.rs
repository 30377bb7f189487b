//! The verbs.
use crate::{
    bridge::Host,
    load::{Client, Turns, spend},
};
use causewire_bench::{
    Result,
    cell::{Budget, Load, message},
    meter::{Meter, resident},
};
use std::{io::BufRead, time::Duration};
use tokio::runtime::Runtime;

/// Before each cell, unmeasured.
const WARM_UP: Duration = Duration::from_millis(50);

pub(crate) fn client<C: Client>(runtime: &Runtime, address: &str, verb: &[&str]) -> Result<()> {
    match verb {
        ["serve"] => {
            let client = runtime.block_on(C::open(address))?;
            serve(|load, budget| runtime.block_on(spend(&client, load, budget)))
        }
        ["operations", cell, count] => {
            let budget = Budget::Operations(count.parse()?);
            measure(cell, budget, |load, budget| {
                runtime.block_on(async { spend(&C::open(address).await?, load, budget).await })
            })
        }
        ["cold"] => {
            runtime.block_on(async { C::open(address).await?.unary(message(100)).await })?;
            println!("first");
            Ok(())
        }
        ["channels", count] => runtime.block_on(channels::<C>(address, count.parse()?)),
        ["streams", count] => runtime.block_on(streams::<C>(address, count.parse()?)),
        _ => Err(format!("{verb:?} is no verb of this client").into()),
    }
}

pub(crate) fn host(mut host: Host, verb: &[&str]) -> Result<()> {
    match verb {
        ["serve"] => serve(|load, budget| Ok((host.spend(load, budget)?, Vec::new()))),
        ["operations", cell, count] => {
            let budget = Budget::Operations(count.parse()?);
            measure(cell, budget, |load, budget| Ok((host.spend(load, budget)?, Vec::new())))
        }
        _ => Err(format!("{verb:?} is no verb of this client").into()),
    }
}

fn serve(mut spend: impl FnMut(Load, Budget) -> Result<(u64, Vec<f64>)>) -> Result<()> {
    println!("{{}}");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (cell, seconds) = line.split_once(' ').ok_or("CELL SECONDS")?;
        let budget = Budget::Time(Duration::from_secs_f64(seconds.parse()?));
        spend(cell.parse()?, Budget::Time(WARM_UP))?;
        measure(cell, budget, &mut spend)?;
    }
    Ok(())
}

fn measure(cell: &str, budget: Budget, mut spend: impl FnMut(Load, Budget) -> Result<(u64, Vec<f64>)>) -> Result<()> {
    let meter = Meter::start();
    let (operations, mut latencies) = spend(cell.parse()?, budget)?;
    println!("{}", serde_json::to_string(&meter.stop(cell, operations, &mut latencies))?);
    Ok(())
}

/// What each of `count` channels takes that have made a call and have nothing to do.
async fn channels<C: Client>(address: &str, count: u64) -> Result<()> {
    let mut open = Vec::new();
    let mut before = None;
    // the first has what all share
    for _ in 0..=count {
        let client = C::open(address).await?;
        client.unary(message(100)).await?;
        open.push(client);
        before = before.or_else(resident);
    }
    print_each(before, count);
    Ok(())
}

/// What each of `count` streams takes that are open on one channel and have nothing to do.
async fn streams<C: Client>(address: &str, count: u64) -> Result<()> {
    let client = C::open(address).await?;
    let mut open = Vec::new();
    let mut before = None;
    for _ in 0..=count {
        let mut stream = client.ping_pong().await?;
        stream.turn(message(100)).await?;
        open.push(stream);
        before = before.or_else(resident);
    }
    print_each(before, count);
    Ok(())
}

fn print_each(before: Option<u64>, count: u64) {
    let each = before.zip(resident()).map(|(before, after)| after.saturating_sub(before) / count);
    println!("{}", serde_json::json!({ "bytes": each }));
}
