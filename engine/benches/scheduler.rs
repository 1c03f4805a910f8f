//! What the scheduler costs for each job, at depth: `cargo bench -p warmpath-engine --bench scheduler`; figures in
//! `docs/pacing.md`. One job is one submit, one start and one end. The clock is virtual, so waiting costs nothing here.

#![expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "prints figures, of numbers that it made itself")]

use std::time::{Duration, Instant};

use warmpath_engine::{
    clock::Tick,
    executor::{
        ExecutorOptions, Job, Limits, RetryOptions,
        schedule::{Action, Ended, Learned, Scheduler},
    },
};

const ROUNDS: usize = 9;
const JOBS: usize = 50_000;

struct BenchJob {
    key: String,
    scope: String,
    chats: Vec<String>,
}

impl Job for BenchJob {
    fn key(&self) -> &str {
        &self.key
    }
    fn priority(&self) -> i32 {
        0
    }
    fn scope(&self) -> &str {
        &self.scope
    }
    fn chats(&self) -> &[String] {
        &self.chats
    }
    fn size(&self) -> Option<u64> {
        Some(20_000)
    }
    fn lease(&self) -> Option<Duration> {
        None
    }
}

fn job(number: usize, bots: usize) -> BenchJob {
    let bot = number % bots;
    BenchJob {
        key: format!("photo:{number:064}:bot{bot}"),
        scope: format!("1234567{bot}"),
        chats: vec![format!("-100{bot}")],
    }
}

/// ns for each job, with so many queued all the time.
fn cost(queued: usize, bots: usize, limits: Option<Limits>) -> f64 {
    let options = ExecutorOptions { concurrency: 16, capacity: usize::MAX, retry: RetryOptions::default(), limits };
    let mut schedule = Scheduler::new(&options, 1);
    let mut now = Tick::START;
    for number in 0..queued {
        schedule.submit(job(number, bots), now);
    }
    // Made outside of what is measured.
    let mut jobs = (queued..queued + JOBS).map(|number| job(number, bots)).collect::<Vec<_>>().into_iter();
    let mut running = Vec::new();
    let began = Instant::now();
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
    began.elapsed().as_nanos() as f64 / JOBS as f64
}

fn main() {
    println!("{JOBS} jobs each, median of {ROUNDS} rounds (lowest to highest), ns for each job");
    for (name, limits) in [("no limits", None), ("default limits", Some(Limits::default()))] {
        for bots in [1, 50, 1_000] {
            for queued in [1_000, 10_000, 100_000] {
                let mut times: Vec<f64> = (0..ROUNDS).map(|_| cost(queued, bots, limits)).collect();
                times.sort_unstable_by(f64::total_cmp);
                let (low, high) = (times.first().unwrap_or(&0.0), times.last().unwrap_or(&0.0));
                let median = times.get(ROUNDS / 2).unwrap_or(&0.0);
                println!("{name:>14}, {bots:>4} bots, {queued:>6} queued: {median:>5.0} ({low:.0} to {high:.0})");
            }
        }
    }
}
