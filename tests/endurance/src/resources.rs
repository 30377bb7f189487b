//! What this process holds.
use crate::Result;
use std::os::fd::AsRawFd;

/// More sockets than a shell usually allows.
const DESCRIPTORS: libc::rlim_t = 4096;

/// Raises the soft limit on open files.
pub(crate) fn allow_descriptors() -> Result {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel is given a structure to fill.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    limit.rlim_cur = limit.rlim_cur.max(DESCRIPTORS).min(limit.rlim_max);
    // SAFETY: a structure of our own.
    match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error().into()),
    }
}

/// Connections that the kernel has made for a listener and that nobody has accepted yet.
pub(crate) fn backlog(listener: &impl AsRawFd) -> Result<u64> {
    // SAFETY: all-zero is a valid value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = libc::socklen_t::try_from(size_of::<libc::tcp_info>())?;
    let (to, fd) = ((&raw mut info).cast(), listener.as_raw_fd());
    // SAFETY: the kernel is given a structure to fill, and its size.
    match unsafe { libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, to, &raw mut length) } {
        // Of a listener these are the connections in its queue.
        0 => Ok(info.tcpi_unacked.into()),
        _ => Err(std::io::Error::last_os_error().into()),
    }
}

/// Open sockets.
pub(crate) fn sockets() -> Result<usize> {
    let links = std::fs::read_dir("/proc/self/fd")?.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    Ok(links.filter(|link| link.to_string_lossy().starts_with("socket:")).count())
}

/// Bytes of memory.
pub(crate) fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? << 10)
}
