//! When one key (a token, a chat, a size) may send: its rates, what a 429 said of it, and what was learned from that.
//!
//! Each rate is a GCRA: one number, the theoretical arrival time (TAT). With `T` = period / limit and a burst of `b`, a
//! send is due at `TAT - (b-1)·T`, and a send books `TAT = max(TAT, now) + T`. A GCRA with a burst lets a few more than
//! `limit` into a window of one period (20 a minute with a burst of 3 makes 22), so rates with a burst also remember
//! their last `limit` sends: in no window, however it is laid, are there more. A steady stream runs at exactly the limit.
//!
//! The other side counts a send when it is complete, not when it was begun; both moments are booked, and the later counts.
//!
//! A send that nobody asked us about (the live bot's) is booked like any other and so pushes ours into the future, by
//! one period at most.
//!
//! What a 429 teaches is AIMD: the rate is halved at once and grows back by as much over the recovery time. Refusals of
//! sends that were under way before the rate was halved say nothing new.

use std::collections::VecDeque;

use super::planted::{Bug, Planted};
use crate::{
    clock::Tick,
    executor::limits::{Limits, Rate},
};

/// A learned rate in millionths of the table's.
pub const FULL: u64 = 1_000_000;

/// No rate is learned down further than to a sixteenth: a key that is refused at that pace has another trouble.
const LEAST: u64 = FULL / 16;

/// Rates above this many sends in a period keep no memory of them; the GCRA alone is exact enough there.
const MOST_REMEMBERED: u32 = 1_000;

/// The state of one rate.
#[derive(Debug, Default)]
pub struct Meter {
    /// By the moments that sends were begun.
    tat: u64,
    /// By the moments that they were complete, which is when the other side counts them.
    arrived: u64,
    recent: VecDeque<u64>,
}

impl Meter {
    /// When the next send is due.
    pub fn free_at(&self, rate: &Rate) -> Tick {
        let gcra = self.tat.max(self.arrived).saturating_sub(slack(rate));
        // Where the limit was higher before, more than `limit` are remembered.
        let first = self.recent.len().checked_sub(rate.limit as usize).and_then(|index| self.recent.get(index));
        let window = first.map_or(0, |first| first.saturating_add(rate.period()));
        Tick::from_nanos(gcra.max(window))
    }

    /// A send at `at`, at a pace of `pace` millionths of the rate.
    pub fn book(&mut self, rate: &Rate, pace: u64, at: Tick, planted: Planted) {
        let at = at.as_nanos();
        let begin = if planted.has(Bug::ArrivalTimeReset) { at } else { self.tat.max(at) };
        self.tat = begin.saturating_add(interval(rate, pace)).min(furthest(rate, pace, at));
        if rate.burst > 1 && rate.limit <= MOST_REMEMBERED {
            while self.recent.len() >= rate.limit as usize {
                self.recent.pop_front();
            }
            self.recent.push_back(at);
        }
    }

    /// The send that was booked at `booked` was complete at `at`. The other side counts it from there, so the next one must
    /// keep its distance from there: uploads take times of their own, and a stream that is spaced where it begins arrives
    /// in heaps.
    fn arrive(&mut self, rate: &Rate, pace: u64, booked: Tick, at: Tick) {
        let (booked, at) = (booked.as_nanos(), at.as_nanos());
        let next = self.arrived.max(at).saturating_add(interval(rate, pace));
        self.arrived = next.min(furthest(rate, pace, at));
        if let Some(send) = self.recent.iter_mut().rev().find(|send| **send == booked) {
            *send = at;
        }
    }

    /// Another rate holds from `at` on: nothing that was booked reaches further than that rate itself would.
    pub fn adjust(&mut self, rate: &Rate, pace: u64, at: Tick) {
        let furthest = furthest(rate, pace, at.as_nanos());
        self.tat = self.tat.min(furthest);
        self.arrived = self.arrived.min(furthest);
    }

    /// No burst is left at `at`.
    fn empty(&mut self, rate: &Rate, at: Tick) {
        self.tat = self.tat.max(at.as_nanos().saturating_add(slack(rate)));
    }

    /// Whether it is as good as new.
    pub fn is_idle(&self, rate: &Rate, now: Tick) -> bool {
        let now = now.as_nanos();
        self.tat.max(self.arrived) <= now
            && self.recent.back().is_none_or(|last| last.saturating_add(rate.period()) <= now)
    }
}

/// Time between two sends at a pace, ns.
pub const fn interval(rate: &Rate, pace: u64) -> u64 {
    let pace = if pace == 0 { 1 } else { pace };
    rate.interval().saturating_mul(FULL) / pace
}

