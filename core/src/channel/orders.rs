//! What the program asks of the controller. Each wish is the same however often it is made, so a set of flags holds them
//! all and nothing piles up.
use std::sync::atomic::{AtomicU8, Ordering::AcqRel};
use tokio::sync::Notify;

/// Connect although no call needs it.
pub(super) const CONNECT: u8 = 1;
/// Do not wait before the next attempt.
pub(super) const RESET_BACKOFF: u8 = 1 << 1;
/// Another network: what was known of the old one is worth nothing.
pub(super) const NETWORK_CHANGED: u8 = 1 << 2;
/// Nobody holds the channel any more, or it was closed.
pub(super) const QUIT: u8 = 1 << 3;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Orders {
    flags: AtomicU8,
    changed: Notify,
}

impl Orders {
    pub(super) fn give(&self, order: u8) {
        self.flags.fetch_or(order, AcqRel);
        self.changed.notify_one();
    }

    /// Waits for orders and takes them all.
    pub(super) async fn take(&self) -> u8 {
        loop {
            let orders = self.flags.swap(0, AcqRel);
            if orders != 0 {
                return orders;
            }
            self.changed.notified().await;
        }
    }
}
