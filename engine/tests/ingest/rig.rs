//! A pipeline, a directory of its own, and servers.

pub use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
pub use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use warmpath_engine::{
    clock::SystemClock,
    executor::Executor,
    pipeline::{Held, Ingest, IngestJob, IngestOptions, Payload},
};
pub use warmpath_engine::{
    error::Certainty,
    executor::{Outcome, Status},
    pipeline::IngestValue,
};

pub use crate::support::{Act, Seen, Server, head, http};

pub const ETAG: (&str, &str) = ("etag", "\"v1\"");

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Bytes in which no two stretches are alike.
pub fn media(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// A directory that goes with the test.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("warmpath-engine-ingest-{:016x}", fastrand::u64(..)));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn names(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let names = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| wanted(name)).collect();
        names.sort();
        names
    }

    /// Files that somebody would take for media.
    pub fn visible(&self) -> Vec<String> {
        self.names(|name| !name.starts_with('.'))
    }

    /// Waits until no temporary file is left: what a job leaves is removed by another thread.
    pub async fn is_clean(&self) {
        let clean = async {
            while !self.names(|name| name.contains(".tmp")).is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), clean).await.expect("a temporary file was left");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

pub struct Rig {
    pub scratch: Scratch,
    pub executor: Executor<Ingest>,
    told: Arc<tokio::sync::Notify>,
}

impl Rig {
    /// A pipeline into a directory, that may fetch from `web`; `extra` options go before its own.
    pub fn new(web: Option<&Server>, extra: &Value) -> Self {
        Self::at(Scratch::new(), web, extra)
    }

    pub fn at(scratch: Scratch, web: Option<&Server>, extra: &Value) -> Self {
        let origin = web.map_or("http://127.0.0.1:1", |web| &web.url);
        let allow: Vec<_> = web.iter().map(|web| web.url.trim_start_matches("http://")).collect();
        let mut options = json!({
            "dir": scratch.0, "sinks": ["disk"], "concurrency": 4, "capacity": 100, "maxBytes": 50_000_000,
            "probe": true, "fsync": true, "directIo": true, "retry": { "quick": 0, "baseMs": 1, "maxMs": 1 },
            "timeouts": { "connectMs": 2000, "firstByteMs": 2000, "idleMs": 500, "answerMs": 2000 },
            "http": { "plain": true, "allow": allow, "redirects": 3 },
            "whatsapp": { "origin": origin },
        });
        options.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let options: IngestOptions = serde_json::from_value(options).unwrap();
        let limits = options.executor();
        let pipeline = Ingest::new(options, Arc::new(SystemClock)).unwrap();
        let told = Arc::<tokio::sync::Notify>::default();
        let tell = Arc::clone(&told);
        let on_settled = Box::new(move |_| tell.notify_one());
        let executor = Executor::new(pipeline, &limits, &tokio::runtime::Handle::current(), on_settled);
        Self { scratch, executor, told }
    }

    pub fn job(fields: &Value, payload: Option<&[u8]>) -> IngestJob {
        let mut job = json!({ "key": "k", "name": "1700000000_a" });
        job.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let mut job: IngestJob = serde_json::from_value(job).unwrap();
        job.payload = payload.map(|bytes| {
            let held = Held::take(&Arc::default(), bytes.len() as u64, u64::MAX).unwrap();
            Payload { bytes: Bytes::copy_from_slice(bytes), held: Arc::new(held) }
        });
        job.validate().unwrap();
        job
    }

    /// Runs a job with these fields to its end. Whatever happened, no address may stand in what is told of it.
    pub async fn run(&self, fields: &Value, payload: Option<&[u8]>) -> Outcome<IngestValue> {
        self.executor.submit_many([Self::job(fields, payload)]);
        self.next().await
    }

    pub async fn next(&self) -> Outcome<IngestValue> {
        let next = async {
            loop {
                match self.executor.take_settled(1).pop() {
                    Some(outcome) => return outcome,
                    None => self.told.notified().await,
                }
            }
        };
        let outcome = tokio::time::timeout(Duration::from_mins(1), next).await.expect("the job was never settled");
        let text = serde_json::to_string(&outcome).unwrap();
        assert!(!text.contains("canary") && !text.contains("127.0.0.1"), "{text}");
        outcome
    }

    /// Runs a job on a URL of `web`.
    pub async fn fetch(&self, web: &Server) -> Outcome<IngestValue> {
        self.run(&json!({ "source": { "type": "url", "url": format!("{}/canary", web.url) } }), None).await
    }

    /// The outcome must be this failure, and nothing may be left of its medium.
    pub async fn nothing(&self, outcome: &Outcome<IngestValue>, code: &str) {
        let error = outcome.error.as_ref().unwrap_or_else(|| panic!("succeeded instead of {code}"));
        assert_eq!(error.code, format!("ERR_WARMPATH_{code}"), "{error:?}");
        assert_eq!(self.scratch.visible(), Vec::<String>::new());
        self.scratch.is_clean().await;
    }
}

/// The outcome must be these bytes under a name in the directory.
pub fn stored(outcome: Outcome<IngestValue>, bytes: &[u8]) -> IngestValue {
    assert_eq!(outcome.status, Status::Succeeded, "{:?}", outcome.error);
    let value = outcome.value.unwrap();
    assert_eq!((value.sha256.as_str(), value.bytes), (sha256(bytes).as_str(), bytes.len() as u64));
    assert!(fs::read(value.location.path.as_ref().unwrap()).unwrap() == bytes);
    value
}
