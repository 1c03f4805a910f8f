//! The step between: a text becomes parts. It never fails a message: what the LLM cannot do is done here.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{
    Campaign, CampaignJob, SplitBy,
    draft::Draft,
    generate::{LONGEST_LEASED, hold, sent},
    value::{SplitSource, name},
};
use crate::{
    error::{Class, Error, Result},
    executor::Trace,
    llm::{
        Ask, Llm, LlmOptions, Prompt,
        split::{self, units},
    },
};

/// How often in a row a split waits for its turn before it is done here.
const MOST_WAITS: u32 = 3;

/// Parts, and who has cut them.
pub(super) struct Cut {
    pub parts: Vec<String>,
    pub source: SplitSource,
    pub fallback: Option<&'static str>,
}

impl Campaign {
    /// Cuts a text. An error is one that the executor will try again: every other one is a reason to cut locally.
    pub(super) async fn cut(
        &self,
        job: &CampaignJob,
        text: &str,
        draft: &mut Draft,
        trace: &Arc<Trace>,
    ) -> Result<Cut> {
        let max = self.split.max_chars;
        let whole = if self.split.by == SplitBy::Llm { self.split.above_chars.min(max) } else { max };
        if units(text) <= whole {
            return Ok(Cut { parts: vec![text.to_owned()], source: SplitSource::None, fallback: None });
        }
        let started = Instant::now();
        let parts = match (&self.llm, self.split.by) {
            (Some((llm, options)), SplitBy::Llm) => self.ask(job, text, (llm, options), draft, trace).await,
            _ => Ok(local(text, max, None)),
        };
        draft.splitting += started.elapsed();
        parts
    }

    async fn ask(
        &self,
        job: &CampaignJob,
        text: &str,
        (llm, options): (&Llm, &LlmOptions),
        draft: &mut Draft,
        trace: &Arc<Trace>,
    ) -> Result<Cut> {
        let max = self.split.max_chars;
        trace.again();
        trace.opened();
        trace.read();
        let schema = split::schema();
        // The answer has to have this form: a provider that would ignore it is none.
        let mut body = Map::new();
        body.insert("provider".to_owned(), provider(options));
        let messages = split::messages(text, max, self.split.instructions.as_deref());
        let ask = Ask {
            prompt: Prompt {
                messages: &messages,
                max_tokens: None,
                temperature: None,
                schema: Some(&schema),
                body: &body,
                vary: false,
            },
            models: self.split.models.as_ref().unwrap_or(&options.models),
            tries: draft.failures,
            ticket: &mut draft.ticket,
            hold: hold(job),
            deadline: self.timeouts.split(),
            sent: sent(trace),
        };
        let unfinished = match llm.complete(ask).await {
            Ok(completion) => {
                draft.usage = draft.usage.plus(&completion.usage);
                let parsed = split::parse(&completion.text, text, max);
                let parts = parsed.parts.into_iter().map(str::to_owned).collect();
                let fallback = parsed.fallback.map(name);
                let source = if fallback.is_some() { SplitSource::Local } else { SplitSource::Llm };
                return Ok(Cut { parts, source, fallback });
            }
            Err(unfinished) => unfinished,
        };
        let error = unfinished.error;
        draft.usage = unfinished.usage.map_or(draft.usage, |usage| draft.usage.plus(&usage));
        draft.split_waits = if error.class() == Class::Throttled { draft.split_waits + 1 } else { 0 };
        if self.is_tried_again(&error, draft) {
            return Err(error);
        }
        draft.ticket = None;
        Ok(local(text, max, Some(error.code.as_str())))
    }

    /// Whether the executor holds the job and tries again: one that it gave back would have to be generated anew.
    fn is_tried_again(&self, error: &Error, draft: &Draft) -> bool {
        let short = error.retry_after.is_none_or(|wait| wait <= LONGEST_LEASED);
        match error.class() {
            Class::Throttled => short && draft.split_waits <= MOST_WAITS,
            Class::Transient => {
                let backoff = Duration::from_millis(self.retry.max_ms);
                short && backoff <= LONGEST_LEASED && draft.failures < self.retry.quick
            }
            _ => false,
        }
    }
}

fn local(text: &str, max: usize, fallback: Option<&'static str>) -> Cut {
    let parts = split::split(text, max).into_iter().map(str::to_owned).collect();
    Cut { parts, source: SplitSource::Local, fallback }
}

/// What the user prefers of providers, and that they know the schema.
fn provider(options: &LlmOptions) -> Value {
    let mut provider = options.body.get("provider").and_then(Value::as_object).cloned().unwrap_or_default();
    provider.insert("require_parameters".to_owned(), true.into());
    provider.into()
}
