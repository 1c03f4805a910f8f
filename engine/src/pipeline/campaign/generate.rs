//! The first steps: a text, checked.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Campaign, CampaignJob, Generate, Generated,
    draft::{Draft, Written},
};
use crate::{
    error::{Class, Code, Error, Phase, Result},
    executor::Trace,
    llm::{
        Ask, Prompt,
        split::{graphemes, trim},
    },
};

/// How long a place in the budgets is booked ahead for a job that nobody else would keep.
const LONGEST_BOOKED: Duration = Duration::from_mins(10);

/// The wait above which a job with a lease is given back by the executor: no place is booked for it then.
pub(super) const LONGEST_LEASED: Duration = Duration::from_secs(5);

impl Campaign {
    /// Generates a text and splits it. What a failed try has brought stays with the job.
    pub(super) async fn generate(&self, job: &CampaignJob, step: &Generate, trace: &Arc<Trace>) -> Result<Generated> {
        let mut draft = std::mem::take(&mut *job.draft.lock());
        let result = self.steps(job, step, &mut draft, trace).await;
        if let Err(error) = &result {
            // As the executor counts: a wait costs no try.
            draft.failures += u32::from(matches!(error.class(), Class::Transient | Class::Ambiguous));
            *job.draft.lock() = draft;
        }
        result
    }

    async fn steps(
        &self,
        job: &CampaignJob,
        step: &Generate,
        draft: &mut Draft,
        trace: &Arc<Trace>,
    ) -> Result<Generated> {
        // 1. A text, unless a try before this one has brought it.
        let written = match draft.text.take() {
            Some(written) => written,
            None => self.write(job, step, draft, trace).await.map_err(|error| error.at(Phase::Generate))?,
        };
        // 2. Its parts.
        let parts = match self.cut(job, &written.text, draft, trace).await {
            Ok(parts) => parts,
            Err(error) => {
                draft.text = Some(written);
                return Err(error.at(Phase::Split));
            }
        };
        let Written { text, completion, took } = written;
        Ok(Generated {
            parts: parts.parts,
            split_by: parts.source,
            split_fallback: parts.fallback,
            text,
            model: completion.model.unwrap_or_default(),
            provider: completion.provider,
            generation_id: completion.id,
            usage: draft.usage,
            generation_ms: ms(took),
            split_ms: ms(draft.splitting),
        })
    }

    async fn write(
        &self,
        job: &CampaignJob,
        step: &Generate,
        draft: &mut Draft,
        trace: &Arc<Trace>,
    ) -> Result<Written> {
        let Some((llm, options)) = &self.llm else {
            return Err(Error::new(Code::InvalidJob, "step: 'generate' needs the option llm"));
        };
        let started = Instant::now();
        let ask = Ask {
            prompt: Prompt {
                messages: &step.messages,
                max_tokens: step.max_tokens.or(options.max_tokens),
                temperature: step.temperature.or(options.temperature),
                schema: None,
                body: &options.body,
                vary: draft.vary,
            },
            models: step.models.as_ref().unwrap_or(&options.models),
            tries: draft.failures,
            ticket: &mut draft.ticket,
            hold: hold(job),
            deadline: self.timeouts.generate(),
            sent: sent(trace),
        };
        let completion = match llm.complete(ask).await {
            Ok(completion) => completion,
            Err(unfinished) => {
                // A wait says nothing about the answer before it.
                draft.vary = match unfinished.error.class() {
                    Class::Throttled => draft.vary,
                    _ => unfinished.error.code == Code::LlmProtocol,
                };
                draft.usage = unfinished.usage.map_or(draft.usage, |usage| draft.usage.plus(&usage));
                return Err(unfinished.error);
            }
        };
        draft.usage = draft.usage.plus(&completion.usage);
        let text = trim(&completion.text).to_owned();
        let length = graphemes(&text);
        // The same prompt may be answered from a cache; a text that was refused is not wanted again.
        draft.vary = length < self.min_graphemes;
        if draft.vary {
            let why = format!("the text has {length} graphemes, fewer than {}", self.min_graphemes);
            return Err(Error::new(Code::LlmText, why));
        }
        Ok(Written { text, completion, took: started.elapsed() })
    }
}

/// How long a wait is worth a booked place.
pub(super) const fn hold(job: &CampaignJob) -> Duration {
    if job.lease_ms.is_some() { LONGEST_LEASED } else { LONGEST_BOOKED }
}

/// Notes in the trace that a request is on its way.
pub(super) fn sent(trace: &Arc<Trace>) -> impl FnOnce() + Send + Unpin + Clone + 'static {
    let trace = Arc::clone(trace);
    move || trace.sent()
}

/// Milliseconds, as fine as anybody reads.
pub(super) fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
