use super::{
    DialTimings, Keepalive, Limits,
    resets::Resets,
    slots::Slots,
    tap::{Settings, Wire},
    tls,
};
use crate::failure::evidence::Evidence;
use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release},
    },
    task::Waker,
};
use tokio::sync::watch;

/// The life of a connection that was dialled. It only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Life {
    Ready,
    /// Calls in flight go on, new ones go elsewhere.
    Draining,
    Closed,
}

/// What a connection's driver, handles and streams share.
#[derive(Debug)]
pub(super) struct State {
    pub(super) wire: Arc<Wire>,
    pub(super) address: Arc<str>,
    pub(super) via_proxy: Option<Arc<str>>,
    pub(super) tls: Option<Arc<tls::Facts>>,
    pub(super) limits: Limits,
    pub(super) keepalive: Option<Keepalive>,
    #[allow(dead_code)] // shown by Debug
    pub(super) timings: DialTimings,
    pub(super) slots: Arc<Slots>,
    pub(super) resets: Resets,
    pub(super) life: watch::Sender<Life>,
    usable: AtomicBool,
    close: AtomicBool,
    peer_header_limit: AtomicU32,
    driver: Mutex<Option<Waker>>,
    end: OnceLock<Evidence>,
}

impl State {
    pub(super) fn new(
        wire: Arc<Wire>,
        address: Arc<str>,
        via_proxy: Option<Arc<str>>,
        tls: Option<Arc<tls::Facts>>,
        limits: Limits,
        keepalive: Option<Keepalive>,
        timings: DialTimings,
    ) -> State {
        State {
            wire,
            address,
            via_proxy,
            tls,
            limits,
            keepalive,
            timings,
            slots: Arc::new(Slots::new(limits.max_streams)),
            resets: Resets::default(),
            life: watch::Sender::new(Life::Ready),
            usable: AtomicBool::new(true),
            close: AtomicBool::new(false),
            peer_header_limit: AtomicU32::new(u32::MAX),
            driver: Mutex::new(None),
            end: OnceLock::new(),
        }
    }

    pub(super) fn is_usable(&self) -> bool {
        self.usable.load(Acquire)
    }

    pub(super) fn apply(&self, settings: &Settings) {
        let peer = settings.max_concurrent_streams.map_or(usize::MAX, |max| max as usize);
        self.slots.resize(peer.min(self.limits.max_streams));
        self.peer_header_limit.store(settings.max_header_list.unwrap_or(u32::MAX), Relaxed);
    }

    /// The peer's SETTINGS_MAX_HEADER_LIST_SIZE, `u32::MAX` when it set none.
    pub(super) fn peer_header_limit(&self) -> u32 {
        self.peer_header_limit.load(Relaxed)
    }

    /// No new calls: who waits for a slot is sent elsewhere.
    pub(super) fn drain(&self) {
        self.advance(Life::Draining);
    }

    /// The connection is gone. The first reason stays.
    pub(super) fn finish(&self, end: Evidence) -> Evidence {
        let end = self.end.get_or_init(|| end).clone();
        self.advance(Life::Closed);
        self.resets.close();
        end
    }

    pub(super) fn end(&self) -> Option<&Evidence> {
        self.end.get()
    }

    fn advance(&self, to: Life) {
        self.usable.store(false, Release);
        self.slots.close();
        self.life.send_if_modified(|life| {
            let forward = *life < to;
            *life = to.max(*life);
            forward
        });
    }

    pub(super) fn ask_to_close(&self) {
        self.close.store(true, Release);
        self.advance(Life::Draining);
        self.wake_driver();
    }

    pub(super) fn asked_to_close(&self) -> bool {
        self.close.load(Acquire)
    }

    pub(super) fn set_driver(&self, waker: &Waker) {
        let mut driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        if !driver.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *driver = Some(waker.clone());
        }
    }

    pub(super) fn wake_driver(&self) {
        let waker = self.driver.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
