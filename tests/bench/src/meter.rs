//! Time, CPU and memory of this process.
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// One cell of one client, as it is printed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sample {
    pub cell: String,
    pub operations: u64,
    /// Seconds.
    pub wall: f64,
    /// Seconds, user and system, of the whole process.
    pub cpu: f64,
    /// Microseconds; absent where an operation has no latency of its own.
    pub p50: Option<f64>,
    pub p99: Option<f64>,
    /// Peak of the process so far, in KiB.
    pub rss: i64,
}

/// Runs from its making until [`Meter::stop`].
#[derive(Debug)]
pub struct Meter {
    cpu: Duration,
    started: Instant,
}

impl Meter {
    pub fn start() -> Self {
        Meter { cpu: usage().0, started: Instant::now() }
    }

    pub fn stop(self, cell: &str, operations: u64, latencies: &mut [f64]) -> Sample {
        let wall = self.started.elapsed();
        let (cpu, rss) = usage();
        latencies.sort_by(f64::total_cmp);
        Sample {
            cell: cell.to_owned(),
            operations,
            wall: wall.as_secs_f64(),
            cpu: (cpu - self.cpu).as_secs_f64(),
            p50: quantile(latencies, 0.50),
            p99: quantile(latencies, 0.99),
            rss,
        }
    }
}

/// Microseconds; `sorted` are seconds.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * share) as usize).map(|seconds| seconds * 1e6)
}

/// CPU of this process, all threads, and its peak resident size in KiB.
pub fn usage() -> (Duration, i64) {
    // SAFETY: all-zero is a valid rusage, and the kernel is given one to fill.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let time = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
    (time(usage.ru_utime) + time(usage.ru_stime), usage.ru_maxrss)
}

/// What this process holds in memory now, in bytes; `None` where the system does not say.
pub fn resident() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    // SAFETY: asks for a constant of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages * u64::try_from(page).ok()?)
}
