//! What this process has used so far.

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// User and system CPU time of all threads of this process, and how often one of them went to sleep.
///
/// # Panics
/// Never on Linux: `getrusage(RUSAGE_SELF)` cannot fail.
#[must_use]
pub fn used() -> (Duration, i64) {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("getrusage of the own process");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    (Duration::from_micros(u64::try_from(micros).unwrap_or(0)), usage.voluntary_context_switches())
}

/// A memory field of `/proc/self/status` (`VmHWM`, `VmRSS`), in bytes; 0 where the kernel has none.
#[must_use]
pub fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':')?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
