//! The hands of the scheduler: starts what it says, tells it what came of it, and wakes when it is to be asked again.

use std::{
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{Arc, Weak},
};

use crossbeam_queue::SegQueue;
use foldhash::fast::RandomState;
use futures_util::FutureExt;
use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio::{runtime::Handle, sync::Notify, time::Instant};

use super::{
    Failure, Grant, Job, OnSettled, Outcome, Pipeline, Status, Timings, Trace,
    schedule::{Action, Ended, Id, Scheduler, Settled},
    stats::Stats,
};
use crate::{
    clock::Tick,
    error::{Code, Error},
};

pub struct Shared<P: Pipeline> {
    pub pipeline: P,
    pub runtime: Handle,
    /// The start of this executor's clock.
    pub started: Instant,
    pub core: Mutex<Core<P::Job>>,
    pub stats: Mutex<Stats>,
    pub outcomes: SegQueue<Outcome<P::Value>>,
    pub on_settled: OnSettled,
    /// Told when the next look is due earlier than the timer sleeps.
    pub due_changed: Arc<Notify>,
}

/// What the one lock guards.
pub struct Core<J> {
    pub schedule: Scheduler<J>,
    /// How running jobs are told to stop.
    pub stops: HashMap<Id, Arc<Trace>, RandomState>,
    /// When the timer wakes.
    pub armed: Tick,
}

/// A job in a slot.
pub struct Try<J> {
    id: Id,
    job: Arc<J>,
    grant: Grant,
    trace: Arc<Trace>,
}

/// What followed from an event: a job for the caller to run, and jobs to settle.
pub type Followed<J> = (Option<Try<J>>, Vec<Settled<J>>);

impl<P: Pipeline> Shared<P> {
    pub fn now(&self) -> Tick {
        Tick::START.after(self.started.elapsed())
    }

    /// Does everything that is due. The first job to start is handed back where the caller wants to run it itself.
    pub fn act(this: &Arc<Self>, core: &mut Core<P::Job>, keep_first: bool) -> Followed<P::Job> {
        let (mut first, mut settled) = (None, Vec::new());
        while let Some(action) = core.schedule.poll(this.now()) {
            match action {
                Action::Start { id, job, chat } => {
                    let trace = Arc::new(Trace::new());
                    core.stops.insert(id, Arc::clone(&trace));
                    let next = Try { id, job, grant: Grant { chat }, trace };
                    if keep_first && first.is_none() {
                        first = Some(next);
                    } else {
                        this.runtime.spawn(Self::occupy(Arc::clone(this), next));
                    }
                }
                Action::Stop(id) => {
                    if let Some(trace) = core.stops.get(&id) {
                        trace.stop();
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
            let (value, ended) = this.attempt(&current).await;
            let trace = &current.trace;
            let mut core = this.core.lock();
            core.stops.remove(&current.id);
            let done = core.schedule.finished(current.id, ended, trace.learned(), this.now());
            let (next, unrun) = Self::act(&this, &mut core, true);
            let left = next.is_none().then(|| core.stops.len());
            drop(core);
            this.ended(done, value, &current, left);
            this.settle_unrun(unrun);
            match next {
                Some(next) => current = next,
                None => return,
            }
        }
    }

    /// One try of one job.
    async fn attempt(&self, current: &Try<P::Job>) -> (Option<P::Value>, Ended) {
        let trace = &current.trace;
        // Pinned where it is made, here and wherever a future that holds a request is waited for together with something else: what
        // is handed over by value is copied with all its room, and there are six such rooms, one inside the other.
        let attempt = pin!(AssertUnwindSafe(self.pipeline.attempt(&current.job, current.grant, trace)).catch_unwind());
        let result = tokio::select! {
            biased;
            () = trace.until_stopped() => return (None, Ended::Stopped { sent: trace.is_sent() }),
            result = attempt => result.unwrap_or_else(|_| Err(Error::new(Code::Internal, "the pipeline panicked"))),
        };
        match result {
            Ok(value) => (Some(value), Ended::Tried(Ok(()))),
            Err(error) => (None, Ended::Tried(Err(error))),
        }
    }

    /// Counts a try, and settles its job if that was the end of it. `left` jobs run on, where its slot stays empty.
    fn ended(&self, done: Option<Settled<P::Job>>, value: Option<P::Value>, tried: &Try<P::Job>, left: Option<usize>) {
        let trace = &*tried.trace;
        let mut stats = self.stats.lock();
        stats.tried(trace);
        let Some(done) = done else { return stats.retried() };
        let timings = trace.timings(self.instant(done.submitted));
        let mut outcome = outcome(&done, value, trace.bytes_in(), timings);
        stats.settled(&outcome, done.error.as_ref().map(Error::class), true);
        drop(stats);
        if done.error.is_some_and(|error| error.code == Code::TelegramChat)
            && let Some(failure) = &mut outcome.error
        {
            failure.chat_id = done.job.chats().get(tried.grant.chat).cloned();
        }
        self.outcomes.push(outcome);
        (self.on_settled)(left.is_some_and(|left| left <= self.outcomes.len()));
    }

    /// Settles jobs that leave without having been in a slot last.
    pub fn settle_unrun(&self, settled: Vec<Settled<P::Job>>) {
        if settled.is_empty() {
            return;
        }
        for done in settled {
            let waited = self.instant(done.submitted).elapsed().as_secs_f64() * 1000.0;
            let outcome = outcome(&done, None, 0, Timings { queue: waited, total: waited, ..Timings::default() });
            self.stats.lock().settled(&outcome, done.error.as_ref().map(Error::class), false);
            self.outcomes.push(outcome);
        }
        (self.on_settled)(false);
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
pub async fn wake_when_due<P: Pipeline>(shared: Weak<Shared<P>>, changed: Arc<Notify>) {
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
