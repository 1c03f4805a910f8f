//! Who may ask which model now: circuits, waits that were asked for, and budgets, as one state machine. Pure: every event
//! brings its moment. The client drives it under a lock that is never held while anything waits.

mod model;

use std::{collections::BTreeMap, time::Duration};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use model::Model;
pub use model::ModelStats;

use super::{
    Fallbacks, LlmOptions, Usage,
    budget::{Booked, Budget, Estimate},
};
use crate::{
    clock::Tick,
    error::{Class, Code, Error},
};

/// Models that are remembered; jobs may name any.
const MOST_MODELS: usize = 1_000;

/// A place in the budgets that was booked ahead, for whoever had to wait for it.
#[derive(Clone, Debug)]
pub struct Ticket {
    at: Tick,
    going: Going,
}

/// A request that may go.
#[derive(Clone, Debug)]
pub struct Going {
    /// The model that is asked; circuits, budgets and statistics are its.
    pub model: String,
    /// Those that the service may turn to, in order, that one first.
    pub models: Vec<String>,
    together: Booked,
    own: Booked,
}

/// How a request ended.
pub enum End<'a> {
    /// With a completion, by this model.
    Completed(&'a Usage, Option<&'a str>),
    /// Without one.
    Failed(&'a Error, Option<&'a Usage>),
    /// Nobody waited for its end.
    Dropped,
}

/// See the module.
pub struct Desk {
    options: LlmOptions,
    together: Budget,
    models: HashMap<String, Model, RandomState>,
    usage: Usage,
    random: fastrand::Rng,
}

