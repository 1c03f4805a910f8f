//! Runs jobs of one pipeline: a bounded queue, a number of slots, limits, retries, and outcomes collected for whoever asks.
//!
//! What happens next is decided by [`schedule`], a pure state machine; `run` is its hands: it tells it what happened and
//! when, and does what it says. There is no timer tick: a slot that becomes free takes the next job in the same
//! moment, and the one timer sleeps until the next moment that matters. A job that has to wait (for its chat, its token,
//! or between two tries) holds no slot, no socket and no bytes. Nothing is lost: every accepted job is settled exactly
//! once, also when its pipeline panics.

mod job;
mod limits;
mod options;
mod outcome;
mod plan;
mod retry;
mod run;
pub mod schedule;
mod stats;
mod trace;

use std::{future::Future, sync::Arc, time::Duration};

use crossbeam_queue::SegQueue;
use hashbrown::HashMap;
pub use job::{Grant, Job};
pub use limits::{ChatKind, Limits, Rate, SameSize};
pub use options::{ExecutorOptions, RetryOptions};
pub use outcome::{Failure, Outcome, Status, Timings};
use parking_lot::Mutex;
pub use plan::{Batch, Plan, Question, plan};
use run::{Core, Shared, wake_when_due};
use schedule::Scheduler;
pub use schedule::{Between, Explanation, LearnedPace, Live, Measured, Place, Reason, Submitted, Wait};
pub use stats::{Quantiles, Snapshot};
use tokio::{runtime::Handle, sync::Notify, time::Instant};
pub use trace::Trace;

use crate::{clock::Tick, error::Result};

/// The steps of one kind of job.
pub trait Pipeline: Send + Sync + 'static {
    /// What it works on.
    type Job: Job;
    /// What it produces.
    type Value: Send + 'static;

    /// One try. Dropping the future must end it at once: that is how jobs are cancelled.
    fn attempt(
        &self,
        job: &Self::Job,
        grant: Grant,
        trace: &Arc<Trace>,
    ) -> impl Future<Output = Result<Self::Value>> + Send;
}

/// Called, from any thread, when outcomes wait to be taken; with `true` where slots stand empty meanwhile: nothing is queued, and no
/// more jobs run than outcomes wait.
pub type OnSettled = Box<dyn Fn(bool) + Send + Sync>;

/// A running executor. Dropping it cancels what is left.
pub struct Executor<P: Pipeline>(Arc<Shared<P>>);

impl<P: Pipeline> Executor<P> {
    /// Starts an executor on `runtime`.
    #[must_use]
    pub fn new(pipeline: P, options: &ExecutorOptions, runtime: &Handle, on_settled: OnSettled) -> Self {
        let _entered = runtime.enter();
        let core = Core {
            schedule: Scheduler::new(options, fastrand::u64(..)),
            stops: HashMap::default(),
            armed: Tick::NEVER,
        };
        let shared = Arc::new(Shared {
            pipeline,
            started: Instant::now(),
            core: Mutex::new(core),
            stats: Mutex::default(),
            outcomes: SegQueue::new(),
            on_settled,
            due_changed: Arc::new(Notify::new()),
            runtime: runtime.clone(),
        });
        runtime.spawn(wake_when_due(Arc::downgrade(&shared), Arc::clone(&shared.due_changed)));
        Self(shared)
    }

    /// Offers jobs, in order; answers one status each.
    pub fn submit_many(&self, jobs: impl IntoIterator<Item = P::Job>) -> Vec<Submitted> {
        self.change(|schedule, now| jobs.into_iter().map(|job| schedule.submit(job, now)).collect())
    }

    /// Takes up to `max` outcomes, oldest first.
    #[must_use]
    pub fn take_settled(&self, max: usize) -> Vec<Outcome<P::Value>> {
        std::iter::from_fn(|| self.0.outcomes.pop()).take(max).collect()
    }

