//! What a campaign works on, as it crosses the door.

use std::time::Duration;

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::draft::Draft;
use crate::{
    error::{Code, Error, Result},
    executor::Job,
    llm::Message,
};

/// One step of one message. No `Debug`: it holds somebody's conversation.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CampaignJob {
    /// What makes it the same job as another.
    pub key: String,
    /// The campaign.
    pub campaign_id: String,
    /// The message, within its campaign.
    pub message_id: String,
    /// Higher first.
    #[serde(default)]
    pub priority: i32,
    /// How long nobody else runs this job, in ms.
    #[serde(default)]
    pub lease_ms: Option<u64>,
    /// Generate a text and split it …
    #[serde(default)]
    pub generate: Option<Generate>,
    /// … or deliver parts.
    #[serde(default)]
    pub deliver: Option<Deliver>,
    /// What is done already. While a generation runs it is that try's, between two tries it is here.
    #[serde(skip)]
    pub(super) draft: Mutex<Draft>,
}

/// A text to be generated.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Generate {
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// Models, if they are others than the executor's.
    #[serde(default)]
    pub models: Option<Vec<String>>,
    /// `max_tokens`, if it is another than the executor's.
    #[serde(default)]
    pub max_tokens: Option<u32>,
    /// `temperature`, if it is another than the executor's.
    #[serde(default)]
    pub temperature: Option<f64>,
}

/// Parts to be delivered.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deliver {
    /// All parts of the message.
    pub parts: Vec<String>,
    /// The first of them to deliver.
    #[serde(default)]
    pub from: usize,
    /// Passed on to the webhook, byte for byte.
    #[serde(default)]
    pub recipient: Option<Box<RawValue>>,
}

impl CampaignJob {
    /// Checks what the types cannot say. JavaScript has checked it before; this is the wall behind that door.
    ///
    /// # Errors
    /// `INVALID_JOB`, naming the field.
    pub fn validate(&self) -> Result<()> {
        let invalid = |what: &'static str| Err(Error::new(Code::InvalidJob, what));
        if self.key.is_empty() || self.campaign_id.is_empty() || self.message_id.is_empty() {
            return invalid("key, campaignId and messageId: must not be empty");
        }
        match (&self.generate, &self.deliver) {
            (Some(generate), None) if generate.messages.is_empty() => invalid("messages: must not be empty"),
            (Some(generate), None) if generate.models.as_ref().is_some_and(Vec::is_empty) => {
                invalid("models: must not be empty")
            }
            (None, Some(deliver)) if deliver.from >= deliver.parts.len() => {
                invalid("from: must be below the number of parts")
            }
            (Some(_), None) | (None, Some(_)) => Ok(()),
            _ => invalid("exactly one of generate and deliver must be given"),
        }
    }

    /// The step, by its name.
    #[must_use]
    pub const fn step(&self) -> &'static str {
        if self.deliver.is_some() { "deliver" } else { "generate" }
    }
}

impl Job for CampaignJob {
    fn key(&self) -> &str {
        &self.key
    }

    fn priority(&self) -> i32 {
        self.priority
    }

    /// The step: those of the two kinds take turns, so that what was generated is also sent.
    fn scope(&self) -> &str {
        self.step()
    }

    fn chats(&self) -> &[String] {
        &[]
    }

    fn size(&self) -> Option<u64> {
        None
    }

    fn lease(&self) -> Option<Duration> {
        self.lease_ms.map(Duration::from_millis)
    }
}

/// The idempotency key of a part: sha256, in hex, of the JSON text `[campaignId,messageId,part]`. JSON, so that no two
/// messages make the same text, and so that anybody can make it.
#[must_use]
pub fn part_key(campaign_id: &str, message_id: &str, part: usize) -> String {
    // Texts and a number: this cannot fail to be JSON.
    let name = serde_json::to_vec(&(campaign_id, message_id, part)).unwrap_or_default();
    hex::encode(Sha256::digest(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_one_key_for_ever() {
        // printf '["c","m",0]' | sha256sum
        assert_eq!(part_key("c", "m", 0), "cdc7ba756b9bc12319fcefe921c8758d309940446bca2f726ef5942f71d5cb27");
        assert_ne!(part_key("a\",\"b", "c", 0), part_key("a", "b\",\"c", 0));
        assert_ne!(part_key("c", "m", 1), part_key("c", "m", 10));
    }

    #[test]
    fn a_job_is_one_of_the_two() {
        let job = |more: &str| {
            let text = format!(r#"{{"key":"k","campaignId":"c","messageId":"m"{more}}}"#);
            serde_json::from_str::<CampaignJob>(&text).is_ok_and(|job| job.validate().is_ok())
        };
        let generate = r#","generate":{"messages":[{"role":"user","content":"x"}]}"#;
        let deliver = r#","deliver":{"parts":["x"],"recipient":{"a":[1.50]}}"#;
        assert!(job(generate) && job(deliver));
        for bad in [
            "",
            &format!("{generate}{deliver}"),
            r#","generate":{"messages":[]}"#,
            r#","generate":{"messages":[{"role":"tool","content":"x"}]}"#,
            r#","deliver":{"parts":[]}"#,
            r#","deliver":{"parts":["x"],"from":1}"#,
            r#","step":"deliver""#,
        ] {
            assert!(!job(bad), "{bad}");
        }
    }
}