/// How far the TAT may be ahead of a send. The table's, whatever the pace: a slower pace must not make a longer burst of
/// what is booked already.
const fn slack(rate: &Rate) -> u64 {
    rate.interval().saturating_mul(rate.burst.saturating_sub(1) as u64)
}

/// The furthest that the TAT goes by a send at `at`, ns.
fn furthest(rate: &Rate, pace: u64, at: u64) -> u64 {
    at.saturating_add(slack(rate)).saturating_add(rate.period().max(interval(rate, pace)))
}

/// Why a gate is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    /// The other side named a time.
    Blocked,
    /// A rate.
    Rate,
}

/// The gate of a token or a chat.
#[derive(Debug, Default)]
pub struct Gate {
    /// Room for the two rates a chat can have.
    meters: [Meter; 2],
    blocked: Tick,
    cut: Option<Cut>,
}

/// The last time a rate was halved.
#[derive(Clone, Copy, Debug)]
struct Cut {
    at: Tick,
    /// The pace from then on.
    pace: u64,
}

/// The rates of a gate.
pub type Rates = [Option<Rate>; 2];

impl Gate {
    /// When the next send is due, and what it waits for.
    pub fn free_at(&self, rates: &Rates, now: Tick) -> (Tick, Shut) {
        let due = rates
            .iter()
            .zip(&self.meters)
            .filter_map(|(rate, meter)| rate.as_ref().map(|rate| meter.free_at(rate)))
            .fold(Tick::START, Tick::max);
        if self.blocked >= due && self.blocked > now { (self.blocked, Shut::Blocked) } else { (due, Shut::Rate) }
    }

    /// A send at `at`.
    pub fn book(&mut self, rates: &Rates, limits: &Limits, at: Tick, planted: Planted) {
        let pace = self.pace(limits, at);
        for (rate, meter) in rates.iter().zip(&mut self.meters) {
            if let Some(rate) = rate {
                meter.book(rate, pace, at, planted);
            }
        }
    }

    /// A send that was booked at `booked` was complete at `at`.
    pub fn arrive(&mut self, rates: &Rates, limits: &Limits, booked: Tick, at: Tick) {
        let pace = self.pace(limits, at);
        for (rate, meter) in rates.iter().zip(&mut self.meters) {
            if let Some(rate) = rate {
                meter.arrive(rate, pace, booked, at);
            }
        }
    }

    /// Other rates hold from now on.
    pub fn adjust(&mut self, rates: &Rates, limits: &Limits, now: Tick) {
        let (pace, from) = (self.pace(limits, now), now.max(self.blocked));
        for (rate, meter) in rates.iter().zip(&mut self.meters) {
            if let Some(rate) = rate {
                meter.adjust(rate, pace, from);
            }
        }
    }

    /// Nothing is due before `until`, and no burst then. An earlier end never shortens a later one.
    pub fn block(&mut self, rates: &Rates, until: Tick) {
        self.blocked = self.blocked.max(until);
        for (rate, meter) in rates.iter().zip(&mut self.meters) {
            if let Some(rate) = rate {
                meter.empty(rate, until);
            }
        }
    }

    /// A send that began at `sent` was refused: the rate is halved, unless that is known already.
    pub fn halve(&mut self, limits: &Limits, sent: Tick, now: Tick) {
        if self.cut.is_none_or(|cut| sent > cut.at) {
            self.cut = Some(Cut { at: now, pace: (self.pace(limits, now) / 2).max(LEAST) });
        }
    }

    /// The learned pace, in millionths of the rate.
    pub fn pace(&self, limits: &Limits, now: Tick) -> u64 {
        let Some(cut) = self.cut else { return FULL };
        let recovery = u64::try_from(limits.recovery().as_nanos()).unwrap_or(u64::MAX).max(1);
        let passed = now.since(cut.at).as_nanos();
        let grown = u64::try_from(passed.saturating_mul(u128::from(FULL / 2)) / u128::from(recovery)).unwrap_or(FULL);
        cut.pace.saturating_add(grown).min(FULL)
    }

    /// Until when the other side forbids to send, if that is not over.
    pub fn blocked_until(&self, now: Tick) -> Option<Tick> {
        Some(self.blocked).filter(|until| *until > now)
    }

