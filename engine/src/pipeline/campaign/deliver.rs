//! The last step: stored parts go out, one after the other, each under a key of its own.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{
    Campaign, CampaignJob, Deliver, Delivered, PartEvent,
    generate::{ms, sent},
    job::part_key,
};
use crate::{
    error::{Code, Error, Phase, Result},
    executor::Trace,
};

/// The body of a request. See docs/campaigns.md: this is a contract.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    campaign_id: &'a str,
    message_id: &'a str,
    part: usize,
    parts: usize,
    text: &'a str,
    idempotency_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<&'a RawValue>,
}

impl Campaign {
    /// Delivers what is left of the parts. What was delivered by a failed try stays delivered.
    pub(super) async fn deliver(&self, job: &CampaignJob, step: &Deliver, trace: &Arc<Trace>) -> Result<Delivered> {
        loop {
            let (delivered, repeated, attempts) = {
                let mut draft = job.draft.lock();
                draft.part_attempts += 1;
                (draft.delivered, draft.repeated, draft.part_attempts)
            };
            let part = step.from + delivered;
            let Some(text) = step.parts.get(part) else {
                return Ok(Delivered { parts: step.parts.len(), delivered, repeated });
            };
            trace.again();
            trace.opened();
            trace.read();
            let event = self.send(job, step, (part, text), attempts, trace).await.map_err(|e| e.at(Phase::Deliver))?;
            {
                let mut draft = job.draft.lock();
                draft.delivered += 1;
                draft.repeated += usize::from(event.repeated);
                draft.part_attempts = 0;
            }
            // The last one has nobody behind it who would wait.
            if self.confirm_parts && part + 1 < step.parts.len() {
                // Answered: a job that is stopped while it waits here leaves no doubt.
                trace.again();
                self.events.push_and_wait(event).await;
            } else {
                self.events.push(event);
            }
        }
    }

    /// Sends one part.
    async fn send(
        &self,
        job: &CampaignJob,
        step: &Deliver,
        (part, text): (usize, &str),
        attempts: u32,
        trace: &Arc<Trace>,
    ) -> Result<PartEvent> {
        let Some(webhook) = &self.webhook else {
            return Err(Error::new(Code::InvalidJob, "step: 'deliver' needs the option webhook"));
        };
        let idempotency_key = part_key(&job.campaign_id, &job.message_id, part);
        let body = Body {
            campaign_id: &job.campaign_id,
            message_id: &job.message_id,
            part,
            parts: step.parts.len(),
            text,
            idempotency_key: &idempotency_key,
            recipient: step.recipient.as_deref(),
        };
        let body = serde_json::to_vec(&body).map_err(|_| Error::new(Code::Internal, "a part cannot be written"))?;
        trace.moved_out(body.len());
        let started = Instant::now();
        let answer = webhook.post(Bytes::from(body), &idempotency_key, self.timeouts.deliver(), sent(trace)).await?;
        Ok(PartEvent {
            key: job.key.clone(),
            campaign_id: job.campaign_id.clone(),
            message_id: job.message_id.clone(),
            part,
            idempotency_key,
            repeated: answer.repeated,
            attempts,
            status: answer.status,
            delivered_at: self.clock.wall_ms(),
            ms: ms(started.elapsed()),
        })
    }
}
