//! A job on its way through the executor, and the life of one.
//!
//! ```text
//! submit ─→ queued ─→ running ─→ settled
//!              ↑  ↘      ↓ ↑        ↑
//!              │   └→ waiting ──────┤   between two tries, or held back by a 429: no slot, no socket, no bytes
//!              └───── (due) ────────┘   given back: the wait is too long to be held here
//! ```

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use super::retry::Spent;

/// A job's own lease is not used to its end: a worker whose clock runs a little slow must still stop in time.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// What the executor needs to know of a job.
pub trait Job: Send + Sync + 'static {
    /// What makes it the same job as another.
    fn key(&self) -> &str;
    /// Higher first.
    fn priority(&self) -> i32;
    /// Whose limits it counts against: after a 429 every job of the same scope waits.
    fn scope(&self) -> &str;
    /// How long the submitter has promised that nobody else runs it.
    fn lease(&self) -> Option<Duration>;
}

/// The promise that nobody else runs a job, as long as it holds.
#[derive(Default)]
pub struct Lease(Mutex<Option<Instant>>);

impl Lease {
    /// A lease that ends `after` from now; `None` = no lease, nothing to lose.
    #[must_use]
    pub fn new(after: Option<Duration>) -> Self {
        let lease = Self::default();
        if let Some(after) = after {
            lease.extend(after);
        }
        lease
    }

    /// The lease now ends `after` from now.
    pub fn extend(&self, after: Duration) {
        *self.0.lock() = Some(Instant::now() + after.saturating_sub(LEASE_MARGIN));
    }

    /// Whether a job under this lease must not start, or go on.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.lock().is_some_and(|end| end <= Instant::now())
    }

    /// Returns when the lease is over; never, without one. Notices extensions.
    pub async fn over(&self) {
        loop {
            let end = *self.0.lock();
            match end {
                Some(end) if end <= Instant::now() => return,
                Some(end) => tokio::time::sleep_until(end).await,
                None => std::future::pending().await,
            }
        }
    }
}

/// What can be done to a job from outside while it is anywhere in the executor.
#[derive(Clone)]
pub struct Control {
    /// Its lease.
    pub lease: Arc<Lease>,
    /// Ends it.
    pub cancel: CancellationToken,
}

/// A job that has been accepted and is not settled.
pub struct Pending<J> {
    /// The job itself.
    pub job: Arc<J>,
    /// Its key, shared with the tables that know it.
    pub key: Arc<str>,
    /// When it was accepted.
    pub submitted: Instant,
    /// What has been spent on it.
    pub spent: Spent,
    /// Tries that may have left a message behind.
    pub possible_duplicates: u32,
    /// Its handles.
    pub control: Control,
}
