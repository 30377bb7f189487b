//! The loads, over any client that has futures.
use bytes::Bytes;
use causewire_bench::{
    Result,
    cell::{Budget, Load, Spending, message, order, wish},
    pb::Order,
};
use futures_util::future::try_join_all;
use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Instant,
};

/// A client through the API that its users call, with the metadata and the deadline that every call has.
pub(crate) trait Client: Clone + Send + Sync + 'static {
    type Turns: Turns;

    fn open(address: &str) -> impl Future<Output = Result<Self>> + Send;
    fn unary(&self, message: Bytes) -> impl Future<Output = Result<Bytes>> + Send;
    fn place(&self, order: Order) -> impl Future<Output = Result<Order>> + Send;
    /// Reads every message; returns their number.
    fn stream(&self, wish: Bytes) -> impl Future<Output = Result<u64>> + Send;
    fn ping_pong(&self) -> impl Future<Output = Result<Self::Turns>> + Send;
}

/// One call whose messages are answered in turns.
pub(crate) trait Turns: Send {
    fn turn(&mut self, message: Bytes) -> impl Future<Output = Result<Bytes>> + Send;
    fn end(self) -> impl Future<Output = Result<()>> + Send;
}

pub(crate) async fn spend(client: &impl Client, load: Load, budget: Budget) -> Result<(u64, Vec<f64>)> {
    let spending = budget.start();
    match load {
        Load::Protobuf => protobuf(client, spending).await,
        Load::Unary { size, width } => unary(client, message(size), width, spending).await,
        Load::Stream { size, count } => stream(client, wish(count, size), count, spending).await,
        Load::PingPong { size } => ping_pong(client, message(size), spending).await,
    }
}

async fn protobuf(client: &impl Client, mut spending: Spending) -> Result<(u64, Vec<f64>)> {
    let order = order();
    let mut latencies = Vec::new();
    while spending.take(1) {
        let started = Instant::now();
        let reply = client.place(order.clone()).await?;
        latencies.push(started.elapsed().as_secs_f64());
        if reply.lines.len() != order.lines.len() {
            return Err("the reply is not the request".into());
        }
    }
    Ok((latencies.len() as u64, latencies))
}

async fn unary(client: &impl Client, message: Bytes, width: usize, spending: Spending) -> Result<(u64, Vec<f64>)> {
    let spending = Arc::new(Mutex::new(spending));
    let worker = || {
        let (client, spending, message) = (client.clone(), spending.clone(), message.clone());
        async move {
            let mut latencies = Vec::new();
            while spending.lock().unwrap().take(1) {
                let started = Instant::now();
                let reply = client.unary(message.clone()).await?;
                latencies.push(started.elapsed().as_secs_f64());
                if reply.len() != message.len() {
                    return Err("the reply is not the request".into());
                }
            }
            Result::Ok(latencies)
        }
    };
    if width == 1 {
        let latencies = worker().await?;
        return Ok((latencies.len() as u64, latencies));
    }
    let tasks: Vec<_> = (0..width).map(|_| tokio::spawn(worker())).collect();
    let mut latencies = Vec::new();
    for task in try_join_all(tasks).await? {
        latencies.extend(task?);
    }
    Ok((latencies.len() as u64, latencies))
}

async fn stream(client: &impl Client, wish: Bytes, count: u32, mut spending: Spending) -> Result<(u64, Vec<f64>)> {
    let mut received = 0;
    while spending.take(count.into()) {
        received += client.stream(wish.clone()).await?;
    }
    Ok((received, Vec::new()))
}

async fn ping_pong(client: &impl Client, message: Bytes, mut spending: Spending) -> Result<(u64, Vec<f64>)> {
    let mut turns = client.ping_pong().await?;
    let mut latencies = Vec::new();
    while spending.take(1) {
        let started = Instant::now();
        turns.turn(message.clone()).await?;
        latencies.push(started.elapsed().as_secs_f64());
    }
    turns.end().await?;
    Ok((latencies.len() as u64, latencies))
}
