//! The prewarm executor.

use std::{sync::Arc, time::Duration};

use napi::bindgen_prelude::Function;
use napi_derive::napi;
use serde::Serialize;
use serde_json::json;
use warmpath_engine::{
    clock::SystemClock,
    error::Code,
    executor::{Batch, ChatKind, Live, Snapshot},
    pipeline::{Cache, CacheSnapshot, Prewarm, PrewarmJob, PrewarmOptions},
};

use crate::{
    errors::{Result, exception, parse},
    executor_class,
    face::{self, Face},
    rows::Row,
};

/// What `stats()` answers.
#[derive(Serialize)]
struct Stats {
    #[serde(flatten)]
    executor: Snapshot,
    cache: Option<CacheSnapshot>,
}

#[napi]
pub struct NativePrewarm {
    face: Face<Prewarm>,
    cache: Option<Cache>,
}

executor_class!(NativePrewarm, Row);

#[napi]
impl NativePrewarm {
    #[napi(constructor, catch_unwind)]
    pub fn new(options: String, #[napi(ts_arg_type = "() => void")] wake: Function<'_, (), ()>) -> Result<Self> {
        let options: PrewarmOptions = parse(options, Code::InvalidOption)?;
        let limits = options.executor();
        let mut cache = None;
        let face = Face::new(&wake, &limits, |_| {
            let pipeline = Prewarm::new(options, Arc::new(SystemClock))?;
            cache = pipeline.cache();
            Ok(pipeline)
        })?;
        Ok(Self { face, cache })
    }

    /// Per job: 0 queued, 1 duplicate, 2 processing, 3 full, 4 closed; null where all are queued, as it is mostly: a list is made
    /// item by item. All jobs are checked before the first is taken.
    #[napi(catch_unwind)]
    pub fn submit_many(&self, jobs: String) -> Result<Option<Vec<u32>>> {
        let jobs: Vec<PrewarmJob> = parse(jobs, Code::InvalidJob)?;
        jobs.iter().try_for_each(PrewarmJob::validate).map_err(exception)?;
        Ok(Some(self.face.submit(jobs)).filter(|answers| answers.iter().any(|answer| *answer != face::QUEUED)))
    }

    #[napi(catch_unwind)]
    pub fn stats(&self) -> Result<String> {
        let cache = self.cache.as_ref().map(Cache::snapshot);
        face::json(&Stats { executor: self.face.executor.stats(), cache })
    }

    /// The limits as JSON; null = no pacing.
    #[napi(catch_unwind)]
    pub fn limits(&self) -> Result<String> {
        face::json(&self.face.executor.limits())
    }

    /// The whole table as JSON, or null.
    #[napi(catch_unwind)]
    pub fn set_limits(&self, limits: String) -> Result<()> {
        self.face.executor.set_limits(parse(limits, Code::InvalidArgument)?);
        Ok(())
    }

    /// Keys that are not at their full pace, as a JSON array.
    #[napi(catch_unwind)]
    pub fn learned(&self, most: u32) -> Result<String> {
        face::json(&self.face.executor.learned(most as usize))
    }

    /// Batches and question as JSON, the plan as JSON.
    #[napi(catch_unwind)]
    pub fn plan(&self, batches: String, question: String) -> Result<String> {
        let batches: Vec<Batch> = parse(batches, Code::InvalidArgument)?;
        let question = parse(question, Code::InvalidArgument)?;
        face::json(&self.face.executor.plan(&batches, question))
    }

    /// What the bot did beside our jobs. `chat_type` is the word of the Bot API; a negative `retry_after_ms` = it was not refused.
    #[napi(catch_unwind)]
    pub fn report(&self, bot_id: String, chat_id: Option<String>, chat_type: Option<String>, retry_after_ms: f64) {
        let refused = retry_after_ms >= 0.0;
        self.face.executor.report(Live {
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
            .face
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
        face::json(&jobs)
    }
}
