//! Settings of an LLM service, as they come through the door.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::secret::Secret;

/// A service with the chat completions of OpenRouter.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LlmOptions {
    /// Sent as `Authorization: Bearer`.
    pub api_key: Secret,
    /// Root of the API, to which `/chat/completions` is added.
    pub base_url: String,
    /// The model, and those that take over when it fails.
    pub models: Vec<String>,
    /// Who goes to the next model.
    #[serde(default)]
    pub fallbacks: Fallbacks,
    /// `max_tokens` of a generation.
    #[serde(default)]
    pub max_tokens: Option<u32>,
    /// `temperature` of a generation.
    #[serde(default)]
    pub temperature: Option<f64>,
    /// Further headers of every request.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Further fields of a generation's body.
    #[serde(default)]
    pub body: Map<String, Value>,
    /// What may be spent.
    #[serde(default)]
    pub limits: LlmLimits,
    /// When a model is left alone; `None` = never.
    #[serde(default)]
    pub circuit: Option<CircuitOptions>,
}

/// Who goes to the next model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fallbacks {
    /// The service: a request names all models. <https://openrouter.ai/docs/features/model-routing>
    #[default]
    Server,
    /// The client: a request names one, and a failed try moves on.
    Client,
}

/// What may be spent by one key.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LlmLimits {
    /// See [`BudgetOptions::requests`].
    #[serde(default)]
    pub requests: Option<Limit>,
    /// See [`BudgetOptions::tokens`].
    #[serde(default)]
    pub tokens: Option<Limit>,
    /// See [`BudgetOptions::cost`].
    #[serde(default)]
    pub cost: Option<Limit>,
    /// By single models, on top.
    #[serde(default)]
    pub models: BTreeMap<String, BudgetOptions>,
}

impl LlmLimits {
    /// What holds for all models together.
    #[must_use]
    pub const fn together(&self) -> BudgetOptions {
        BudgetOptions { requests: self.requests, tokens: self.tokens, cost: self.cost }
    }
}

/// What may be spent in a period.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BudgetOptions {
    /// Requests.
    #[serde(default)]
    pub requests: Option<Limit>,
    /// Prompt and completion tokens.
    #[serde(default)]
    pub tokens: Option<Limit>,
    /// Money, in the service's unit.
    #[serde(default)]
    pub cost: Option<Limit>,
}

/// At most `limit` in any `period_ms`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limit {
    /// Amount.
    pub limit: f64,
    /// Length of the period, ms.
    pub period_ms: u64,
}

/// When a model is left alone.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CircuitOptions {
    /// Failures in a row that open the circuit.
    pub failures: u32,
    /// How long it stays open, ms; doubles with each probe that fails, up to ten of them.
    pub cooldown_ms: u64,
}