impl Desk {
    /// A desk at which nobody has asked yet. `seed` decides about jitter.
    pub fn new(options: &LlmOptions, seed: u64) -> Self {
        Self {
            together: Budget::new(&options.limits.together()),
            options: options.clone(),
            models: HashMap::default(),
            usage: Usage::NONE,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// Somebody wants to ask one of `models`, for the `tries`-th time after the first. `tokens` makes the estimate of what
    /// the mean completion makes. A wait up to `hold` is booked: `ticket` keeps the place until the same job comes again.
    ///
    /// # Errors
    /// `LLM_THROTTLED` or `LLM_CIRCUIT_OPEN`, with the time to come again.
    pub fn admit(
        &mut self,
        models: &[String],
        tries: u32,
        tokens: impl Fn(f64) -> f64,
        ticket: &mut Option<Ticket>,
        hold: Duration,
        now: Tick,
    ) -> Result<Going, Error> {
        match ticket.take() {
            Some(early) if early.at > now => {
                let wait = early.at.since(now);
                *ticket = Some(early);
                return Err(no_room(wait));
            }
            // The place is there for whoever holds its ticket, unless its model was closed meanwhile.
            Some(Ticket { going, .. }) if self.is_open(&going.model, now) => {
                self.begin(&going.model);
                return Ok(going);
            }
            _ => {}
        }
        let open = self.open(models, tries, now)?;
        let Some(first) = open.first().cloned() else {
            return Err(Error::new(Code::InvalidJob, "models: must not be empty"));
        };
        let model = self.model(&first);
        let estimate = Estimate { tokens: tokens(model.completion), cost: model.cost };
        let own = model.budget.room_at(estimate, now);
        let at = own.max(self.together.room_at(estimate, now));
        let wait = at.since(now);
        if wait > hold {
            return Err(no_room(wait));
        }
        let own = self.model(&first).budget.book(estimate, at);
        let together = self.together.book(estimate, at);
        let going = Going { model: first, models: open, together, own };
        if wait.is_zero() {
            self.begin(&going.model);
            return Ok(going);
        }
        *ticket = Some(Ticket { at, going });
        Err(no_room(wait))
    }

    /// The models that may be asked, in the order of preference.
    fn open(&mut self, models: &[String], tries: u32, now: Tick) -> Result<Vec<String>, Error> {
        let mut order: Vec<&String> = models.iter().collect();
        if self.options.fallbacks == Fallbacks::Client && !order.is_empty() {
            let first = tries as usize % order.len();
            order.rotate_left(first);
        }
        let (mut blocked, mut broken) = (Tick::NEVER, Tick::NEVER);
        let mut open = Vec::new();
        for name in order {
            let model = self.model(name);
            if model.blocked > now {
                blocked = blocked.min(model.blocked);
            } else if let Err(until) = model.circuit.allows(now) {
                broken = broken.min(until);
            } else {
                open.push(name.clone());
            }
        }
        if self.options.fallbacks == Fallbacks::Client {
            open.truncate(1);
        }
        if !open.is_empty() || models.is_empty() {
            return Ok(open);
        }
        let (code, why, until) = if blocked <= broken {
            (Code::LlmThrottled, "the LLM service asked to wait", blocked)
        } else {
            (Code::LlmCircuitOpen, "every model has failed several times in a row", broken)
        };
        let wait = until.since(now);
        // All of them are told the same moment; they must not all come in it.
        Err(Error::new(code, why).retry_after(Some(wait + wait.mul_f64(0.1 * self.random.f64()))))
    }

    fn is_open(&mut self, name: &str, now: Tick) -> bool {
        let model = self.model(name);
        model.blocked <= now && model.circuit.allows(now).is_ok()
    }

    fn begin(&mut self, name: &str) {
        let model = self.model(name);
        model.requests += 1;
        model.circuit.begins();
    }

    /// A request has ended. Answers the wait of a 429: at least what it asked for, and a little apart from the others'.
    pub fn ended(&mut self, going: &Going, end: &End<'_>, now: Tick) -> Option<Duration> {
        let jitter = self.random.f64();
        let usage = match end {
            End::Completed(usage, _) => Some(*usage),
            End::Failed(_, usage) => *usage,
            End::Dropped => None,
        };
        if let Some(usage) = usage {
            self.usage = self.usage.plus(usage);
        }
        // What was refused cost nothing; what broke off may have cost all of it.
        let refused = matches!(end, End::Failed(error, None) if !matches!(error.class(), Class::Transient));
        let correction = usage.copied().or_else(|| refused.then_some(Usage { cost: Some(0.0), ..Usage::default() }));
        if let Some(correction) = &correction {
            self.together.correct(going.together, correction);
        }
        let model = self.model(&going.model);
        if let Some(correction) = &correction {
            model.budget.correct(going.own, correction);
        }
        match end {
            // The service turned to another one: of this one it says nothing that we could rely on.
            End::Completed(_, Some(by)) if going.models.iter().skip(1).any(|other| other == by) => {
                model.circuit.said_nothing();
                None
            }
            End::Completed(usage, _) => {
                model.learn(usage);
                model.throttles = 0;
                model.circuit.succeeded();
                None
            }
            End::Dropped => {
                model.circuit.said_nothing();
                None
            }
            End::Failed(error, _) => {
                model.failures += 1;
                model.failed(error, jitter, now)
            }
        }
    }

    /// What was spent by all.
    pub const fn usage(&self) -> Usage {
        self.usage
    }

    /// What is known of the models.
    pub fn models(&self, now: Tick) -> BTreeMap<String, ModelStats> {
        self.models.iter().map(|(name, model)| (name.clone(), model.stats(now))).collect()
    }

    fn model(&mut self, name: &str) -> &mut Model {
        if self.models.len() >= MOST_MODELS && !self.models.contains_key(name) {
            // Only jobs that name models of their own get here, and then any is as good as another.
            let one = self.models.keys().next().cloned();
            one.and_then(|one| self.models.remove(&one));
        }
        let (circuit, limits) = (self.options.circuit, &self.options.limits.models);
        self.models.entry_ref(name).or_insert_with(|| Model::new(circuit, limits.get(name)))
    }
}

fn no_room(wait: Duration) -> Error {
    Error::new(Code::LlmThrottled, "llm.limits leave no room sooner").retry_after(Some(wait))
}

#[cfg(test)]
mod tests;