    /// Ends a job; a running one loses its sockets. Its outcome says `CANCELLED`. False when there is no such job.
    #[must_use]
    pub fn cancel(&self, key: &str) -> bool {
        self.change(|schedule, now| schedule.cancel(key, now))
    }

    /// Ends every job that is left.
    pub fn cancel_all(&self) {
        self.change(Scheduler::cancel_all);
    }

    /// Moves the end of leases to `lease` from now. False for a job that is not here, or whose lease is over.
    #[must_use]
    pub fn extend(&self, keys: &[String], lease: Duration) -> Vec<bool> {
        self.change(|schedule, now| keys.iter().map(|key| schedule.extend(key, lease, now)).collect())
    }

    /// Starts no job from now on; running ones go on.
    pub fn pause(&self) {
        self.change(|schedule, _| schedule.set_paused(true));
    }

    /// Starts jobs again.
    pub fn resume(&self) {
        self.change(|schedule, _| schedule.set_paused(false));
    }

    /// Changes the number of slots; running jobs are never stopped for it.
    pub fn set_concurrency(&self, concurrency: usize) {
        self.change(|schedule, _| schedule.set_concurrency(concurrency));
    }

    /// From now on the number of slots is measured, between these bounds, by how long tries take and how they fail.
    pub fn adapt_concurrency(&self, bounds: Between) {
        self.change(|schedule, now| schedule.adapt_concurrency(bounds, now));
    }

    /// Accepts no job from now on.
    pub fn close_intake(&self) {
        self.change(|schedule, _| schedule.close());
    }

    /// The limits; `None` = no pacing.
    #[must_use]
    pub fn limits(&self) -> Option<Limits> {
        self.0.core.lock().schedule.limits()
    }

    /// Other limits, from now on. What was sent before still counts.
    pub fn set_limits(&self, limits: Option<Limits>) {
        self.change(|schedule, now| schedule.set_limits(limits, now));
    }

    /// Something the bot did beside our jobs: it counts against the same limits, and a refusal closes the same gates.
    pub fn report(&self, live: Live<'_>) {
        self.change(|schedule, now| schedule.report(live, now));
    }

    /// What a job waits for, and until when; `None` = there is no such job.
    #[must_use]
    pub fn explain(&self, key: &str) -> Option<Explanation> {
        let now = self.0.now();
        self.0.core.lock().schedule.explain(key, now)
    }

    /// The tokens and chats that are not at their full pace, at most `most` of them.
    #[must_use]
    pub fn learned(&self, most: usize) -> Vec<LearnedPace> {
        let now = self.0.now();
        self.0.core.lock().schedule.learned(most, now)
    }

    /// When batches of jobs would be done by this executor, if it had nothing else to do.
    #[must_use]
    pub fn plan(&self, batches: &[Batch], question: Question) -> Plan {
        let core = self.0.core.lock();
        plan(core.schedule.limits().as_ref(), core.schedule.concurrency(), batches, question)
    }

    /// Counters, gauges and quantiles.
    #[must_use]
    pub fn stats(&self) -> Snapshot {
        let mut snapshot = self.0.stats.lock().snapshot();
        self.0.core.lock().schedule.fill(&mut snapshot);
        snapshot
    }

    /// Every unsettled job with its place and the time since it was submitted.
    #[must_use]
    pub fn list(&self) -> Vec<(Arc<P::Job>, Place, Duration)> {
        let now = self.0.now();
        self.0.core.lock().schedule.list(now)
    }

    /// Tells the scheduler something, and does what follows from it.
    fn change<T>(&self, event: impl FnOnce(&mut Scheduler<P::Job>, Tick) -> T) -> T {
        let mut core = self.0.core.lock();
        let answer = event(&mut core.schedule, self.0.now());
        let (_, settled) = Shared::act(&self.0, &mut core, false);
        drop(core);
        self.0.settle_unrun(settled);
        answer
    }
}

impl<P: Pipeline> Drop for Executor<P> {
    fn drop(&mut self) {
        self.close_intake();
        self.cancel_all();
        self.0.due_changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
