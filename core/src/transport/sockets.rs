//! Which descriptors are our sockets: a fork child inherits them all, and has to close them without a word.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Linux gives no larger numbers unless an administrator asks for it; what is above is not tracked.
const MAX: usize = 1 << 20;
const WORD: usize = u64::BITS as usize;

static OPEN: Registry<{ MAX / WORD }> = Registry::new();

/// One bit per descriptor: no lock that a fork could find held, and untouched pages cost nothing.
struct Registry<const WORDS: usize>([AtomicU64; WORDS]);

impl<const WORDS: usize> Registry<WORDS> {
    const fn new() -> Self {
        Registry([const { AtomicU64::new(0) }; WORDS])
    }

    fn word(&self, fd: i32) -> Option<(&AtomicU64, u64)> {
        let fd = usize::try_from(fd).ok()?;
        Some((self.0.get(fd / WORD)?, 1 << (fd % WORD)))
    }

    fn add(&self, fd: i32) {
        if let Some((word, bit)) = self.word(fd) {
            word.fetch_or(bit, Relaxed);
        }
    }

    fn remove(&self, fd: i32) {
        if let Some((word, bit)) = self.word(fd) {
            word.fetch_and(!bit, Relaxed);
        }
    }

    fn take(&self) -> Vec<i32> {
        let mut all = Vec::new();
        for (at, word) in self.0.iter().enumerate().filter(|(_, word)| word.load(Relaxed) != 0) {
            let bits = word.swap(0, Relaxed);
            let set = (0..WORD).filter(|bit| bits & (1 << bit) != 0);
            all.extend(set.filter_map(|bit| i32::try_from(at * WORD + bit).ok()));
        }
        all
    }
}

/// In a fork child only: the sockets of its parent, which are forgotten by this.
pub(crate) fn take_inherited() -> Vec<i32> {
    OPEN.take()
}

/// Tracks a socket until dropped. To be dropped before the socket: a number that is closed may be somebody else's.
#[derive(Debug)]
pub(crate) struct Tracked(i32);

impl Tracked {
    #[cfg(unix)]
    pub(super) fn new(socket: &impl std::os::fd::AsRawFd) -> Tracked {
        let fd = socket.as_raw_fd();
        OPEN.add(fd);
        Tracked(fd)
    }

    // Nothing forks here.
    #[cfg(not(unix))]
    pub(super) fn new<T>(_: &T) -> Tracked {
        Tracked(-1)
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        OPEN.remove(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::UdpSocket, os::fd::AsRawFd};

    #[test]
    fn what_was_added_and_not_removed_is_taken_once() {
        let registry = Registry::<4>::new();
        for fd in [0, 3, 63, 64, 200, 255] {
            registry.add(fd);
        }
        registry.remove(3);
        for odd in [-1, 256, i32::MAX] {
            registry.add(odd);
            registry.remove(odd);
        }
        assert_eq!(registry.take(), [0, 63, 64, 200, 255]);
        assert!(registry.take().is_empty());
    }

    #[test]
    fn a_socket_is_tracked_while_it_lives() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let is_open = |fd| OPEN.word(fd).is_some_and(|(word, bit)| word.load(Relaxed) & bit != 0);
        let tracked = Tracked::new(&socket);
        assert!(is_open(socket.as_raw_fd()));
        drop(tracked);
        assert!(!is_open(socket.as_raw_fd()));
    }
}
