//! What may be spent: requests, tokens and money, each in a window of its own, booked together.

use super::{BudgetOptions, Usage, Window, window::Booking};
use crate::clock::Tick;

/// What a request is taken to cost before it is answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Estimate {
    /// Prompt and completion.
    pub tokens: f64,
    /// In the service's unit.
    pub cost: f64,
}

/// See the module.
#[derive(Default)]
pub struct Budget {
    requests: Option<Window>,
    tokens: Option<Window>,
    cost: Option<Window>,
}

/// The bookings of one request in a budget.
#[derive(Clone, Copy, Debug, Default)]
pub struct Booked {
    tokens: Option<Booking>,
    cost: Option<Booking>,
}

impl Budget {
    /// A budget of which nothing is spent.
    pub fn new(options: &BudgetOptions) -> Self {
        Self {
            requests: options.requests.map(Window::new),
            tokens: options.tokens.map(Window::new),
            cost: options.cost.map(Window::new),
        }
    }

    /// The first moment from `now` on at which a request fits in.
    pub fn room_at(&mut self, estimate: Estimate, now: Tick) -> Tick {
        let room = |window: &mut Option<Window>, amount| window.as_mut().map_or(now, |it| it.room_at(amount, now));
        room(&mut self.requests, 1.0)
            .max(room(&mut self.tokens, estimate.tokens))
            .max(room(&mut self.cost, estimate.cost))
    }

    /// Books a request at a moment that [`Budget::room_at`] named, or a later one.
    pub fn book(&mut self, estimate: Estimate, at: Tick) -> Booked {
        let book = |window: &mut Option<Window>, amount| window.as_mut().map(|it| it.book(amount, at));
        book(&mut self.requests, 1.0);
        Booked { tokens: book(&mut self.tokens, estimate.tokens), cost: book(&mut self.cost, estimate.cost) }
    }

    /// The request cost this.
    pub fn correct(&mut self, booked: Booked, usage: &Usage) {
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        let tokens = usage.total_tokens as f64;
        if let (Some(window), Some(booking)) = (&mut self.tokens, booked.tokens) {
            window.correct(booking, tokens);
        }
        // A price that nobody named stays what it was taken for.
        if let (Some(window), Some(booking), Some(cost)) = (&mut self.cost, booked.cost, usage.cost) {
            window.correct(booking, cost);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::Limit, *};

    fn at(ms: u64) -> Tick {
        Tick::START.after(Duration::from_millis(ms))
    }

    #[test]
    fn the_tightest_window_decides_and_answers_correct_the_estimates() {
        let limit = |limit, period_ms| Some(Limit { limit, period_ms });
        let options =
            BudgetOptions { requests: limit(3.0, 1_000), tokens: limit(100.0, 10_000), cost: limit(1.0, 60_000) };
        let mut budget = Budget::new(&options);
        let guess = Estimate { tokens: 60.0, cost: 0.0 };
        let booked = budget.book(guess, at(0));
        assert_eq!(budget.room_at(guess, at(1)), at(10_000));
        let usage = Usage { total_tokens: 20, cost: Some(0.9), ..Usage::default() };
        budget.correct(booked, &usage);
        assert_eq!(budget.room_at(guess, at(1)), at(1));
        assert_eq!(budget.room_at(Estimate { cost: 0.2, ..guess }, at(1)), at(60_000));
        budget.book(guess, at(1));
        budget.book(Estimate::default(), at(2));
        assert_eq!(budget.room_at(Estimate::default(), at(3)), at(1_000));
    }

    #[test]
    fn without_limits_there_is_always_room() {
        let mut budget = Budget::default();
        let booked = budget.book(Estimate { tokens: 1e12, cost: 1e9 }, at(0));
        budget.correct(booked, &Usage::NONE);
        assert_eq!(budget.room_at(Estimate { tokens: 1e12, cost: 1e9 }, at(5)), at(5));
    }
}
