//! The executor with pipelines made for the purpose, on paused time: a wait costs nothing, and every moment is exact.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst},
};

use tokio::time::{Instant, advance, sleep};

use super::*;
use crate::error::{Certainty, Phase};

#[derive(Clone)]
struct TestJob {
    key: String,
    scope: String,
    priority: i32,
    lease: Option<Duration>,
}

fn job(key: impl std::fmt::Display) -> TestJob {
    TestJob { key: key.to_string(), scope: "bot".into(), priority: 0, lease: None }
}

impl Job for TestJob {
    fn key(&self) -> &str {
        &self.key
    }
    fn priority(&self) -> i32 {
        self.priority
    }
    fn scope(&self) -> &str {
        &self.scope
    }
    fn lease(&self) -> Option<Duration> {
        self.lease
    }
}

type Step = Box<dyn Fn(&TestJob, u32) -> (Duration, Result<u32>) + Send + Sync>;

/// Answers by a closure of the job and the number of the try, after a virtual time.
struct Scripted {
    step: Step,
    tries: Mutex<HashMap<String, u32>>,
    order: Arc<Mutex<Vec<(String, Instant)>>>,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

struct Leaving(Arc<AtomicUsize>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Pipeline for Scripted {
    type Job = TestJob;
    type Value = u32;

    async fn attempt(&self, job: &TestJob, trace: &Arc<Trace>) -> Result<u32> {
        let now = self.running.fetch_add(1, SeqCst) + 1;
        let _leaving = Leaving(Arc::clone(&self.running));
        self.most.fetch_max(now, SeqCst);
        self.order.lock().push((job.key.clone(), Instant::now()));
        let attempt = {
            let mut tries = self.tries.lock();
            let tries = tries.entry(job.key.clone()).or_default();
            *tries += 1;
            *tries
        };
        trace.opened();
        let (time, result) = (self.step)(job, attempt);
        sleep(time).await;
        result
    }
}

struct Rig {
    executor: Executor<Scripted>,
    order: Arc<Mutex<Vec<(String, Instant)>>>,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    settled: Arc<AtomicU32>,
}

fn rig(
    options: ExecutorOptions,
    step: impl Fn(&TestJob, u32) -> (Duration, Result<u32>) + Send + Sync + 'static,
) -> Rig {
    let (order, running, most, settled) =
        <(Arc<Mutex<_>>, Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicU32>)>::default();
    let pipeline = Scripted {
        step: Box::new(step),
        tries: Mutex::default(),
        order: Arc::clone(&order),
        running: Arc::clone(&running),
        most: Arc::clone(&most),
    };
    let told = Arc::clone(&settled);
    let on_settled = Box::new(move || {
        told.fetch_add(1, SeqCst);
    });
    Rig { executor: Executor::new(pipeline, &options, &Handle::current(), on_settled), order, running, most, settled }
}

const OPTIONS: ExecutorOptions =
    ExecutorOptions { concurrency: 2, capacity: 100, retry: RetryOptions { quick: 2, base_ms: 100, max_ms: 1_000 } };

const SECOND: Duration = Duration::from_secs(1);

fn ok(_: &TestJob, attempt: u32) -> (Duration, Result<u32>) {
    (SECOND, Ok(attempt))
}

impl Rig {
    fn submit(&self, jobs: impl IntoIterator<Item = TestJob>) -> Vec<Submitted> {
        self.executor.submit_many(jobs)
    }

    /// Lets virtual time pass until `count` jobs are settled.
    async fn settled(&self, count: usize) -> Vec<Outcome<u32>> {
        let mut outcomes = Vec::new();
        while outcomes.len() < count {
            outcomes.extend(self.executor.take_settled(usize::MAX));
            sleep(Duration::from_millis(1)).await;
        }
        outcomes
    }

    fn started(&self) -> Vec<String> {
        self.order.lock().iter().map(|(key, _)| key.clone()).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_freed_slot_takes_the_next_job_in_the_same_moment() {
    let rig = rig(OPTIONS, ok);
    let begin = Instant::now();
    rig.submit((0..10).map(job));
    let outcomes = rig.settled(10).await;
    assert!(outcomes.iter().all(|o| o.status == Status::Succeeded && o.attempts == 1 && o.charged));
    assert_eq!(rig.most.load(SeqCst), 2);
    let starts: Vec<_> = rig.order.lock().iter().map(|(_, at)| (*at - begin).as_millis()).collect();
    assert_eq!(starts, [0, 0, 1000, 1000, 2000, 2000, 3000, 3000, 4000, 4000]);
    assert!(rig.settled.load(SeqCst) >= 1);
}

#[tokio::test(start_paused = true)]
async fn statuses_say_what_happened() {
    let rig = rig(ExecutorOptions { concurrency: 1, capacity: 1, ..OPTIONS }, ok);
    // The slot takes the first job only after the batch is in, so a batch of two fills a queue of one.
    assert_eq!(rig.submit([job("a"), job("b")]), [Submitted::Queued, Submitted::Full]);
    assert_eq!(rig.submit([job("a")]), [Submitted::Processing]);
    assert_eq!(rig.submit([job("b"), job("b"), job("c")]), [Submitted::Queued, Submitted::Duplicate, Submitted::Full]);
    rig.settled(2).await;
    assert_eq!(rig.submit([job("a")]), [Submitted::Queued]);
    rig.executor.close_intake();
    assert_eq!(rig.submit([job("z")]), [Submitted::Closed]);
    rig.settled(1).await;
}

#[tokio::test(start_paused = true)]
async fn higher_priorities_start_first() {
    let rig = rig(ExecutorOptions { concurrency: 1, ..OPTIONS }, ok);
    rig.executor.pause();
    rig.submit([("low", -1), ("a", 0), ("high", 9), ("b", 0)].map(|(key, priority)| TestJob { priority, ..job(key) }));
    assert_eq!(rig.executor.list().len(), 4);
    rig.executor.resume();
    rig.settled(4).await;
    assert_eq!(rig.started(), ["high", "a", "b", "low"]);
}

#[tokio::test(start_paused = true)]
async fn transient_failures_are_tried_again_and_counted() {
    let rig = rig(OPTIONS, |_, attempt| {
        (SECOND, if attempt < 3 { Err(Error::new(Code::DownloadFailed, "x")) } else { Ok(attempt) })
    });
    rig.submit([job("a")]);
    let outcome = rig.settled(1).await.remove(0);
    assert_eq!((outcome.status, outcome.value, outcome.attempts), (Status::Succeeded, Some(3), 3));
    assert_eq!(rig.executor.stats().retries, 2);
}

#[tokio::test(start_paused = true)]
async fn a_job_between_two_tries_holds_no_slot() {
    let rig = rig(ExecutorOptions { concurrency: 1, ..OPTIONS }, |job, attempt| {
        let fail = job.key == "a" && attempt == 1;
        (SECOND, if fail { Err(Error::new(Code::SendFailed, "x").retry_after(Some(3 * SECOND))) } else { Ok(attempt) })
    });
    rig.submit([job("a"), job("b"), job("c")]);
    rig.settled(3).await;
    assert_eq!(rig.started(), ["a", "b", "c", "a"]);
}

#[tokio::test(start_paused = true)]
async fn retries_end_and_permanent_failures_have_none() {
    let rig = rig(OPTIONS, |job, _| {
        let code = if job.key == "t" { Code::DownloadFailed } else { Code::TelegramRejected };
        (SECOND, Err(Error::new(code, "x").at(Phase::Answer)))
    });
    rig.submit([job("t"), job("p")]);
    let outcomes = rig.settled(2).await;
    let attempts: HashMap<_, _> = outcomes.iter().map(|o| (o.key.as_str(), (o.attempts, o.charged))).collect();
    assert_eq!(attempts["t"], (3, true));
    assert_eq!(attempts["p"], (1, true));
    let stats = rig.executor.stats();
    assert_eq!((stats.by_class["transient"], stats.by_class["permanent"], stats.failed), (1, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_429_holds_the_whole_bot_back_but_no_other_and_costs_nothing() {
    let rig = rig(ExecutorOptions { concurrency: 1, ..OPTIONS }, |job, attempt| {
        let throttled = job.key == "a" && attempt == 1;
        let error = || Error::new(Code::TelegramThrottled, "x").retry_after(Some(2 * SECOND));
        (Duration::ZERO, if throttled { Err(error()) } else { Ok(attempt) })
    });
    let begin = Instant::now();
    let other = TestJob { scope: "other".into(), ..job("c") };
    rig.submit([job("a"), job("b"), other]);
    let outcomes = rig.settled(3).await;
    assert!(outcomes.iter().all(|o| o.attempts == 1 && o.status == Status::Succeeded), "{outcomes:?}");
    let starts: Vec<_> = rig.order.lock().iter().map(|(key, at)| (key.clone(), (*at - begin).as_secs())).collect();
    assert_eq!(starts, [("a", 0), ("c", 0), ("a", 2), ("b", 2)].map(|(key, at)| (key.to_owned(), at)));
}

#[tokio::test(start_paused = true)]
async fn a_long_429_gives_the_bots_jobs_back_uncharged_with_their_time() {
    let rig = rig(ExecutorOptions { concurrency: 1, ..OPTIONS }, |_, _| {
        (SECOND, Err(Error::new(Code::TelegramThrottled, "x").retry_after(Some(35 * SECOND))))
    });
    rig.submit([job("a"), job("b")]);
    let outcomes = rig.settled(2).await;
    assert_eq!(rig.started(), ["a"]);
    for outcome in outcomes {
        assert!(!outcome.charged);
        let error = outcome.error.unwrap();
        assert_eq!((error.code, error.class), ("ERR_WARMPATH_TELEGRAM_THROTTLED", "throttled"));
        assert!(error.retry_after_ms.unwrap() > 34_000, "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cancelling_reaches_every_place() {
    let rig = rig(ExecutorOptions { concurrency: 1, ..OPTIONS }, |job, _| {
        let wait = job.key == "waiting";
        (
            if wait { Duration::ZERO } else { 100 * SECOND },
            Err(Error::new(Code::SendFailed, "x").retry_after(Some(4 * SECOND))),
        )
    });
    rig.submit([job("waiting"), job("running"), job("queued")]);
    while rig.executor.stats().waiting == 0 || rig.executor.stats().running == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    for key in ["waiting", "running", "queued"] {
        assert!(rig.executor.cancel(key), "{key}");
    }
    let outcomes = rig.settled(3).await;
    for outcome in &outcomes {
        let error = outcome.error.as_ref().unwrap();
        assert_eq!(
            (error.code, outcome.charged, error.certainty),
            ("ERR_WARMPATH_CANCELLED", false, Certainty::NotSent)
        );
    }
    assert_eq!(rig.running.load(SeqCst), 0, "the running future was not dropped");
    assert!(!rig.executor.cancel("queued"));
    let stats = rig.executor.stats();
    assert_eq!((stats.queued, stats.waiting, stats.running), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lease_ends_a_job_five_seconds_early_unless_it_is_extended() {
    let rig = rig(OPTIONS, |_, _| (30 * SECOND, Ok(1)));
    let lease = Some(20 * SECOND);
    rig.submit([TestJob { lease, ..job("lost") }, TestJob { lease, ..job("kept") }]);
    let begin = Instant::now();
    advance(10 * SECOND).await;
    assert_eq!(rig.executor.extend(&["kept".into(), "unknown".into()], 40 * SECOND), [true, false]);
    let first = rig.settled(1).await.remove(0);
    assert_eq!(first.key, "lost");
    assert_eq!(first.error.unwrap().code, "ERR_WARMPATH_LEASE_LOST");
    assert!(!first.charged);
    assert_eq!(begin.elapsed().as_secs(), 15);
    assert_eq!(rig.settled(1).await[0].status, Status::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_lease_is_over_never_starts() {
    let rig = rig(ExecutorOptions { concurrency: 1, ..OPTIONS }, |_, _| (30 * SECOND, Ok(1)));
    rig.submit([job("long"), TestJob { lease: Some(10 * SECOND), ..job("late") }]);
    let outcomes = rig.settled(2).await;
    assert_eq!(outcomes[1].error.as_ref().unwrap().code, "ERR_WARMPATH_LEASE_LOST");
    assert_eq!(rig.started(), ["long"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_settles_its_job_and_frees_its_slot() {
    let rig = rig(ExecutorOptions { concurrency: 1, ..OPTIONS }, |job, _| {
        assert_ne!(job.key, "bad", "a planted panic");
        (SECOND, Ok(1))
    });
    rig.submit([job("bad"), job("good")]);
    let outcomes = rig.settled(2).await;
    assert_eq!(outcomes[0].error.as_ref().unwrap().class, "bug");
    assert_eq!(outcomes[1].status, Status::Succeeded);
    assert_eq!(rig.executor.stats().running, 0);
}

#[tokio::test(start_paused = true)]
async fn ambiguous_tries_are_counted_as_possible_duplicates() {
    let rig = rig(OPTIONS, |_, attempt| {
        (SECOND, if attempt == 1 { Err(Error::new(Code::SendAmbiguous, "x").maybe_sent()) } else { Ok(attempt) })
    });
    rig.submit([job("a")]);
    let outcome = rig.settled(1).await.remove(0);
    assert_eq!((outcome.status, outcome.possible_duplicates), (Status::Succeeded, 1));
    assert_eq!(rig.executor.stats().possible_duplicates, 1);
}

#[tokio::test(start_paused = true)]
async fn concurrency_can_change_while_jobs_run() {
    let rig = rig(ExecutorOptions { concurrency: 1, ..OPTIONS }, ok);
    rig.submit((0..8).map(job));
    rig.executor.set_concurrency(4);
    rig.settled(8).await;
    assert_eq!(rig.most.load(SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_executor_ends_its_jobs() {
    let rig = rig(OPTIONS, |_, _| (1000 * SECOND, Ok(1)));
    rig.submit((0..5).map(job));
    while rig.running.load(SeqCst) < 2 {
        sleep(Duration::from_millis(1)).await;
    }
    let running = Arc::clone(&rig.running);
    drop(rig);
    while running.load(SeqCst) > 0 {
        sleep(Duration::from_millis(1)).await;
    }
}

/// Whatever the pipeline answers and whoever interferes: every accepted job is settled exactly once, and nothing stays.
#[tokio::test(start_paused = true)]
async fn every_accepted_job_is_settled_exactly_once() {
    for seed in 0..60 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let dice = Mutex::new(fastrand::Rng::with_seed(seed ^ 0xabc));
        let rig = rig(ExecutorOptions { concurrency: 3, capacity: 20, ..OPTIONS }, move |_, attempt| {
            let mut dice = dice.lock();
            let time = Duration::from_millis(dice.u64(0..2_000));
            let wait = dice.bool().then(|| Duration::from_millis(dice.u64(0..8_000)));
            let result = match dice.u8(0..8) {
                0 => Err(Error::new(Code::DownloadFailed, "x")),
                1 => Err(Error::new(Code::TelegramThrottled, "x").retry_after(wait)),
                2 => Err(Error::new(Code::SendAmbiguous, "x").maybe_sent()),
                3 => Err(Error::new(Code::TelegramRejected, "x")),
                _ => Ok(attempt),
            };
            (time, result)
        });
        let mut accepted = HashMap::<String, i32>::new();
        for _ in 0..200 {
            match rng.u8(0..10) {
                0..=5 => {
                    let new = TestJob { scope: format!("s{}", rng.u8(0..3)), ..job(rng.u8(0..30)) };
                    let key = new.key.clone();
                    if rig.submit([new]) == [Submitted::Queued] {
                        *accepted.entry(key).or_default() += 1;
                    }
                }
                6 => drop(rig.executor.cancel(&rng.u8(0..30).to_string())),
                7 => rig.executor.pause(),
                8 => rig.executor.resume(),
                _ => rig.executor.set_concurrency(rng.usize(1..5)),
            }
            sleep(Duration::from_millis(rng.u64(0..400))).await;
        }
        rig.executor.resume();
        let total: i32 = accepted.values().sum();
        for outcome in rig.settled(usize::try_from(total).unwrap()).await {
            *accepted.get_mut(&outcome.key).unwrap() -= 1;
        }
        assert!(accepted.values().all(|left| *left == 0), "seed {seed}: {accepted:?}");
        let stats = rig.executor.stats();
        assert_eq!((stats.queued, stats.waiting, stats.running), (0, 0, 0), "seed {seed}");
        assert!(rig.executor.list().is_empty());
    }
}