    /// Whether it is as good as new, and need not be remembered.
    pub fn is_idle(&self, rates: &Rates, limits: &Limits, now: Tick) -> bool {
        let idle = |(rate, meter): (&Option<Rate>, &Meter)| rate.as_ref().is_none_or(|rate| meter.is_idle(rate, now));
        self.blocked <= now && self.pace(limits, now) == FULL && rates.iter().zip(&self.meters).all(idle)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn moment(tick: Tick) -> Duration {
        Duration::from_nanos(tick.as_nanos())
    }

    /// The moments of the first `count` sends of somebody who sends as soon as the gate lets him.
    fn sends(gate: &mut Gate, rates: &Rates, from: Tick, count: usize) -> Vec<Duration> {
        let limits = Limits::default();
        let mut now = from;
        (0..count)
            .map(|_| {
                now = now.max(gate.free_at(rates, now).0);
                gate.book(rates, &limits, now, Planted::NONE);
                moment(now)
            })
            .collect()
    }

    fn group() -> Rates {
        let limits = Limits::default();
        [limits.chat, limits.group]
    }

    #[test]
    fn a_group_gets_a_burst_of_three_a_second_apart_and_then_one_each_three_moment() {
        let at = sends(&mut Gate::default(), &group(), Tick::START, 7);
        assert_eq!(at, [0, 1, 2, 3, 6, 9, 12].map(Duration::from_secs));
    }

    #[test]
    fn no_window_of_a_minute_holds_more_than_twenty_and_a_day_holds_all_that_is_allowed() {
        let day = 20 * 60 * 24;
        let at = sends(&mut Gate::default(), &group(), Tick::START, day + 1);
        assert!(at.windows(21).all(|window| window[20] >= window[0] + Duration::from_mins(1)));
        assert!(at.windows(2).all(|pair| pair[1] >= pair[0] + Duration::from_secs(1)));
        assert_eq!(at[day], Duration::from_hours(24));
    }

    #[test]
    fn the_token_sends_its_burst_at_once_and_then_one_each_forty_millimoment() {
        let rates = [Limits::default().token, None];
        let at = sends(&mut Gate::default(), &rates, Tick::START, 7);
        assert_eq!(at, [0, 0, 0, 0, 0, 40, 80].map(Duration::from_millis));
        assert_eq!(sends(&mut Gate::default(), &rates, Tick::START, 2_501)[2_500], Duration::from_secs(100));
    }

    #[test]
    fn what_the_live_bot_sends_pushes_ours_back_by_one_period_at_most() {
        let (limits, rates) = (Limits::default(), group());
        let mut gate = Gate::default();
        for _ in 0..1_000 {
            gate.book(&rates, &limits, Tick::START, Planted::NONE);
        }
        let (free, why) = gate.free_at(&rates, Tick::START);
        assert_eq!((moment(free), why), (Duration::from_mins(1), Shut::Rate));
    }

    #[test]
    fn a_block_leaves_no_burst_behind_and_is_never_shortened() {
        let rates = group();
        let mut gate = Gate::default();
        gate.block(&rates, Tick::from_nanos(100 * SECOND));
        gate.block(&rates, Tick::from_nanos(50 * SECOND));
        assert_eq!(gate.free_at(&rates, Tick::START).1, Shut::Blocked);
        assert_eq!(sends(&mut gate, &rates, Tick::START, 3), [100, 103, 106].map(Duration::from_secs));
    }

    #[test]
    fn a_rate_is_halved_once_for_one_incident_and_grows_back_in_ten_minutes() {
        let limits = Limits::default();
        let at = |second: u64| Tick::from_nanos(second * SECOND);
        let mut gate = Gate::default();
        gate.halve(&limits, at(1), at(2));
        assert_eq!(gate.pace(&limits, at(2)), FULL / 2);
        // It was on its way when the rate was halved.
        gate.halve(&limits, at(2), at(3));
        assert!(gate.pace(&limits, at(3)) > FULL / 2);
        assert_eq!(gate.pace(&limits, at(2 + 300)), FULL * 3 / 4);
        assert_eq!(gate.pace(&limits, at(2 + 600)), FULL);
        for second in (700..2_000).step_by(10) {
            gate.halve(&limits, at(second), at(second));
        }
        assert_eq!(gate.pace(&limits, at(1_990)), LEAST);
    }

    #[test]
    fn a_gate_is_idle_once_nothing_of_the_past_matters() {
        let (limits, rates) = (Limits::default(), group());
        let mut gate = Gate::default();
        assert!(gate.is_idle(&rates, &limits, Tick::START));
        gate.book(&rates, &limits, Tick::START, Planted::NONE);
        assert!(!gate.is_idle(&rates, &limits, Tick::from_nanos(59 * SECOND)));
        assert!(gate.is_idle(&rates, &limits, Tick::from_nanos(60 * SECOND)));
    }
}
