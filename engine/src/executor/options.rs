//! Settings of an executor, as they come through the door.

use serde::Deserialize;

use super::limits::Limits;

/// How many jobs wait, how many run, and how fast.
#[derive(Clone, Copy, Debug)]
pub struct ExecutorOptions {
    /// Jobs that run at once.
    pub concurrency: usize,
    /// Jobs that wait in the queue; running jobs and jobs between two tries do not count.
    pub capacity: usize,
    /// What the executor itself tries again.
    pub retry: RetryOptions,
    /// How fast it sends; `None` = as fast as it can, but for the waits that a 429 asks for.
    pub limits: Option<Limits>,
}

/// Quick retries: those that are cheaper than handing the job back to a store. All times in milliseconds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RetryOptions {
    /// Retries after the first try.
    pub quick: u32,
    /// The first backoff is somewhere between 0 and this ("full jitter"); it doubles with each retry.
    pub base_ms: u64,
    /// No backoff is longer.
    pub max_ms: u64,
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self { quick: 1, base_ms: 500, max_ms: 5_000 }
    }
}
