//! How many jobs run at once, found out instead of told: between two bounds, from how long tries take and how they fail.
//!
//! Beyond the right number, one job more makes nothing faster: all that grows is the time that each takes (Little's law). So
//! each try is held against the best that tries of its size have done. While it is near that, and all slots are wanted, the
//! limit grows by its square root; when it is more than [`TOLERATED`] times that, the limit shrinks in proportion; and when
//! failures that speak of overload are more than [`FAILURES_TOLERATED`] in a hundred, by a fifth.
//!
//! That is the gradient of Netflix' concurrency-limits (`Gradient2Limit`) with the decrease of its `AIMDLimit`
//! (<https://github.com/Netflix/concurrency-limits>), but for the yardstick. Theirs is a long-term average, which follows an
//! overload that lasts; ours is a minimum, which is measured anew from time to time with few slots, as BBR does with the
//! round-trip time (<https://queue.acm.org/detail.cfm?id=3022184>).

use std::time::Duration;

use serde::Serialize;

use crate::{
    clock::Tick,
    error::{Class, Code, Error},
};

/// How much longer than their best tries may take. Twice is about where a queue as long as the work itself stands.
const TOLERATED: f64 = 2.0;

/// Failures in a hundred tries.
const FAILURES_TOLERATED: u32 = 10;

/// What is left of the limit after too many of them.
const AFTER_FAILURES: f64 = 0.8;

/// The limit never falls below this part of itself at once: a window may be an exception.
const STEEPEST: f64 = 0.5;

/// Tries that a decision is made of, at least; with many slots, two of each.
const WINDOW: u32 = 16;

/// A single try is no measure of the best: it takes so many to move the level of their size.
const LEVEL_OVER: f64 = 32.0;

/// Tries of a size before their level counts as one.
const LEVEL_AFTER: u32 = 8;

/// How long the best is believed; then it is measured anew, and the old one still counts for as long again.
const BELIEVED: Duration = Duration::from_mins(10);

/// The part of the limit that it is measured with. Less than one in [`TOLERATED`], or what is measured would be the queue, each
/// time a longer one.
const PROBED: f64 = 0.3;

/// Decisions for which nothing is changed meanwhile.
const PROBE_LASTS: u32 = 3;

/// Sizes by powers of four: the first is for tries of unknown size.
const SIZES: usize = 33;

/// The bounds of a measured limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Between {
    /// At least 1.
    pub min: usize,
    /// At least `min`.
    pub max: usize,
}

/// What the measured limit was found from.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// The bounds.
    #[serde(flatten)]
    pub bounds: Between,
    /// How many times the best time tries have taken of late; 1 = the best.
    pub slowdown: f64,
    /// Decisions that made the limit larger.
    pub raised: u64,
    /// Decisions that made it smaller.
    pub lowered: u64,
}

/// What tries of one size take, in ns.
#[derive(Clone, Copy)]
struct Level {
    tries: u32,
    usual: f64,
    best: f64,
    best_before: f64,
}

impl Level {
    const NEW: Self = Self { tries: 0, usual: 0.0, best: f64::INFINITY, best_before: f64::INFINITY };

    /// Counts a try: how many times the best it took. Without a best it was no worse.
    fn count(&mut self, took: f64) -> f64 {
        self.tries = self.tries.saturating_add(1);
        self.usual = if self.tries == 1 { took } else { self.usual + (took - self.usual) / LEVEL_OVER };
        if self.tries >= LEVEL_AFTER {
            self.best = self.best.min(self.usual);
        }
        (took / self.best.min(self.best_before)).max(0.0)
    }

    /// The best is to be found anew; where nobody asked meanwhile, nothing is known.
    const fn renew(&mut self) {
        *self = Self { best_before: self.best, ..Self::NEW };
    }
}

/// The tries since the last decision.
#[derive(Clone, Copy, Default)]
struct Window {
    good: u32,
    bad: u32,
    slowdowns: f64,
    /// All slots were in use.
    full: bool,
}

