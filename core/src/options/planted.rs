//! A panic on purpose, which shows that a panic ends as CORE_FAULT and costs nobody else anything. There is one only in tests
//! and in builds with the feature `plant-panic`, which nothing that is published has.
pub(crate) use armed::PlantedPanic;

#[cfg(any(test, feature = "plant-panic"))]
mod armed {
    use super::super::channel::{ChannelOptions, PanicSite};
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    };

    /// Fires once; its clones are the same one.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct PlantedPanic(Arc<AtomicBool>);

    impl PlantedPanic {
        /// In the task of a call.
        pub(crate) fn in_call(options: &ChannelOptions) -> Self {
            Self::armed(options.plant_panic == Some(PanicSite::Call))
        }

        /// In the task that moves a connection.
        pub(crate) fn in_connection(options: &ChannelOptions) -> Self {
            Self::armed(options.plant_panic == Some(PanicSite::Connection))
        }

        pub(crate) fn armed(armed: bool) -> Self {
            PlantedPanic(Arc::new(AtomicBool::new(armed)))
        }

        /// Panics if it is armed and `here` holds.
        #[allow(clippy::panic)] // asked for
        pub(crate) fn fire_if(&self, here: impl FnOnce() -> bool) {
            if self.0.load(Relaxed) && here() && self.0.swap(false, Relaxed) {
                panic!("planted");
            }
        }
    }
}

#[cfg(not(any(test, feature = "plant-panic")))]
mod armed {
    use super::super::channel::ChannelOptions;

    #[derive(Clone, Debug)]
    pub(crate) struct PlantedPanic;

    impl PlantedPanic {
        pub(crate) fn in_call(_: &ChannelOptions) -> Self {
            PlantedPanic
        }

        pub(crate) fn in_connection(_: &ChannelOptions) -> Self {
            PlantedPanic
        }

        pub(crate) fn fire_if(&self, _: impl FnOnce() -> bool) {}
    }
}
