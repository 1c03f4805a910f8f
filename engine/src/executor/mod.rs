//! Runs jobs of one pipeline: a bounded queue, a number of slots, limits, retries, and outcomes collected for whoever asks.
//!
//! What happens next is decided by [`schedule`], a pure state machine; this file is its hands: it tells it what happened
//! and when, and does what it says. There is no timer tick: a slot that becomes free takes the next job in the same
//! moment, and the one timer sleeps until the next moment that matters. A job that has to wait (for its chat, its token,
//! or between two tries) holds no slot, no socket and no bytes. Nothing is lost: every accepted job is settled exactly
//! once, also when its pipeline panics.

mod job;
mod limits;
mod options;
mod outcome;
mod plan;
mod retry;
pub mod schedule;
mod stats;
mod trace;

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, Weak},
    time::Duration,
};

use crossbeam_queue::SegQueue;
use foldhash::fast::RandomState;
use futures_util::FutureExt;
use hashbrown::HashMap;
pub use job::{Grant, Job};
pub use limits::{ChatKind, Limits, Rate, SameSize};
pub use options::{ExecutorOptions, RetryOptions};
pub use outcome::{Failure, Outcome, Status, Timings};
use parking_lot::Mutex;
pub use plan::{Batch, Plan, Question, plan};
use schedule::{Action, Ended, Id, Scheduler, Settled};
pub use schedule::{Explanation, LearnedPace, Live, Place, Reason, Submitted, Wait};
use stats::Stats;
pub use stats::{Quantiles, Snapshot};
use tokio::{runtime::Handle, sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;
pub use trace::Trace;

use crate::{
    clock::Tick,
    error::{Code, Error, Result},
};

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

/// Called, from any thread, when outcomes wait to be taken.
pub type OnSettled = Box<dyn Fn() + Send + Sync>;

struct Shared<P: Pipeline> {
    pipeline: P,
    runtime: Handle,
    /// The start of this executor's clock.
    started: Instant,
    core: Mutex<Core<P::Job>>,
    stats: Mutex<Stats>,
    outcomes: SegQueue<Outcome<P::Value>>,
    on_settled: OnSettled,
    /// Told when the next look is due earlier than the timer sleeps.
    due_changed: Arc<Notify>,
}

/// What the one lock guards.
struct Core<J> {
    schedule: Scheduler<J>,
    /// How running jobs are told to stop.
    stops: HashMap<Id, CancellationToken, RandomState>,
    /// When the timer wakes.
    armed: Tick,
}

/// A job in a slot.
struct Try<J> {
    id: Id,
    job: Arc<J>,
    grant: Grant,
    stop: CancellationToken,
}

/// What followed from an event: a job for the caller to run, and jobs to settle.
type Followed<J> = (Option<Try<J>>, Vec<Settled<J>>);

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

impl<P: Pipeline> Shared<P> {
    fn now(&self) -> Tick {
        Tick::START.after(self.started.elapsed())
    }

    /// Does everything that is due. The first job to start is handed back where the caller wants to run it itself.
    fn act(this: &Arc<Self>, core: &mut Core<P::Job>, keep_first: bool) -> Followed<P::Job> {
        let (mut first, mut settled) = (None, Vec::new());
        while let Some(action) = core.schedule.poll(this.now()) {
            match action {
                Action::Start { id, job, chat } => {
                    let stop = CancellationToken::new();
                    core.stops.insert(id, stop.clone());
                    let next = Try { id, job, grant: Grant { chat }, stop };
                    if keep_first && first.is_none() {
                        first = Some(next);
                    } else {
                        this.runtime.spawn(Self::occupy(Arc::clone(this), next));
                    }
                }
                Action::Stop(id) => {
                    if let Some(stop) = core.stops.get(&id) {
                        stop.cancel();
                    }
                }
                Action::Settle(job) => settled.push(job),
            }
        }
        let due = core.schedule.next_due();
        if due < core.armed {
            core.armed = due;
            this.due_changed.notify_one();
        }
        (first, settled)
    }

    /// The life of a slot: one job after the other, for as long as there is one. Going on in the same task instead of
    /// spawning the next job saves waking another thread for each of them.
    async fn occupy(this: Arc<Self>, mut current: Try<P::Job>) {
        loop {
            let trace = Arc::new(Trace::new());
            let (value, ended) = this.attempt(&current, &trace).await;
            let mut core = this.core.lock();
            core.stops.remove(&current.id);
            let done = core.schedule.finished(current.id, ended, trace.learned(), this.now());
            let (next, unrun) = Self::act(&this, &mut core, true);
            drop(core);
            this.ended(done, value, &trace);
            this.settle_unrun(unrun);
            match next {
                Some(next) => current = next,
                None => return,
            }
        }
    }

    /// One try of one job.
    async fn attempt(&self, current: &Try<P::Job>, trace: &Arc<Trace>) -> (Option<P::Value>, Ended) {
        let attempt = AssertUnwindSafe(self.pipeline.attempt(&current.job, current.grant, trace)).catch_unwind();
        let result = tokio::select! {
            biased;
            () = current.stop.cancelled() => return (None, Ended::Stopped { sent: trace.is_sent() }),
            result = attempt => result.unwrap_or_else(|_| Err(Error::new(Code::Internal, "the pipeline panicked"))),
        };
        match result {
            Ok(value) => (Some(value), Ended::Tried(Ok(()))),
            Err(error) => (None, Ended::Tried(Err(error))),
        }
    }

    /// Counts a try, and settles its job if that was the end of it.
    fn ended(&self, done: Option<Settled<P::Job>>, value: Option<P::Value>, trace: &Trace) {
        let mut stats = self.stats.lock();
        stats.tried(trace);
        let Some(done) = done else { return stats.retried() };
        let timings = trace.timings(self.instant(done.submitted));
        let outcome = outcome(&done, value, trace.bytes_in(), timings);
        stats.settled(&outcome, done.error.as_ref().map(Error::class), true);
        drop(stats);
        self.outcomes.push(outcome);
        (self.on_settled)();
    }

    /// Settles jobs that leave without having been in a slot last.
    fn settle_unrun(&self, settled: Vec<Settled<P::Job>>) {
        if settled.is_empty() {
            return;
        }
        for done in settled {
            let waited = self.instant(done.submitted).elapsed().as_secs_f64() * 1000.0;
            let outcome = outcome(&done, None, 0, Timings { queue: waited, total: waited, ..Timings::default() });
            self.stats.lock().settled(&outcome, done.error.as_ref().map(Error::class), false);
            self.outcomes.push(outcome);
        }
        (self.on_settled)();
    }

    fn instant(&self, at: Tick) -> Instant {
        self.started + at.since(Tick::START)
    }
}

fn outcome<J: Job, V>(done: &Settled<J>, value: Option<V>, bytes: u64, timings: Timings) -> Outcome<V> {
    Outcome {
        key: done.job.key().to_owned(),
        status: if done.error.is_none() { Status::Succeeded } else { Status::Failed },
        value,
        error: done.error.as_ref().map(Failure::from),
        attempts: done.attempts,
        charged: done.charged,
        possible_duplicates: done.possible_duplicates,
        bytes,
        timings,
    }
}

/// Looks when the next moment has come. Ends with its executor.
async fn wake_when_due<P: Pipeline>(shared: Weak<Shared<P>>, changed: Arc<Notify>) {
    loop {
        let Some(this) = shared.upgrade() else { return };
        let wake_at = {
            let mut core = this.core.lock();
            // Nobody else has to wake us for what is done here.
            core.armed = Tick::START;
            let (_, settled) = Shared::act(&this, &mut core, false);
            core.armed = core.schedule.next_due();
            let wake_at = (core.armed != Tick::NEVER).then(|| this.instant(core.armed));
            drop(core);
            this.settle_unrun(settled);
            wake_at
        };
        drop(this);
        let due = async {
            match wake_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = changed.notified() => {}
            () = due => {}
        }
    }
}

#[cfg(test)]
mod tests;
