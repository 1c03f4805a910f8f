//! What the tries of a job have brought so far: a retry goes on from there, and never does again what is done.

use std::time::Duration;

use crate::llm::{Completion, Ticket, Usage};

/// See the module.
pub struct Draft {
    /// Tries that have failed and were charged.
    pub failures: u32,
    /// Times in a row that the split was told to wait.
    pub split_waits: u32,
    /// A place in the budgets, booked when it had to wait.
    pub ticket: Option<Ticket>,
    /// The last answer was none, and must not be replayed by a cache.
    pub vary: bool,
    /// Everything the job has cost.
    pub usage: Usage,
    /// The accepted text.
    pub text: Option<Written>,
    /// Time spent on the split so far.
    pub splitting: Duration,
    /// Parts that were delivered by this job.
    pub delivered: usize,
    /// Of these, how many the webhook had already.
    pub repeated: usize,
    /// Requests for the part that is next.
    pub part_attempts: u32,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            failures: 0,
            split_waits: 0,
            ticket: None,
            vary: false,
            usage: Usage::NONE,
            text: None,
            splitting: Duration::ZERO,
            delivered: 0,
            repeated: 0,
            part_attempts: 0,
        }
    }
}

/// A text that was accepted.
pub struct Written {
    /// The text, trimmed.
    pub text: String,
    /// How it came.
    pub completion: Completion,
    /// From its request to the end of the answer.
    pub took: Duration,
}
