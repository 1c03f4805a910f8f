//! Runs jobs of one pipeline: a bounded queue, a number of slots, retries, and outcomes collected for whoever asks.
//!
//! There is no timer tick: a slot that becomes free takes the next job in the same moment. A job that has to wait (between
//! two tries, or because its bot was told to slow down) holds no slot, no socket and no bytes. Nothing is lost: every
//! accepted job is settled exactly once, also when its pipeline panics.

mod job;
mod options;
mod outcome;
mod retry;
mod schedule;
mod stats;
mod trace;

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, Weak},
    time::Duration,
};

use crossbeam_queue::SegQueue;
use futures_util::FutureExt;
use job::{Control, Pending};
pub use job::{Job, Lease};
pub use options::{ExecutorOptions, RetryOptions};
pub use outcome::{Failure, Outcome, Status, Timings};
use parking_lot::Mutex;
use retry::{Spent, Verdict, decide, throttle_wait};
pub use schedule::{Place, Submitted};
use schedule::{Refused, Schedule};
use stats::Stats;
pub use stats::{Quantiles, Snapshot};
use tokio::{runtime::Handle, sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;
pub use trace::Trace;

use crate::error::{Class, Code, Error, Result};

/// The steps of one kind of job.
pub trait Pipeline: Send + Sync + 'static {
    /// What it works on.
    type Job: Job;
    /// What it produces.
    type Value: Send + 'static;

    /// One try. Dropping the future must end it at once: that is how jobs are cancelled.
    fn attempt(&self, job: &Self::Job, trace: &Arc<Trace>) -> impl Future<Output = Result<Self::Value>> + Send;
}

/// Called, from any thread, when outcomes wait to be taken.
pub type OnSettled = Box<dyn Fn() + Send + Sync>;

struct Shared<P: Pipeline> {
    pipeline: P,
    retry: RetryOptions,
    runtime: Handle,
    schedule: Mutex<Schedule<P::Job>>,
    stats: Mutex<Stats>,
    outcomes: SegQueue<Outcome<P::Value>>,
    on_settled: OnSettled,
    /// Told when the time of the next look may have changed.
    due_changed: Arc<Notify>,
}

/// A running executor. Dropping it cancels what is left.
pub struct Executor<P: Pipeline>(Arc<Shared<P>>);

