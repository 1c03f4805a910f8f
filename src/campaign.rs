//! The campaign executor, and the splitter for whoever wants it alone.

use std::{collections::BTreeMap, sync::Arc};

use napi::bindgen_prelude::Function;
use napi_derive::napi;
use serde::Serialize;
use serde_json::json;
use warmpath_engine::{
    clock::SystemClock,
    error::Code,
    executor::Snapshot,
    llm::{Llm, ModelStats, Usage, split},
    pipeline::{Campaign, CampaignJob, CampaignOptions, PartEvents},
};

use crate::{
    errors::{Result, exception, parse},
    executor_class,
    face::{self, Face},
};

/// What `stats()` answers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    #[serde(flatten)]
    executor: Snapshot,
    parts: u64,
    repeated_parts: u64,
    usage: Usage,
    models: BTreeMap<String, ModelStats>,
}

#[napi]
pub struct NativeCampaign {
    face: Face<Campaign>,
    events: PartEvents,
    llm: Option<Llm>,
}

executor_class!(NativeCampaign);

#[napi]
impl NativeCampaign {
    #[napi(constructor, catch_unwind)]
    pub fn new(options: String, #[napi(ts_arg_type = "() => void")] wake: Function<'_, (), ()>) -> Result<Self> {
        let options: CampaignOptions = parse(options, Code::InvalidOption)?;
        let limits = options.executor();
        let mut handles = None;
        let face = Face::new(&wake, &limits, |_| {
            let pipeline = Campaign::new(options, Arc::new(SystemClock))?;
            handles = Some((pipeline.events(), pipeline.llm()));
            Ok(pipeline)
        })?;
        let (events, llm) = handles.unwrap_or_default();
        // The same wake-up as for outcomes: whoever is woken takes both.
        let waker = face.waker();
        events.on_event(move || waker.wake());
        Ok(Self { face, events, llm })
    }

    /// Per job: 0 queued, 1 duplicate, 2 processing, 3 full, 4 closed. All jobs are checked before the first is taken.
    #[napi(catch_unwind)]
    pub fn submit_many(&self, jobs: String) -> Result<Vec<u32>> {
        let jobs: Vec<CampaignJob> = parse(jobs, Code::InvalidJob)?;
        jobs.iter().try_for_each(CampaignJob::validate).map_err(exception)?;
        Ok(self.face.submit(jobs))
    }

    /// A JSON array of events; null when none is left. To be taken after `takeSettled`: then no event comes after the
    /// outcome of its job.
    #[napi(catch_unwind)]
    pub fn take_parts(&self, max: u32) -> Result<Option<String>> {
        let events = self.events.take(max as usize);
        if events.is_empty() { Ok(None) } else { face::json(&events).map(Some) }
    }

    /// Whether a job waited for it.
    #[napi(catch_unwind)]
    pub fn confirm(&self, key: String, part: u32) -> bool {
        self.events.confirm(&key, part as usize)
    }

    #[napi(catch_unwind)]
    pub fn stats(&self) -> Result<String> {
        let (parts, repeated_parts) = self.events.counts();
        face::json(&Stats {
            executor: self.face.executor.stats(),
            parts,
            repeated_parts,
            usage: self.llm.as_ref().map_or(Usage::NONE, Llm::usage),
            models: self.llm.as_ref().map(Llm::models).unwrap_or_default(),
        })
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
                    "campaignId": job.campaign_id,
                    "messageId": job.message_id,
                    "step": job.step(),
                    "state": place,
                    "sinceMs": u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
                })
            })
            .collect();
        face::json(&jobs)
    }
}

/// The parts of a text as JSON.
#[napi(catch_unwind)]
pub fn split_message(text: String, max: u32) -> Result<String> {
    face::json(&split::split(&text, max as usize))
}

/// What an LLM's answer makes of a text, as JSON.
#[napi(catch_unwind)]
pub fn parse_split(response: String, original: String, max: u32) -> Result<String> {
    face::json(&split::parse(&response, &original, max as usize))
}
