//! The echo service at a fixed address, which can be drained as a deployment drains a server that it replaces.
use crate::{
    Result,
    counted::{Counted, Counters},
    script::Testbed,
    testbed::Services,
};
use std::{future::Future, pin::pin};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

/// Serves until `stop` returns. Then nobody can connect any more, every connection is told to go away, and this returns
/// when the last call is answered. Dropped, it breaks every connection.
pub async fn stand(
    listener: TcpListener,
    testbed: &Testbed,
    counters: Counters,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let services = Services::new(testbed, counters.clone())?;
    let drain = watch::Sender::new(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                stream.set_nodelay(true)?;
                let (services, mut drained) = (services.clone(), drain.subscribe());
                let io = Counted::new(Box::new(stream), counters.clone());
                connections.spawn(async move {
                    let drained = async { _ = drained.wait_for(|drained| *drained).await };
                    services.serve(io, drained).await
                });
            }
            Some(_) = connections.join_next() => {}
            () = &mut stop => break,
        }
    }
    drop(listener);
    drain.send_replace(true);
    while connections.join_next().await.is_some() {}
    Ok(())
}
