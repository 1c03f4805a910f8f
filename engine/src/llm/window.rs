//! A sliding window: at most so much in any period. Exact, because each amount is remembered until it is out of the window;
//! a bucket that refills would let twice the limit through in one period.
//!
//! Amounts are booked at a moment that may lie ahead: whoever has to wait is told a moment of his own, instead of all being
//! told the same one. Moments never go back from one booking to the next, so each entry enters and leaves the window of
//! the last booking once, and a booking costs O(1) in the mean.

use std::{collections::VecDeque, time::Duration};

use super::Limit;
use crate::clock::Tick;

/// Names a booking.
pub type Booking = u64;

/// See the module.
pub struct Window {
    limit: f64,
    period: Duration,
    /// What was booked, oldest first.
    entries: VecDeque<(Tick, f64)>,
    /// The booking that is first in `entries`.
    first: Booking,
    /// The booking that is first in the window of the last one, and what that window holds.
    tail: Booking,
    held: f64,
}

impl Window {
    /// A window with nothing in it.
    pub fn new(limit: Limit) -> Self {
        Self {
            limit: limit.limit,
            period: Duration::from_millis(limit.period_ms),
            entries: VecDeque::new(),
            first: 0,
            tail: 0,
            held: 0.0,
        }
    }

    /// The first moment from `now` on at which there is room for this amount. What is larger than the limit goes alone.
    pub fn room_at(&mut self, amount: f64, now: Tick) -> Tick {
        self.forget(now);
        let amount = amount.min(self.limit);
        let mut at = self.entries.back().map_or(now, |(last, _)| now.max(*last));
        let (mut tail, mut held) = (self.tail, self.held);
        while let Some((entered, was)) = self.entry(tail) {
            let leaves = entered.after(self.period);
            // A hundredth of a unit is nobody's limit, but sums of fractions are never quite even.
            if leaves > at && held + amount <= self.limit + 1e-9 * self.limit {
                break;
            }
            at = at.max(leaves);
            held -= was;
            tail += 1;
        }
        at
    }

    /// Books an amount at a moment that [`Window::room_at`] named, or a later one.
    pub fn book(&mut self, amount: f64, at: Tick) -> Booking {
        while let Some((entered, was)) = self.entry(self.tail)
            && entered.after(self.period) <= at
        {
            self.held -= was;
            self.tail += 1;
        }
        if self.tail == self.end() {
            // What rounding has left behind does not add up over years.
            self.held = 0.0;
        }
        self.entries.push_back((at, amount));
        self.held += amount;
        self.end() - 1
    }

    /// The amount was another one.
    pub fn correct(&mut self, booking: Booking, amount: f64) {
        let Some(index) = booking.checked_sub(self.first).and_then(|index| usize::try_from(index).ok()) else { return };
        let Some((_, booked)) = self.entries.get_mut(index) else { return };
        let before = std::mem::replace(booked, amount);
        if booking >= self.tail {
            self.held += amount - before;
        }
    }

    fn entry(&self, booking: Booking) -> Option<(Tick, f64)> {
        let index = usize::try_from(booking.checked_sub(self.first)?).ok()?;
        self.entries.get(index).copied()
    }

    fn end(&self) -> Booking {
        self.first + self.entries.len() as u64
    }

    /// Forgets what is out of every window that is still to come.
    fn forget(&mut self, now: Tick) {
        while let Some((at, amount)) = self.entries.front().copied()
            && at.after(self.period) <= now
        {
            self.entries.pop_front();
            if self.tail == self.first {
                self.tail += 1;
                self.held -= amount;
            }
            self.first += 1;
        }
        if self.entries.is_empty() {
            self.held = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: u64) -> Tick {
        Tick::START.after(Duration::from_millis(ms))
    }

    fn window(limit: f64) -> Window {
        Window::new(Limit { limit, period_ms: 1_000 })
    }

    #[test]
    fn the_next_has_room_when_the_oldest_is_out() {
        let mut window = window(2.0);
        for (now, room) in [(0, 0), (10, 10), (20, 1_000), (20, 1_010), (2_000, 2_000), (2_001, 2_010)] {
            let free = window.room_at(1.0, at(now));
            assert_eq!(free, at(room), "asked at {now}");
            window.book(1.0, free);
        }
    }

    #[test]
    fn an_amount_that_was_less_makes_room_and_one_that_was_more_takes_it() {
        let mut window = window(10.0);
        let first = window.book(8.0, at(0));
        assert_eq!(window.room_at(5.0, at(1)), at(1_000));
        window.correct(first, 2.0);
        assert_eq!(window.room_at(5.0, at(1)), at(1));
        window.correct(first, 50.0);
        assert_eq!(window.room_at(0.5, at(1)), at(1_000));
        // Gone: nothing to correct, and nothing to break.
        assert_eq!(window.room_at(1.0, at(5_000)), at(5_000));
        window.correct(first, 1.0);
        assert_eq!(window.room_at(10.0, at(5_000)), at(5_000));
    }

    #[test]
    fn what_is_larger_than_the_limit_goes_alone() {
        let mut window = window(10.0);
        assert_eq!(window.room_at(99.0, at(0)), at(0));
        window.book(99.0, at(0));
        assert_eq!(window.room_at(0.1, at(1)), at(1_000));
        assert_eq!(window.room_at(99.0, at(1)), at(1_000));
    }

    proptest! {
        /// Whatever was booked when: no period holds more than the limit, and no booking waits although there was room.
        #[test]
        fn no_period_ever_holds_more(asks in prop::collection::vec((0_u64..400, 1_u32..6), 1..80)) {
            let (limit, period) = (10.0, 1_000);
            let mut window = window(limit);
            let mut now = 0;
            let mut booked: Vec<(u64, f64)> = Vec::new();
            for (pause, amount) in asks {
                now += pause;
                let amount = f64::from(amount);
                let free = window.room_at(amount, at(now));
                window.book(amount, free);
                let free = u64::try_from(free.since(Tick::START).as_millis()).unwrap();
                prop_assert!(free >= now);
                booked.push((free, amount));
                let held = |t: u64| -> f64 { booked.iter().filter(|(b, _)| *b <= t && t < b + period).map(|(_, a)| a).sum() };
                prop_assert!(held(free) <= limit);
                let before = booked.iter().rev().nth(1).map_or(0, |(b, _)| *b);
                if free > now.max(before) {
                    prop_assert!(held(free - 1) + amount > limit, "waits in vain");
                }
            }
        }
    }
}