impl<P: Pipeline> Executor<P> {
    /// Starts an executor on `runtime`.
    #[must_use]
    pub fn new(pipeline: P, options: &ExecutorOptions, runtime: &Handle, on_settled: OnSettled) -> Self {
        let shared = Arc::new(Shared {
            pipeline,
            retry: options.retry,
            schedule: Mutex::new(Schedule::new(options)),
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
        let mut schedule = self.0.schedule.lock();
        let statuses = jobs
            .into_iter()
            .map(|job| {
                schedule.submit(Pending {
                    key: Arc::from(job.key()),
                    control: Control { lease: Arc::new(Lease::new(job.lease())), cancel: CancellationToken::new() },
                    job: Arc::new(job),
                    submitted: Instant::now(),
                    spent: Spent::default(),
                    possible_duplicates: 0,
                })
            })
            .collect();
        drop(schedule);
        Shared::pump(&self.0);
        statuses
    }

    /// Takes up to `max` outcomes, oldest first.
    #[must_use]
    pub fn take_settled(&self, max: usize) -> Vec<Outcome<P::Value>> {
        std::iter::from_fn(|| self.0.outcomes.pop()).take(max).collect()
    }

    /// Ends a job; a running one loses its sockets. Its outcome says `CANCELLED`. False when there is no such job.
    #[must_use]
    pub fn cancel(&self, key: &str) -> bool {
        let (known, pending) = self.0.schedule.lock().cancel(key);
        self.0.settle_unrun(pending.into_iter().map(|pending| (pending, cancelled())));
        known
    }

    /// Ends every job that is left.
    pub fn cancel_all(&self) {
        let pending = self.0.schedule.lock().cancel_all();
        self.0.settle_unrun(pending.into_iter().map(|pending| (pending, cancelled())));
    }

    /// Moves the end of leases to `lease` from now. False for a job that is not here, or whose lease is over.
    #[must_use]
    pub fn extend(&self, keys: &[String], lease: Duration) -> Vec<bool> {
        let schedule = self.0.schedule.lock();
        keys.iter().map(|key| schedule.extend(key, lease)).collect()
    }

    /// Starts no job from now on; running ones go on.
    pub fn pause(&self) {
        self.0.schedule.lock().set_paused(true);
    }

    /// Starts jobs again.
    pub fn resume(&self) {
        self.0.schedule.lock().set_paused(false);
        Shared::pump(&self.0);
    }

    /// Changes the number of slots; running jobs are never stopped for it.
    pub fn set_concurrency(&self, concurrency: usize) {
        self.0.schedule.lock().set_concurrency(concurrency);
        Shared::pump(&self.0);
    }

    /// Accepts no job from now on.
    pub fn close_intake(&self) {
        self.0.schedule.lock().close();
    }

    /// Counters, gauges and quantiles.
    #[must_use]
    pub fn stats(&self) -> Snapshot {
        let mut snapshot = self.0.stats.lock().snapshot();
        self.0.schedule.lock().fill(&mut snapshot);
        snapshot
    }

    /// Every unsettled job with its place and the time since it was submitted.
    #[must_use]
    pub fn list(&self) -> Vec<(Arc<P::Job>, Place, Duration)> {
        self.0.schedule.lock().list()
    }
}

impl<P: Pipeline> Drop for Executor<P> {
    fn drop(&mut self) {
        self.close_intake();
        self.cancel_all();
        self.0.due_changed.notify_one();
    }
}

fn cancelled() -> Error {
    Error::new(Code::Cancelled, "the job was cancelled")
}

impl<P: Pipeline> Shared<P> {
    /// Fills free slots. Called whenever a slot, a job, or a moment became free.
    fn pump(this: &Arc<Self>) {
        let mut refused = Vec::new();
        let mut schedule = this.schedule.lock();
        while let Some(pending) = schedule.next(Instant::now(), &mut refused) {
            this.runtime.spawn(Self::occupy(Arc::clone(this), pending));
        }
        let due = schedule.next_due();
        drop(schedule);
        if due.is_some() {
            this.due_changed.notify_one();
        }
        this.settle_unrun(refused);
    }

    /// The life of a slot: one job after the other, for as long as there is one. Going on in the same task instead of
    /// spawning the next job saves waking another thread for each of them.
    async fn occupy(this: Arc<Self>, mut pending: Pending<P::Job>) {
        loop {
            let (result, trace) = this.attempt(&mut pending).await;
            this.stats.lock().tried(&trace);
            this.finish(pending, result, &trace);
            let mut refused = Vec::new();
            let mut schedule = this.schedule.lock();
            let next = schedule.next(Instant::now(), &mut refused);
            drop(schedule);
            this.settle_unrun(refused);
            match next {
                Some(next) => pending = next,
                // The queue may be empty and yet a job be waiting for its moment.
                None => return Self::pump(&this),
            }
        }
    }

    /// One try of one job.
    async fn attempt(&self, pending: &mut Pending<P::Job>) -> (Result<P::Value>, Arc<Trace>) {
        let trace = Arc::new(Trace::new());
        pending.spent.charged += 1;
        let Control { lease, cancel } = pending.control.clone();
        let attempt = AssertUnwindSafe(self.pipeline.attempt(&pending.job, &trace)).catch_unwind();
        let result = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(unless_sent(cancelled(), &trace)),
            () = lease.over() => Err(unless_sent(Error::new(Code::LeaseLost, "the lease was about to end"), &trace)),
            result = attempt => result.unwrap_or_else(|_| Err(Error::new(Code::Internal, "the pipeline panicked"))),
        };
        (result, trace)
    }

    fn finish(&self, mut pending: Pending<P::Job>, result: Result<P::Value>, trace: &Trace) {
        let (value, error) = match result {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(error)),
        };
        let mut charged = true;
        if let Some(error) = &error {
            let verdict = decide(error, pending.spent, &self.retry, fastrand::f64());
            if error.class() == Class::Ambiguous {
                pending.possible_duplicates += 1;
            }
            match verdict {
                Verdict::Again(wait) => return self.again(pending, error, wait),
                Verdict::Settle { charged: counts } => charged = counts,
            }
            if error.class() == Class::Throttled {
                self.schedule.lock().close_gate(pending.job.scope(), Instant::now() + throttle_wait(error));
            }
        }
        let timings = trace.timings(pending.submitted);
        {
            let mut schedule = self.schedule.lock();
            schedule.free_slot();
            schedule.forget(&pending.key);
        }
        self.settle(&pending, value, error.as_ref(), charged, trace.bytes_in(), Some(timings));
        (self.on_settled)();
    }

