//! Error numbers of the socket calls, for Linux and for Apple's systems.

/// The numbers differ between the two families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum System {
    Linux,
    Apple,
}

impl System {
    pub(super) const HERE: Self = if cfg!(target_vendor = "apple") { Self::Apple } else { Self::Linux };
}

/// What a number means for a connection that was being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Somebody said that nothing listens there, or the Unix path does not exist.
    Refused,
    /// Time ran out.
    TimedOut,
    /// No way to the address.
    Unreachable,
    /// Forbidden by this machine.
    Forbidden,
    /// Out of file descriptors, ports or memory; the word names which.
    Exhausted(&'static str),
    /// Accepted, then closed.
    Closed,
}

use Meaning::{Closed, Exhausted, Forbidden, Refused, TimedOut, Unreachable};

/// Name, number on Linux, number on Apple's systems, meaning.
const TABLE: &[(&str, i32, i32, Meaning)] = &[
    ("EPERM", 1, 1, Forbidden),
    ("ENOENT", 2, 2, Refused),
    ("EAGAIN", 11, 35, Unreachable),
    ("ENOMEM", 12, 12, Exhausted("memory")),
    ("EACCES", 13, 13, Forbidden),
    ("ENOTDIR", 20, 20, Refused),
    ("EINVAL", 22, 22, Unreachable),
    ("ENFILE", 23, 23, Exhausted("file descriptors")),
    ("EMFILE", 24, 24, Exhausted("file descriptors")),
    ("EPIPE", 32, 32, Closed),
    ("ENOTSOCK", 88, 38, Refused),
    ("EAFNOSUPPORT", 97, 47, Unreachable),
    ("EADDRINUSE", 98, 48, Exhausted("ports")),
    ("EADDRNOTAVAIL", 99, 49, Unreachable),
    ("ENETDOWN", 100, 50, Unreachable),
    ("ENETUNREACH", 101, 51, Unreachable),
    ("ENETRESET", 102, 52, Closed),
    ("ECONNABORTED", 103, 53, Closed),
    ("ECONNRESET", 104, 54, Closed),
    ("ENOBUFS", 105, 55, Exhausted("memory")),
    ("ETIMEDOUT", 110, 60, TimedOut),
    ("ECONNREFUSED", 111, 61, Refused),
    ("EHOSTDOWN", 112, 64, Unreachable),
    ("EHOSTUNREACH", 113, 65, Unreachable),
];

/// The symbol (`ECONNREFUSED`) and what it means; `None` for a number that is not in the table.
pub(super) fn lookup(number: i32, system: System) -> Option<(&'static str, Meaning)> {
    TABLE
        .iter()
        .find(|&&(_, linux, apple, _)| number == if system == System::Linux { linux } else { apple })
        .map(|&(name, _, _, meaning)| (name, meaning))
}
