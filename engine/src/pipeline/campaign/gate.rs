//! When the webhook is left alone: while it has asked to wait, and when it has failed again and again. Without it, an hour
//! in which the receiver is down would use up the tries of every message. Pure: every event brings its moment.

use std::time::Duration;

use crate::{
    clock::Tick,
    error::{Class, Code, Error, Result},
    llm::{Circuit, CircuitOptions},
};

/// A 429 may mean one recipient or all of them. So it holds the others off, but not for longer than this.
const LONGEST_FOR_ALL: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Gate {
    circuit: Circuit,
    blocked: Tick,
}

impl Gate {
    /// An open gate.
    pub const fn new(options: Option<CircuitOptions>) -> Self {
        Self { circuit: Circuit::new(options), blocked: Tick::START }
    }

    /// A part is to be posted. It must be told of its end.
    ///
    /// # Errors
    /// `WEBHOOK_THROTTLED`, with the time to come again.
    pub fn begins(&mut self, now: Tick) -> Result<()> {
        let shut = |why, until: Tick| Err(Error::new(Code::WebhookThrottled, why).retry_after(Some(until.since(now))));
        if self.blocked > now {
            return shut("the webhook asked to wait", self.blocked);
        }
        if let Err(until) = self.circuit.allows(now) {
            return shut("the webhook has failed several times in a row", until);
        }
        self.circuit.begins();
        Ok(())
    }

    /// A post has ended; `None` = nobody waited for its end. `jitter` is a uniform random number in 0..1.
    pub fn ended(&mut self, end: Option<&Result<()>>, jitter: f64, now: Tick) {
        match end {
            None => self.circuit.said_nothing(),
            Some(Ok(())) => self.circuit.succeeded(),
            Some(Err(error)) => match error.class() {
                Class::Transient | Class::Ambiguous => self.circuit.failed(now, jitter),
                Class::Throttled => {
                    self.circuit.succeeded();
                    let wait = error.retry_after.unwrap_or_default().min(LONGEST_FOR_ALL);
                    self.blocked = self.blocked.max(now.after(wait));
                }
                // It answered, or was not even reached for a reason of ours.
                _ => self.circuit.said_nothing(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Tick {
        Tick::START.after(Duration::from_secs(seconds))
    }

    fn wait(gate: &mut Gate, now: u64) -> Option<u64> {
        gate.begins(at(now)).err().map(|error| error.retry_after.unwrap().as_secs())
    }

    #[test]
    fn a_429_holds_the_others_off_for_a_while() {
        let mut gate = Gate::new(None);
        let throttled = Err(Error::new(Code::WebhookThrottled, "x").retry_after(Some(Duration::from_hours(1))));
        gate.ended(Some(&throttled), 0.0, at(0));
        assert_eq!((wait(&mut gate, 1), wait(&mut gate, 5)), (Some(4), None));
    }

    #[test]
    fn a_receiver_that_is_down_is_left_alone() {
        let mut gate = Gate::new(Some(CircuitOptions { failures: 2, cooldown_ms: 10_000 }));
        for code in [Code::WebhookAmbiguous, Code::WebhookUnavailable] {
            assert_eq!(wait(&mut gate, 0), None);
            gate.ended(Some(&Err(Error::new(code, "x"))), 0.0, at(0));
        }
        assert_eq!(wait(&mut gate, 4), Some(6));
        assert_eq!(wait(&mut gate, 10), None);
        assert!(wait(&mut gate, 10).is_some(), "one finds out");
        gate.ended(None, 0.0, at(11));
        assert_eq!(wait(&mut gate, 11), None);
        gate.ended(Some(&Ok(())), 0.0, at(12));
        assert_eq!((wait(&mut gate, 12), wait(&mut gate, 12)), (None, None));
    }
}
