//! Leaves a model alone that fails again and again: asking on would cost a deadline for each message, and the service
//! what it has left. Pure: every event brings its moment.
//!
//! ```text
//! closed ─(failures in a row)─→ open ─(cooldown)─→ half-open: one request finds out
//!    ↑                           ↑ └──────────────────┘ failed: open for twice as long
//!    └────────────────────────── └─ succeeded
//! ```

use std::time::Duration;

use serde::Serialize;

use super::CircuitOptions;
use crate::clock::Tick;

/// A pause never becomes longer than so many first ones.
const MOST_COOLDOWNS: u32 = 10;

/// How long whoever comes while a request is finding out waits before he looks again.
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// What a circuit is, for statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Requests go through.
    Closed,
    /// No request goes through.
    Open,
    /// One request is finding out.
    HalfOpen,
}

/// See the module.
#[derive(Debug)]
pub struct Circuit {
    options: Option<CircuitOptions>,
    failures: u32,
    /// Pauses in a row.
    pauses: u32,
    open_until: Option<Tick>,
    probing: bool,
}

impl Circuit {
    /// A closed circuit; without options it never opens.
    pub const fn new(options: Option<CircuitOptions>) -> Self {
        Self { options, failures: 0, pauses: 0, open_until: None, probing: false }
    }

    /// Whether a request may go now; else when to look again.
    pub fn allows(&self, now: Tick) -> Result<(), Tick> {
        match self.open_until {
            Some(until) if until > now => Err(until),
            Some(_) if self.probing => Err(now.after(LOOK_AGAIN)),
            _ => Ok(()),
        }
    }

    /// A request goes. It must be told of its end, by one of the three below.
    pub const fn begins(&mut self) {
        if self.open_until.is_some() {
            self.probing = true;
        }
    }

    /// A request was answered.
    pub const fn succeeded(&mut self) {
        (self.failures, self.pauses, self.open_until, self.probing) = (0, 0, None, false);
    }

    /// A request failed in a way that says something about the model. `jitter` is a uniform random number in 0..1.
    pub fn failed(&mut self, now: Tick, jitter: f64) {
        let Some(options) = self.options else { return };
        self.failures = self.failures.saturating_add(1);
        // Requests that were on their way when it opened say nothing new.
        let open = self.open_until.is_some() && !self.probing;
        if open || (!self.probing && self.failures < options.failures) {
            return;
        }
        self.probing = false;
        let times = 1_u32.checked_shl(self.pauses).map_or(MOST_COOLDOWNS, |times| times.min(MOST_COOLDOWNS));
        self.pauses = self.pauses.saturating_add(1);
        let pause = Duration::from_millis(options.cooldown_ms).saturating_mul(times);
        // Several processes must not all come back in the same moment.
        self.open_until = Some(now.after(pause.mul_f64(1.0 + 0.1 * jitter.clamp(0.0, 1.0))));
    }

    /// A request ended without saying anything about the model: the next one may find out.
    pub const fn said_nothing(&mut self) {
        self.probing = false;
    }

    /// What it is now, and how long it stays open.
    pub fn state(&self, now: Tick) -> (State, Duration) {
        match self.open_until {
            None => (State::Closed, Duration::ZERO),
            Some(until) if until > now => (State::Open, until.since(now)),
            Some(_) => (State::HalfOpen, Duration::ZERO),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Tick {
        Tick::START.after(Duration::from_secs(seconds))
    }

    fn circuit() -> Circuit {
        Circuit::new(Some(CircuitOptions { failures: 3, cooldown_ms: 30_000 }))
    }

    fn fail(circuit: &mut Circuit, seconds: u64) {
        circuit.begins();
        circuit.failed(at(seconds), 0.0);
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_success_closes_it() {
        let mut circuit = circuit();
        fail(&mut circuit, 0);
        fail(&mut circuit, 0);
        circuit.succeeded();
        fail(&mut circuit, 1);
        fail(&mut circuit, 1);
        assert_eq!(circuit.allows(at(1)), Ok(()));
        fail(&mut circuit, 1);
        assert_eq!(circuit.allows(at(1)), Err(at(31)));
        assert_eq!(circuit.state(at(11)), (State::Open, Duration::from_secs(20)));
        assert_eq!(circuit.allows(at(31)), Ok(()));
        circuit.begins();
        circuit.succeeded();
        assert_eq!(circuit.state(at(31)), (State::Closed, Duration::ZERO));
    }

    #[test]
    fn one_request_finds_out_while_the_others_wait() {
        let mut circuit = circuit();
        (0..3).for_each(|_| fail(&mut circuit, 0));
        circuit.begins();
        assert_eq!(circuit.allows(at(30)), Err(at(33)));
        circuit.said_nothing();
        assert_eq!(circuit.allows(at(30)), Ok(()));
        assert_eq!(circuit.state(at(30)).0, State::HalfOpen);
    }

    #[test]
    fn pauses_double_and_have_an_end() {
        let mut circuit = circuit();
        (0..3).for_each(|_| fail(&mut circuit, 0));
        let mut now = 30;
        for pause in [60, 120, 240, 300, 300] {
            circuit.begins();
            circuit.failed(at(now), 0.0);
            assert_eq!(circuit.allows(at(now)), Err(at(now + pause)));
            now += pause;
        }
    }

    #[test]
    fn what_was_on_its_way_when_it_opened_does_not_prolong_it() {
        let mut circuit = circuit();
        (0..5).for_each(|_| circuit.begins());
        (0..5).for_each(|second| circuit.failed(at(second), 0.0));
        assert_eq!(circuit.allows(at(5)), Err(at(32)));
    }

    #[test]
    fn without_options_it_never_opens() {
        let mut circuit = Circuit::new(None);
        (0..100).for_each(|_| fail(&mut circuit, 0));
        assert_eq!(circuit.allows(at(0)), Ok(()));
    }
}
