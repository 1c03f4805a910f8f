//! The prewarm executor.

use std::{sync::Arc, time::Duration};

use napi::{
    Status,
    bindgen_prelude::Function,
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;
use serde::Serialize;
use serde_json::json;
use warmpath_engine::{
    clock::SystemClock,
    error::{Code, Error},
    executor::{Batch, ChatKind, Executor, Live, Snapshot, Submitted},
    pipeline::{Cache, CacheSnapshot, Prewarm, PrewarmJob, PrewarmOptions},
    runtime,
};

use crate::{
    errors::{Result, exception, malformed, parse},
    waker::Waker,
};

/// Room for one outcome's JSON, so that a batch seldom has to be moved while it is written.
const OUTCOME_TEXT: usize = 512;

/// Weak: an idle executor keeps no process alive. Bounded at one: a wake-up that is already on its way is enough.
type Wake = ThreadsafeFunction<(), (), (), Status, false, true, 1>;

/// What `stats()` answers.
#[derive(Serialize)]
struct Stats {
    #[serde(flatten)]
    executor: Snapshot,
    cache: Option<CacheSnapshot>,
}

#[napi]
pub struct NativePrewarm {
    executor: Executor<Prewarm>,
    cache: Option<Cache>,
    waker: Arc<Waker>,
}

#[napi]
impl NativePrewarm {
    #[napi(constructor, catch_unwind)]
    pub fn new(options: String, #[napi(ts_arg_type = "() => void")] wake: Function<'_, (), ()>) -> Result<Self> {
        let options: PrewarmOptions = parse(options, Code::InvalidOption)?;
        let internal = |error: napi::Error| napi::Error::new(Code::Internal.as_str(), error.reason.clone());
        let wake: Wake = wake
            .build_threadsafe_function()
            .weak::<true>()
            .callee_handled::<false>()
            .max_queue_size::<1>()
            .build()
            .map_err(internal)?;
        let runtime = runtime::handle().map_err(exception)?;
        let waker = Arc::new(Waker::new(runtime.clone(), move || {
            // Closing: that thread of Node is going away, and nobody is left to be told.
            let _: Status = wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }));
        let on_settled = {
            let waker = Arc::clone(&waker);
            Box::new(move || waker.wake())
        };
        let limits = options.executor();
        let pipeline = {
            let _entered = runtime.enter();
            Prewarm::new(options, Arc::new(SystemClock)).map_err(exception)?
        };
        let cache = pipeline.cache();
        Ok(Self { executor: Executor::new(pipeline, &limits, &runtime, on_settled), cache, waker })
    }

    /// Per job: 0 queued, 1 duplicate, 2 processing, 3 full, 4 closed. All jobs are checked before the first is taken.
    #[napi(catch_unwind)]
    pub fn submit_many(&self, jobs: String) -> Result<Vec<u32>> {
        let jobs: Vec<PrewarmJob> = parse(jobs, Code::InvalidJob)?;
        jobs.iter().try_for_each(PrewarmJob::validate).map_err(exception)?;
        let code = |submitted| match submitted {
            Submitted::Queued => 0,
            Submitted::Duplicate => 1,
            Submitted::Processing => 2,
            Submitted::Full => 3,
            Submitted::Closed => 4,
        };
        Ok(self.executor.submit_many(jobs).into_iter().map(code).collect())
    }

    /// A JSON array of outcomes; null when none is left.
    #[napi(catch_unwind)]
    pub fn take_settled(&self, max: u32) -> Result<Option<String>> {
        // Before taking, or an outcome that comes in between would wake nobody.
        self.waker.heard();
        let outcomes = self.executor.take_settled(max as usize);
        if outcomes.is_empty() {
            return Ok(None);
        }
        let mut text = Vec::with_capacity(outcomes.len() * OUTCOME_TEXT);
        serde_json::to_writer(&mut text, &outcomes).map_err(malformed(Code::Internal))?;
        String::from_utf8(text).map(Some).map_err(|_| exception(Error::new(Code::Internal, "JSON that is not UTF-8")))
    }

    #[napi(catch_unwind)]
    pub fn cancel(&self, key: String) -> bool {
        self.executor.cancel(&key)
    }

    #[napi(catch_unwind)]
    pub fn extend(&self, keys: Vec<String>, lease_ms: u32) -> Vec<bool> {
        self.executor.extend(&keys, Duration::from_millis(u64::from(lease_ms)))
    }

    #[napi(catch_unwind)]
    pub fn pause(&self) {
        self.executor.pause();
    }

    #[napi(catch_unwind)]
    pub fn resume(&self) {
        self.executor.resume();
    }

    #[napi(catch_unwind)]
    pub fn set_concurrency(&self, concurrency: u32) {
        self.executor.set_concurrency(concurrency as usize);
    }

    #[napi(catch_unwind)]
    pub fn stats(&self) -> Result<String> {
        let stats = Stats { executor: self.executor.stats(), cache: self.cache.as_ref().map(Cache::snapshot) };
        serde_json::to_string(&stats).map_err(malformed(Code::Internal))
    }

    /// The limits as JSON; null = no pacing.
    #[napi(catch_unwind)]
    pub fn limits(&self) -> Result<String> {
        serde_json::to_string(&self.executor.limits()).map_err(malformed(Code::Internal))
    }

    /// The whole table as JSON, or null.
    #[napi(catch_unwind)]
    pub fn set_limits(&self, limits: String) -> Result<()> {
        self.executor.set_limits(parse(limits, Code::InvalidArgument)?);
        Ok(())
    }

    /// Keys that are not at their full pace, as a JSON array.
    #[napi(catch_unwind)]
    pub fn learned(&self, most: u32) -> Result<String> {
        serde_json::to_string(&self.executor.learned(most as usize)).map_err(malformed(Code::Internal))
    }

    #[napi(catch_unwind)]
    pub fn explain(&self, key: String) -> Result<Option<String>> {
        self.executor
            .explain(&key)
            .map(|told| serde_json::to_string(&told).map_err(malformed(Code::Internal)))
            .transpose()
    }

    /// Batches and question as JSON, the plan as JSON.
    #[napi(catch_unwind)]
    pub fn plan(&self, batches: String, question: String) -> Result<String> {
        let batches: Vec<Batch> = parse(batches, Code::InvalidArgument)?;
        let question = parse(question, Code::InvalidArgument)?;
        serde_json::to_string(&self.executor.plan(&batches, question)).map_err(malformed(Code::Internal))
    }

    /// What the bot did beside our jobs. `chat_type` is the word of the Bot API; a negative `retry_after_ms` = it was not refused.
    #[napi(catch_unwind)]
    pub fn report(&self, bot_id: String, chat_id: Option<String>, chat_type: Option<String>, retry_after_ms: f64) {
        let refused = retry_after_ms >= 0.0;
        self.executor.report(Live {
            scope: &bot_id,
            chat: chat_id.as_deref(),
            chat_kind: chat_type.as_deref().and_then(ChatKind::from_type),
            // `as` saturates, and knows no NaN.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "compared with 0 above")]
            retry_after: refused.then(|| Duration::from_millis(retry_after_ms as u64)),
        });
    }

    #[napi(catch_unwind)]
    pub fn list(&self) -> Result<String> {
        let jobs: Vec<_> = self
            .executor
            .list()
            .into_iter()
            .map(|(job, place, since)| {
                json!({
                    "key": job.key,
                    "botSlug": job.bot_slug,
                    "kind": job.kind,
                    "sha256": job.sha256,
                    "state": place,
                    "sinceMs": u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
                })
            })
            .collect();
        serde_json::to_string(&jobs).map_err(malformed(Code::Internal))
    }

    #[napi(catch_unwind)]
    pub fn close_intake(&self) {
        self.executor.close_intake();
    }

    #[napi(catch_unwind)]
    pub fn cancel_all(&self) {
        self.executor.cancel_all();
    }
}
