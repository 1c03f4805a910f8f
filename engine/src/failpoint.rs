//! Places where a test has a panic planted: the proof that one defect costs one job, and never the process.
//!
//! Compiled with the feature `failpoints` alone, which no release has; without it [`hit`] is nothing at all. The environment names
//! the place (`WARMPATH_PANIC_AT=answer`) and how often it panics (`WARMPATH_PANIC_TIMES`, default 1).

/// Panics, if this is the place.
#[cfg(feature = "failpoints")]
#[expect(clippy::panic, reason = "what it is for")]
pub fn hit(place: &str) {
    use std::sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    };
    static AT: OnceLock<(String, AtomicUsize)> = OnceLock::new();
    let (at, left) = AT.get_or_init(|| {
        let times = std::env::var("WARMPATH_PANIC_TIMES").ok().and_then(|text| text.parse().ok());
        (std::env::var("WARMPATH_PANIC_AT").unwrap_or_default(), AtomicUsize::new(times.unwrap_or(1)))
    });
    if at == place && left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
        panic!("planted at {place}");
    }
}

/// Nothing: the feature `failpoints` is off.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub const fn hit(_place: &str) {}
