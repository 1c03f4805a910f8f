//! The executor with pipelines made for the purpose, on paused time: a wait costs nothing, and every moment is exact.

mod ends;
mod pacing;
mod retries;
mod slots;
mod throttles;

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst},
};

use tokio::time::{Instant, advance, sleep};

use super::*;
use crate::error::{Certainty, Code, Error, Phase};

#[derive(Clone)]
struct TestJob {
    key: String,
    scope: String,
    chats: Vec<String>,
    priority: i32,
    size: Option<u64>,
    lease: Option<Duration>,
    /// Its request is complete before its answer is there.
    sends: bool,
}

fn job(key: impl std::fmt::Display) -> TestJob {
    TestJob {
        key: key.to_string(),
        scope: "bot".into(),
        chats: vec!["1".into()],
        priority: 0,
        size: None,
        lease: None,
        sends: false,
    }
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
    fn chats(&self) -> &[String] {
        &self.chats
    }
    fn size(&self) -> Option<u64> {
        self.size
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
    chats: Arc<Mutex<Vec<String>>>,
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

    async fn attempt(&self, job: &TestJob, grant: Grant, trace: &Arc<Trace>) -> Result<u32> {
        let now = self.running.fetch_add(1, SeqCst) + 1;
        let _leaving = Leaving(Arc::clone(&self.running));
        self.most.fetch_max(now, SeqCst);
        self.order.lock().push((job.key.clone(), Instant::now()));
        self.chats.lock().push(job.chats[grant.chat].clone());
        let attempt = {
            let mut tries = self.tries.lock();
            let tries = tries.entry(job.key.clone()).or_default();
            *tries += 1;
            *tries
        };
        trace.opened();
        if job.sends {
            trace.sent();
        }
        let (time, result) = (self.step)(job, attempt);
        sleep(time).await;
        result
    }
}

struct Rig {
    executor: Executor<Scripted>,
    order: Arc<Mutex<Vec<(String, Instant)>>>,
    chats: Arc<Mutex<Vec<String>>>,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    settled: Arc<AtomicU32>,
    /// After which of the settled jobs it was said that slots stand empty.
    urgent: Arc<Mutex<Vec<u32>>>,
    told: Arc<Notify>,
}

fn rig(
    options: ExecutorOptions,
    step: impl Fn(&TestJob, u32) -> (Duration, Result<u32>) + Send + Sync + 'static,
) -> Rig {
    let (order, chats, urgent) = <(Arc<Mutex<_>>, Arc<Mutex<_>>, Arc<Mutex<Vec<u32>>>)>::default();
    let (running, most, settled) = <(Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicU32>)>::default();
    let pipeline = Scripted {
        step: Box::new(step),
        tries: Mutex::default(),
        order: Arc::clone(&order),
        chats: Arc::clone(&chats),
        running: Arc::clone(&running),
        most: Arc::clone(&most),
    };
    let told = Arc::new(Notify::new());
    let (count, tell, hurried) = (Arc::clone(&settled), Arc::clone(&told), Arc::clone(&urgent));
    let on_settled = Box::new(move |is_urgent| {
        let nth = count.fetch_add(1, SeqCst) + 1;
        if is_urgent {
            hurried.lock().push(nth);
        }
        tell.notify_one();
    });
    Rig {
        executor: Executor::new(pipeline, &options, &Handle::current(), on_settled),
        order,
        chats,
        running,
        most,
        settled,
        urgent,
        told,
    }
}

const OPTIONS: ExecutorOptions = ExecutorOptions {
    concurrency: 2,
    capacity: 100,
    retry: RetryOptions { quick: 2, base_ms: 100, max_ms: 1_000 },
    limits: None,
};

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
        loop {
            outcomes.extend(self.executor.take_settled(usize::MAX));
            if outcomes.len() >= count {
                return outcomes;
            }
            self.told.notified().await;
        }
    }

    fn started(&self) -> Vec<String> {
        self.order.lock().iter().map(|(key, _)| key.clone()).collect()
    }
}
