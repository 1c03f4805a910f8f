//! What is known of one model: whether it may be asked, what its answers are like, what it asked for.

use std::time::Duration;

use serde::Serialize;

use super::super::{
    BudgetOptions, CircuitOptions, Usage,
    budget::Budget,
    circuit::{Circuit, State},
};
use crate::{
    clock::Tick,
    error::{Code, Error},
};

/// The wait after a 429 that names none: doubles with each in a row, up to this.
const LONGEST_UNNAMED_WAIT: Duration = Duration::from_secs(30);

/// How much of what is known of a model's answers the newest one decides.
const NEWEST: f64 = 0.2;

/// A completion is taken to be so long before the first one came.
const FIRST_COMPLETION: f64 = 500.0;

/// What is known of a model.
pub(super) struct Model {
    pub circuit: Circuit,
    pub budget: Budget,
    /// It asked to be left alone until then.
    pub blocked: Tick,
    pub throttles: u32,
    /// Tokens of a mean completion.
    pub completion: f64,
    /// The price of a mean one.
    pub cost: f64,
    pub requests: u64,
    pub failures: u64,
}

/// What is known of a model, for statistics.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelStats {
    /// Completions asked of it.
    pub requests: u64,
    /// Those that failed.
    pub failures: u64,
    /// Its circuit.
    pub circuit: State,
    /// Until when it is left alone, ms from now.
    pub open_for_ms: u64,
}

impl Model {
    /// A model of which nothing is known.
    pub fn new(circuit: Option<CircuitOptions>, limits: Option<&BudgetOptions>) -> Self {
        Self {
            circuit: Circuit::new(circuit),
            budget: limits.map(Budget::new).unwrap_or_default(),
            blocked: Tick::START,
            throttles: 0,
            completion: FIRST_COMPLETION,
            cost: 0.0,
            requests: 0,
            failures: 0,
        }
    }

    /// For statistics.
    pub fn stats(&self, now: Tick) -> ModelStats {
        let (circuit, open) = self.circuit.state(now);
        ModelStats {
            requests: self.requests,
            failures: self.failures,
            circuit,
            open_for_ms: u64::try_from(open.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// What an answer has cost says what the next one will.
    pub fn learn(&mut self, usage: &Usage) {
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        let completion = usage.completion_tokens as f64;
        self.completion += NEWEST * (completion - self.completion);
        if let Some(cost) = usage.cost {
            // The first price is the best guess of the second.
            self.cost = if self.cost == 0.0 { cost } else { self.cost + NEWEST * (cost - self.cost) };
        }
    }

    /// A request failed. Answers how long whoever made it has to wait.
    pub fn failed(&mut self, error: &Error, jitter: f64, now: Tick) -> Option<Duration> {
        match error.code {
            Code::LlmThrottled => {
                self.circuit.said_nothing();
                let doubled = Duration::from_secs(1_u64.checked_shl(self.throttles).unwrap_or(u64::MAX));
                self.throttles = self.throttles.saturating_add(1);
                let asked = error.retry_after.unwrap_or(doubled.min(LONGEST_UNNAMED_WAIT));
                // A floor; and no two come back in the same moment.
                let wait = asked + asked.mul_f64(0.1 * jitter) + Duration::from_millis(20).mul_f64(jitter);
                self.blocked = self.blocked.max(now.after(asked));
                return Some(wait);
            }
            Code::LlmUnavailable | Code::LlmTimeout | Code::LlmProtocol => self.circuit.failed(now, jitter),
            // It answered; that the answer was of no use here is not its fault.
            Code::LlmTruncated | Code::LlmModeration | Code::LlmRejected => self.circuit.succeeded(),
            _ => self.circuit.said_nothing(),
        }
        error.retry_after
    }
}