/// A measurement of the best.
#[derive(Clone, Copy)]
struct Probe {
    /// The limit before.
    limit: f64,
    /// Decisions until its end.
    left: u32,
    /// Tries begun before it say nothing.
    since: Tick,
}

/// See the module.
pub struct Adaptive {
    bounds: Between,
    limit: f64,
    levels: [Level; SIZES],
    window: Window,
    believed_until: Tick,
    probe: Option<Probe>,
    slowdown: f64,
    raised: u64,
    lowered: u64,
}

impl Adaptive {
    /// Begins at the lower bound.
    #[must_use]
    pub fn new(bounds: Between, now: Tick) -> Self {
        let min = bounds.min.max(1);
        let bounds = Between { min, max: bounds.max.max(min) };
        Self {
            bounds,
            limit: to_float(min),
            levels: [Level::NEW; SIZES],
            window: Window::default(),
            believed_until: now.after(BELIEVED),
            probe: None,
            slowdown: 1.0,
            raised: 0,
            lowered: 0,
        }
    }

    /// The limit.
    #[must_use]
    pub const fn limit(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between the bounds")]
        let limit = self.limit as usize;
        limit
    }

    /// What it was found from.
    #[must_use]
    pub const fn measured(&self) -> Measured {
        let Self { bounds, slowdown, raised, lowered, .. } = *self;
        Measured { bounds, slowdown, raised, lowered }
    }

    /// A job was started, and so many run.
    pub const fn started(&mut self, running: usize) {
        self.window.full |= running >= self.limit();
    }

    /// A try has ended after so long: `error` is why, where it failed.
    pub fn ended(&mut self, took: Duration, size: Option<u64>, error: Option<&Error>, now: Tick) {
        if self.probe.is_some_and(|probe| now.since(probe.since) < took) {
            return;
        }
        match error {
            None => {
                let size = size.map_or(0, |bytes| (u64::BITS - bytes.leading_zeros()) as usize / 2);
                let Some(level) = self.levels.get_mut(size) else { return };
                self.window.slowdowns += level.count(took.as_secs_f64() * 1e9);
                self.window.good += 1;
            }
            Some(error) if speaks_of_overload(error) => self.window.bad += 1,
            // A refusal says something of the job, and the wait of a bot nothing of the way there.
            Some(_) => return,
        }
        let tries = self.window.good + self.window.bad;
        if tries >= WINDOW && to_float(tries as usize) >= 2.0 * self.limit {
            self.decide(now);
        }
    }

    fn decide(&mut self, now: Tick) {
        let Window { good, bad, slowdowns, full } = std::mem::take(&mut self.window);
        let before = self.limit;
        if good > 0 {
            self.slowdown = slowdowns / f64::from(good);
        }
        if bad * 100 > FAILURES_TOLERATED * (good + bad) {
            self.limit *= AFTER_FAILURES;
            self.probe = None;
        } else if let Some(probe) = &mut self.probe {
            probe.left -= 1;
            if probe.left == 0 {
                self.limit = probe.limit;
                self.probe = None;
            }
        } else if self.slowdown > TOLERATED {
            self.limit *= (TOLERATED / self.slowdown).max(STEEPEST);
        } else if full {
            self.limit += self.limit.sqrt();
        }
        if now >= self.believed_until {
            self.believed_until = now.after(BELIEVED);
            self.probe = Some(Probe { limit: self.limit, left: PROBE_LASTS, since: now });
            self.limit *= PROBED;
            self.levels.iter_mut().for_each(Level::renew);
        }
        self.limit = self.limit.clamp(to_float(self.bounds.min), to_float(self.bounds.max));
        self.raised += u64::from(self.limit > before);
        self.lowered += u64::from(self.limit < before);
    }
}

/// Failures that more jobs at once make more frequent: what broke, stalled or was turned away on the way. Not Telegram's 429,
/// which is about a bot and is the pacer's.
fn speaks_of_overload(error: &Error) -> bool {
    matches!(error.class(), Class::Transient | Class::Ambiguous)
        || matches!(error.code, Code::S3Throttled | Code::SourceThrottled)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
const fn to_float(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests;
