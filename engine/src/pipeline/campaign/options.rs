//! Settings of a campaign executor, as they come through the door.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use crate::{
    executor::{ExecutorOptions, RetryOptions},
    http::HttpOptions,
    llm::{CircuitOptions, LlmOptions},
    secret::Secret,
};

/// Everything a campaign executor is made of.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CampaignOptions {
    /// For the step `generate`.
    #[serde(default)]
    pub llm: Option<LlmOptions>,
    /// For the step `deliver`.
    #[serde(default)]
    pub webhook: Option<WebhookOptions>,
    /// How texts are cut.
    pub split: SplitOptions,
    /// The shortest text that is accepted.
    pub min_graphemes: usize,
    /// Send the next part only when the one before was confirmed.
    #[serde(default)]
    pub confirm_parts: bool,
    /// Deadlines.
    #[serde(default)]
    pub timeouts: CampaignTimeouts,
    /// Quick retries.
    pub retry: RetryOptions,
    /// Transport.
    #[serde(default)]
    pub http: HttpOptions,
    /// Jobs that run at once; 1 to 4,096.
    pub concurrency: usize,
    /// Jobs that wait; at least 1.
    pub capacity: usize,
}

impl CampaignOptions {
    /// What the executor needs of them. The limits of chats are not those of a language model or of somebody's webhook.
    #[must_use]
    pub const fn executor(&self) -> ExecutorOptions {
        ExecutorOptions { concurrency: self.concurrency, capacity: self.capacity, retry: self.retry, limits: None }
    }
}

/// Where parts are delivered.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookOptions {
    /// May hold a token in its query.
    pub url: Secret,
    /// Signs by the Standard Webhooks scheme; not signed when absent.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// Further headers of every request.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// When it is left alone; `None` = never.
    #[serde(default)]
    pub circuit: Option<CircuitOptions>,
}

/// How texts are cut.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SplitOptions {
    /// By whom.
    pub by: SplitBy,
    /// The largest part, in UTF-16 code units.
    pub max_chars: usize,
    /// A text no longer than this is not given to the LLM.
    #[serde(default)]
    pub above_chars: usize,
    /// Models for the split, if they are others.
    #[serde(default)]
    pub models: Option<Vec<String>>,
    /// What the LLM is told instead of ours.
    #[serde(default)]
    pub instructions: Option<String>,
}

/// Who cuts a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SplitBy {
    /// We do.
    Local,
    /// The LLM, and we where its answer is not exact.
    Llm,
}

/// Deadlines of whole requests, answer included, in milliseconds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CampaignTimeouts {
    /// TCP and TLS together, for one connection.
    pub connect_ms: u64,
    /// A generation.
    pub generate_ms: u64,
    /// A split by the LLM.
    pub split_ms: u64,
    /// The delivery of one part.
    pub deliver_ms: u64,
}

impl Default for CampaignTimeouts {
    fn default() -> Self {
        Self { connect_ms: 5_000, generate_ms: 30_000, split_ms: 20_000, deliver_ms: 10_000 }
    }
}

impl CampaignTimeouts {
    /// [`CampaignTimeouts::generate_ms`] as a duration.
    #[must_use]
    pub const fn generate(&self) -> Duration {
        Duration::from_millis(self.generate_ms)
    }

    /// [`CampaignTimeouts::split_ms`] as a duration.
    #[must_use]
    pub const fn split(&self) -> Duration {
        Duration::from_millis(self.split_ms)
    }

    /// [`CampaignTimeouts::deliver_ms`] as a duration.
    #[must_use]
    pub const fn deliver(&self) -> Duration {
        Duration::from_millis(self.deliver_ms)
    }
}