    /// Frees the slot and puts the job into the waiting room.
    fn again(&self, mut pending: Pending<P::Job>, error: &Error, wait: Duration) {
        self.stats.lock().retried();
        let due = Instant::now() + wait;
        let mut schedule = self.schedule.lock();
        if error.class() == Class::Throttled {
            pending.spent.charged -= 1;
            pending.spent.throttled += 1;
            schedule.close_gate(pending.job.scope(), due);
        } else {
            pending.spent.throttled = 0;
        }
        schedule.free_slot();
        if pending.control.cancel.is_cancelled() {
            schedule.forget(&pending.key);
            drop(schedule);
            return self.settle_unrun([(pending, cancelled())]);
        }
        schedule.wait(pending, due);
    }

    /// Settles jobs that leave from the queue or the waiting room.
    fn settle_unrun(&self, refused: impl IntoIterator<Item = Refused<P::Job>>) {
        let mut any = false;
        for (pending, error) in refused {
            self.settle(&pending, None, Some(&error), false, 0, None);
            any = true;
        }
        if any {
            (self.on_settled)();
        }
    }

    fn settle(
        &self,
        pending: &Pending<P::Job>,
        value: Option<P::Value>,
        error: Option<&Error>,
        charged: bool,
        bytes: u64,
        timings: Option<Timings>,
    ) {
        let waited = pending.submitted.elapsed().as_secs_f64() * 1000.0;
        let outcome = Outcome {
            key: pending.key.to_string(),
            status: if error.is_none() { Status::Succeeded } else { Status::Failed },
            value,
            error: error.map(Failure::from),
            attempts: pending.spent.charged,
            charged,
            possible_duplicates: pending.possible_duplicates,
            bytes,
            timings: timings.unwrap_or(Timings { queue: waited, total: waited, ..Timings::default() }),
        };
        self.stats.lock().settled(&outcome, error.map(Error::class), timings.is_some());
        self.outcomes.push(outcome);
    }
}

/// A job that is stopped after its request was complete may have been carried out all the same.
fn unless_sent(error: Error, trace: &Trace) -> Error {
    if trace.is_sent() { error.maybe_sent() } else { error }
}

/// Pumps when a waiting job is due. Ends with its executor.
async fn wake_when_due<P: Pipeline>(shared: Weak<Shared<P>>, changed: Arc<Notify>) {
    loop {
        let Some(next) = shared.upgrade().map(|shared| shared.schedule.lock().next_due()) else { return };
        let due = async {
            match next {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = changed.notified() => {}
            () = due => match shared.upgrade() {
                Some(shared) => Shared::pump(&shared),
                None => return,
            },
        }
    }
}

#[cfg(test)]
mod tests;
