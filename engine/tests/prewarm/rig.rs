//! Two servers and a pipeline between them.

pub use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

pub use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use warmpath_engine::{
    clock::{Clock, FakeClock},
    pipeline::{Cache, PrewarmJob, PrewarmOptions},
};
pub use warmpath_engine::{
    executor::{Executor, Outcome, Status},
    pipeline::{Prewarm, PrewarmValue, Reason, Route},
};

pub use crate::support::{Act, Seen, Server, head, http};

pub const TOKEN: &str = "123456:canary-token";
pub const NOW_MS: u64 = 1_369_353_600_000;

pub fn media() -> Vec<u8> {
    (0..300_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub fn photo() -> Act {
    let body = json!({ "ok": true, "result": { "message_id": 5, "date": 1, "chat": { "id": 42, "type": "private" },
        "photo": [{ "file_id": "small", "file_unique_id": "us", "width": 9, "height": 6 },
                  { "file_id": "large", "file_unique_id": "ul", "width": 90, "height": 60 }] } });
    http("200 OK", &[("content-type", "application/json")], body.to_string())
}

pub fn refusal(status: u16, extra: &Value) -> Act {
    let mut body = json!({ "ok": false, "error_code": status, "description": "Bad Request: reason" });
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    http(&format!("{status} X"), &[], body.to_string())
}

pub const ETAG: (&str, &str) = ("etag", "\"v1\"");

/// The object, or what a HEAD tells of it.
pub fn object(request: &Seen) -> Vec<Act> {
    let headers = [ETAG, ("content-type", "image/jpeg")];
    if request.method == "HEAD" {
        return vec![Act::Send(head("200 OK", &headers, media().len()))];
    }
    vec![http("200 OK", &headers, media())]
}

/// The first `bytes` of the object, as if all of it were to come.
pub fn cut(bytes: usize) -> Act {
    Act::Send([head("200 OK", &[ETAG], 300_000), media()[..bytes].to_vec()].concat())
}

/// What a range request asks for.
pub fn rest(request: &Seen) -> Act {
    http("206 Partial Content", &[ETAG, ("content-range", &rest_of(request))], &media()[start_of(request)..])
}

/// A refusal of Telegram with this description.
pub fn bad(description: &str) -> Act {
    refusal(400, &json!({ "description": format!("Bad Request: {description}") }))
}

/// Waits until something holds; the deadline is only there to fail.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

pub fn accept(_: &Seen) -> Vec<Act> {
    vec![Act::ReadBody, photo()]
}

pub struct Rig {
    pub s3: Server,
    pub telegram: Server,
    pub clock: Arc<FakeClock>,
    pub told: Arc<tokio::sync::Notify>,
    pub options: Value,
    pub job: Value,
}

impl Rig {
    pub async fn new(
        s3: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static,
        telegram: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let (s3, telegram) = (Server::start(s3).await, Server::start(telegram).await);
        let options = json!({
            "s3": { "endpoint": s3.url, "bucket": "media", "accessKeyId": "AK", "secretAccessKey": "canary-secret" },
            "telegram": { "apiRoot": telegram.url },
            "concurrency": 2, "capacity": 10, "verifySha256": true,
            "retry": { "quick": 2, "baseMs": 1, "maxMs": 1 },
            "timeouts": { "connectMs": 2000, "firstByteMs": 2000, "idleMs": 2000, "answerMs": 2000 },
        });
        let job = json!({
            "key": "k", "botSlug": "bot", "sha256": sha256(&media()), "kind": "photo", "r2Key": "dir/á b+c.jpg",
            "token": TOKEN, "chatIds": ["42"],
        });
        Self { s3, telegram, clock: Arc::new(FakeClock::at(NOW_MS)), told: Arc::default(), options, job }
    }

    pub fn timeout(mut self, name: &str, ms: u64) -> Self {
        self.options["timeouts"][name] = ms.into();
        self
    }

    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.job[name] = value.into();
        self
    }

    pub fn option(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.options[name] = value.into();
        self
    }

    /// The job, with some fields of its own.
    pub fn job(&self, fields: &Value) -> PrewarmJob {
        let mut job = self.job.clone();
        job.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let job: PrewarmJob = serde_json::from_value(job).unwrap();
        job.validate().unwrap();
        job
    }

    pub fn executor(&self) -> Executor<Prewarm> {
        self.executor_and_cache().0
    }

    /// An executor, and its byte cache's counters.
    pub fn executor_and_cache(&self) -> (Executor<Prewarm>, Option<Cache>) {
        let options: PrewarmOptions = serde_json::from_value(self.options.clone()).unwrap();
        let limits = options.executor();
        let clock: Arc<dyn Clock> = self.clock.clone();
        let pipeline = Prewarm::new(options, clock).unwrap();
        let cache = pipeline.cache();
        let told = Arc::clone(&self.told);
        let on_settled = Box::new(move |_| told.notify_one());
        (Executor::new(pipeline, &limits, &tokio::runtime::Handle::current(), on_settled), cache)
    }

    /// Runs the job, with some fields of its own, to its end.
    pub async fn settle(&self, executor: &Executor<Prewarm>, fields: &Value) -> Outcome<PrewarmValue> {
        executor.submit_many([self.job(fields)]);
        self.next(executor).await
    }

    /// The next outcome. Whatever happened, no secret may stand in it.
    pub async fn next(&self, executor: &Executor<Prewarm>) -> Outcome<PrewarmValue> {
        let outcome = tokio::time::timeout(Duration::from_mins(1), async {
            loop {
                if let Some(outcome) = executor.take_settled(1).pop() {
                    return outcome;
                }
                self.told.notified().await;
            }
        });
        let outcome = outcome.await.expect("the job was never settled");
        let text = format!("{outcome:?}{}", serde_json::to_string(&outcome).unwrap());
        assert!(!text.contains("canary") && !text.contains("X-Amz-Signature"), "{text}");
        outcome
    }

    pub async fn run(&self) -> Outcome<PrewarmValue> {
        self.settle(&self.executor(), &json!({})).await
    }

    /// Runs the job, which must fail with this code.
    pub async fn fails(&self, code: &str) -> Outcome<PrewarmValue> {
        let outcome = self.run().await;
        let error = outcome.error.as_ref().unwrap_or_else(|| panic!("succeeded instead of {code}"));
        assert_eq!(error.code, format!("ERR_WARMPATH_{code}"), "{error:?}");
        outcome
    }

    /// Runs the job, which must succeed after `attempts` tries with the right bytes at the other end.
    pub async fn succeeds(&self, attempts: u32) -> Outcome<PrewarmValue> {
        let outcome = self.run().await;
        assert_eq!(outcome.status, Status::Succeeded, "{:?}", outcome.error);
        assert_eq!(outcome.attempts, attempts);
        let last = self.telegram.seen().pop().unwrap();
        assert!(last.complete);
        assert_eq!(last.file().map(|file| sha256(&file)), Some(sha256(&media())));
        outcome
    }
}

pub fn start_of(request: &Seen) -> usize {
    request.headers["range"].strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap()
}

pub fn rest_of(request: &Seen) -> String {
    format!("bytes {}-299999/300000", start_of(request))
}

/// More than the kernel's buffers of a loopback connection hold, so that a receiver who stops reading is felt.
pub const BIG: usize = 16 << 20;

pub fn big_object(_: &Seen, _: usize) -> Vec<Act> {
    vec![http("200 OK", &[("etag", "\"v1\"")], vec![7; BIG])]
}

pub async fn big(telegram: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static) -> Rig {
    let mut rig = Rig::new(big_object, telegram).await.with("kind", "video").with("sha256", sha256(&vec![7; BIG]));
    rig.options["retry"]["quick"] = 0.into();
    rig
}
