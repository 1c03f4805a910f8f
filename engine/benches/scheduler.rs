//! What a job costs, at depth: `cargo bench -p warmpath-engine --bench scheduler`; figures in `docs/pacing.md`. One job is one
//! submit, one start and one end: of the scheduler alone, on a virtual clock, and of the whole executor with a pipeline that
//! does nothing. CPU time of the one thread that does it all, the least of several rounds: what else the machine does can
//! only add to it. The jobs are prewarm jobs, made from JSON as at the door; that is not in the figures, their end is.

#![expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "prints figures, of numbers that it made itself")]

use std::time::{Duration, Instant};

use serde_json::json;
use warmpath_engine::{
    clock::Tick,
    error::Result,
    executor::{
        Executor, ExecutorOptions, Grant, Limits, Pipeline, RetryOptions, Trace,
        schedule::{Action, Ended, Learned, Scheduler},
    },
    pipeline::PrewarmJob,
};

const ROUNDS: usize = 7;
const JOBS: usize = 50_000;
const SLOTS: usize = 16;

fn job(number: usize, bots: usize) -> PrewarmJob {
    let bot = number % bots;
    let sha256 = format!("{number:064x}");
    let job = serde_json::from_value(json!({
        "key": format!("photo:{sha256}:shop-{bot}"),
        "botSlug": format!("shop-{bot}"),
        "sha256": sha256,
        "kind": "photo",
        "r2Key": format!("media/{sha256}.jpg"),
        "token": format!("1234567{bot:03}:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"),
        "chatIds": [format!("-1001234567{bot:03}")],
        "size": 20_000,
    }));
    job.unwrap_or_else(|error| panic!("{error}"))
}

/// CPU time of this thread, ns. Wall time where the system does not tell it.
fn cpu(began: Instant) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let told = told.and_then(|text| text.split(' ').next()?.parse().ok());
    told.unwrap_or_else(|| began.elapsed().as_nanos() as f64)
}

/// ns for each job, with so many queued all the time.
fn cost(queued: usize, bots: usize, limits: Option<Limits>) -> f64 {
    let mut schedule = Scheduler::new(&options(limits), 1);
    let mut now = Tick::START;
    for number in 0..queued {
        schedule.submit(job(number, bots), now);
    }
    // Made outside of what is measured.
    let jobs = (queued..queued + JOBS).map(|number| job(number, bots)).collect::<Vec<_>>();
    let began = Instant::now();
    let before = cpu(began);
    churn(&mut schedule, jobs, &mut now);
    (cpu(began) - before) / JOBS as f64
}

/// Every job that starts ends at once, and another one is submitted in its place.
#[inline(never)]
fn churn(schedule: &mut Scheduler<PrewarmJob>, jobs: Vec<PrewarmJob>, clock: &mut Tick) {
    let (mut jobs, mut running, mut now) = (jobs.into_iter(), Vec::new(), *clock);
    while jobs.len() > 0 {
        while let Some(action) = schedule.poll(now) {
            if let Action::Start { id, .. } = action {
                running.push(id);
            }
        }
        for id in running.drain(..) {
            schedule.finished(id, Ended::Tried(Ok(())), Learned::default(), now);
            if let Some(job) = jobs.next() {
                schedule.submit(job, now);
            }
        }
        now = now.max(schedule.next_due().min(now.after(Duration::from_secs(1))));
    }
    *clock = now;
}

fn options(limits: Option<Limits>) -> ExecutorOptions {
    ExecutorOptions { concurrency: SLOTS, capacity: usize::MAX, retry: RetryOptions::default(), limits }
}

/// Ends as soon as it is begun.
struct Nothing;

impl Pipeline for Nothing {
    type Job = PrewarmJob;
    type Value = ();

    async fn attempt(&self, _: &PrewarmJob, _: Grant, _: &std::sync::Arc<Trace>) -> Result<()> {
        tokio::task::yield_now().await;
        Ok(())
    }
}

/// ns for each job of an executor on this thread, with so many queued all the time: tasks, outcomes and statistics are in it.
fn executor_cost(queued: usize, bots: usize) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.unwrap_or_else(|error| panic!("{error}")).block_on(async {
        let executor = Executor::new(Nothing, &options(None), &tokio::runtime::Handle::current(), Box::new(|_| {}));
        executor.pause();
        executor.submit_many((0..queued).map(|number| job(number, bots)));
        let mut jobs = (queued..queued + JOBS).map(|number| job(number, bots)).collect::<Vec<_>>().into_iter();
        executor.resume();
        let began = Instant::now();
        let before = cpu(began);
        while jobs.len() > 0 {
            let settled = executor.take_settled(64).len();
            executor.submit_many(jobs.by_ref().take(settled));
            tokio::task::yield_now().await;
        }
        (cpu(began) - before) / JOBS as f64
    })
}

/// One line: the cost at each depth, and how much more the deepest is than the shallowest.
fn line(name: &str, cost: impl Fn(usize) -> f64) {
    let least = |queued| (0..ROUNDS).map(|_| cost(queued)).fold(f64::INFINITY, f64::min);
    let [shallow, middle, deep] = [1_000, 10_000, 100_000].map(least);
    let more = (deep / shallow - 1.0) * 100.0;
    println!("{name:<32} {shallow:>8.0} {middle:>8.0} {deep:>8.0} {more:>+7.0} %");
}

fn main() {
    if let Some(queued) = std::env::args().find_map(|argument| argument.parse().ok()) {
        return println!("{queued} queued, 50 bots: {:.0} ns a job", cost(queued, 50, None));
    }
    println!("CPU ns for each of {JOBS} jobs, least of {ROUNDS} rounds");
    println!("{:<32} {:>8} {:>8} {:>8}", "queued", "1,000", "10,000", "100,000");
    for (name, limits) in [("no limits", None), ("default limits", Some(Limits::default()))] {
        for bots in [1, 50, 1_000] {
            line(&format!("scheduler, {name}, {bots} bots"), |queued| cost(queued, bots, limits));
        }
    }
    line("executor, no limits, 50 bots", |queued| executor_cost(queued, 50));
}
