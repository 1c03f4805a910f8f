//! Campaigns: a text by an LLM, split into parts, delivered part by part. A message is two jobs, because what was generated
//! has to be stored before the first part is sent; so no retry ever sends another text.
//!
//! The steps, each in a file of its own: [`generate`] a text and check it, [`split`] it; then, as a job of its own,
//! [`deliver`] its parts to the [`webhook`], and tell of each by an [`events`] entry.

mod deliver;
mod draft;
mod events;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod gate;
mod generate;
mod job;
mod options;
mod split;
mod value;
mod webhook;

use std::sync::Arc;

pub use events::{PartEvent, PartEvents};
pub use job::{CampaignJob, Deliver, Generate, part_key};
pub use options::{CampaignOptions, CampaignTimeouts, SplitBy, SplitOptions, WebhookOptions};
pub use value::{CampaignValue, Delivered, Generated, SplitSource};
use webhook::Webhook;

use crate::{
    clock::Clock,
    error::{Code, Error, Result},
    executor::{Grant, Pipeline, RetryOptions, Trace},
    http::{Client, Timeouts},
    llm::{Llm, LlmOptions},
};

/// The campaign pipeline.
pub struct Campaign {
    /// The service, and what is asked of it unless a job says otherwise.
    llm: Option<(Llm, LlmOptions)>,
    webhook: Option<Webhook>,
    split: SplitOptions,
    min_graphemes: usize,
    confirm_parts: bool,
    timeouts: CampaignTimeouts,
    retry: RetryOptions,
    events: PartEvents,
    clock: Arc<dyn Clock>,
}

impl Campaign {
    /// Builds the clients.
    ///
    /// # Errors
    /// `INVALID_OPTION`, naming the option.
    pub fn new(options: CampaignOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        let connect = Timeouts { connect_ms: options.timeouts.connect_ms, ..Timeouts::default() };
        let client = Client::new(&options.http, &connect)?;
        let llm = match options.llm {
            Some(llm) => Some((Llm::new(&llm, &client, Arc::clone(&clock))?, llm)),
            None => None,
        };
        let webhook = options.webhook.map(|webhook| Webhook::new(&webhook, &client, Arc::clone(&clock))).transpose()?;
        Ok(Self {
            llm,
            webhook,
            split: options.split,
            min_graphemes: options.min_graphemes,
            confirm_parts: options.confirm_parts,
            timeouts: options.timeouts,
            retry: options.retry,
            events: PartEvents::default(),
            clock,
        })
    }

    /// A handle to what is told of parts.
    #[must_use]
    pub fn events(&self) -> PartEvents {
        self.events.clone()
    }

    /// A handle to the LLM service, for its counters, if there is one.
    #[must_use]
    pub fn llm(&self) -> Option<Llm> {
        self.llm.as_ref().map(|(llm, _)| llm.clone())
    }
}

impl Pipeline for Campaign {
    type Job = CampaignJob;
    type Value = CampaignValue;

    async fn attempt(&self, job: &CampaignJob, _: Grant, trace: &Arc<Trace>) -> Result<CampaignValue> {
        // There is no source to wait for; what the timings of a try call a download has no length.
        trace.opened();
        trace.read();
        match (&job.generate, &job.deliver) {
            (Some(generate), None) => self.generate(job, generate, trace).await.map(CampaignValue::Generate),
            (None, Some(deliver)) => self.deliver(job, deliver, trace).await.map(CampaignValue::Deliver),
            _ => Err(Error::new(Code::InvalidJob, "exactly one of generate and deliver must be given")),
        }
    }
}
