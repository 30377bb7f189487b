//! Lines that are no calls.
use crate::{
    Driver,
    request::{CancelOp, ChannelOp, Misuse},
};
use causewire::{Channel, ConnectivityState};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::oneshot;

/// Calls that may be cancelled by their id.
#[derive(Default)]
pub(crate) struct Running(Mutex<HashMap<String, oneshot::Sender<()>>>);

impl Running {
    pub(crate) fn add(&self, id: &Value) -> oneshot::Receiver<()> {
        let (cancel, cancelled) = oneshot::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_string(), cancel);
        cancelled
    }

    pub(crate) fn remove(&self, id: &Value) -> Option<oneshot::Sender<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id.to_string())
    }
}

pub(crate) fn cancel(driver: &Driver, op: &CancelOp) {
    if let Some(cancel) = driver.running.remove(&op.call) {
        let _ = cancel.send(());
    }
    driver.out.value(&json!({"id": op.id}));
}

pub(crate) async fn channel(driver: &Driver, op: ChannelOp) {
    let Some(entry) = driver.channels.of_op(&op) else {
        return driver.out.misuse(&Misuse::new(op.id, "channel", "has no call yet"));
    };
    let channel = match entry.channel {
        Ok(channel) => channel,
        Err(error) => {
            let id = &op.id;
            return driver.out.line(format!("{{\"id\":{id},\"failure\":{}}}", error.failure().to_json()));
        }
    };
    let mut changed = None;
    match op.what.as_str() {
        "state" | "stats" => {}
        "connect" => channel.connect(),
        "reset_backoff" => channel.reset_backoff(),
        "network_changed" => channel.network_changed(),
        "close" => channel.close(),
        "wait_for_state_change" => changed = Some(wait(&channel, &op).await),
        _ => return driver.out.misuse(&Misuse::new(op.id, "do", "is unknown")),
    }
    let stats = channel.stats();
    let mut answer = json!({
        "id": op.id,
        "state": channel.state().as_str(),
        "stats": {
            "connections": stats.connections,
            "streams": stats.streams,
            "tasks": stats.tasks,
            "buffered_bytes": stats.buffered_bytes,
        },
        "failure": null,
    });
    if let (Some(changed), Some(answer)) = (changed, answer.as_object_mut()) {
        answer.insert("changed".into(), changed.into());
    }
    driver.out.value(&answer);
}

async fn wait(channel: &Channel, op: &ChannelOp) -> bool {
    let last = op.state.as_deref().and_then(ConnectivityState::parse).unwrap_or(channel.state());
    let timeout = Duration::from_millis(op.timeout_ms.unwrap_or(u64::from(u32::MAX)));
    tokio::time::timeout(timeout, channel.wait_for_state_change(last)).await.is_ok()
}
