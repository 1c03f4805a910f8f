//! The wall clock, injected, because signatures depend on it. Waits, deadlines and leases use `tokio::time`, which is
//! monotonic and which tests pause.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

/// Where the wall-clock time comes from.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn wall_ms(&self) -> u64;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall_ms(&self) -> u64 {
        // A clock before 1970 is as good as none: the server will answer RequestTimeTooSkewed either way.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A clock that stands until it is set: for tests.
#[derive(Debug, Default)]
pub struct FakeClock(AtomicU64);

impl FakeClock {
    /// A clock that stands at `wall_ms`.
    #[must_use]
    pub const fn at(wall_ms: u64) -> Self {
        Self(AtomicU64::new(wall_ms))
    }

    /// Moves the clock, in either direction.
    pub fn set(&self, wall_ms: u64) {
        self.0.store(wall_ms, Ordering::Relaxed);
    }
}

impl Clock for FakeClock {
    fn wall_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
