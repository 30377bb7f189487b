//! What a thread of the core rings and an event loop or a thread of Python hears. An eventfd where there is one: half the
//! price of a pair of sockets.
use crate::fork;
#[cfg(target_os = "linux")]
use rustix::event::{EventfdFlags, eventfd};
use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
};

pub(crate) struct Bell {
    ear: OwnedFd,
    /// The other end, where that is another descriptor.
    #[cfg(not(target_os = "linux"))]
    rope: OwnedFd,
}

impl Bell {
    #[cfg(target_os = "linux")]
    pub(crate) fn new() -> io::Result<Self> {
        let ear = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        fork::track(ear.as_raw_fd());
        Ok(Bell { ear })
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn new() -> io::Result<Self> {
        let (ear, rope) = std::os::unix::net::UnixStream::pair()?;
        ear.set_nonblocking(true)?;
        rope.set_nonblocking(true)?;
        fork::track(ear.as_raw_fd());
        fork::track(rope.as_raw_fd());
        Ok(Bell { ear: ear.into(), rope: rope.into() })
    }

    /// To be waited on until it can be read.
    pub(crate) fn fileno(&self) -> RawFd {
        self.ear.as_raw_fd()
    }

    /// One that cannot take more has rung already.
    pub(crate) fn ring(&self) {
        let _ = rustix::io::write(self.rope(), &1u64.to_ne_bytes());
    }

    /// Takes the ringing off, so that a later one is heard.
    pub(crate) fn hear(&self) {
        let mut sink = [0; 64];
        let _ = rustix::io::retry_on_intr(|| rustix::io::read(&self.ear, &mut sink));
    }

    #[cfg(target_os = "linux")]
    fn rope(&self) -> BorrowedFd<'_> {
        self.ear.as_fd()
    }

    #[cfg(not(target_os = "linux"))]
    fn rope(&self) -> BorrowedFd<'_> {
        self.rope.as_fd()
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        fork::untrack(self.ear.as_raw_fd());
        fork::untrack(self.rope().as_raw_fd());
    }
}
