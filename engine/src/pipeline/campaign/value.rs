//! What a campaign's jobs produce.

use serde::Serialize;

use crate::llm::{Usage, split::Unusable};

/// What a job produces. No `Debug`: it holds what was written to somebody.
#[derive(Clone, Serialize)]
#[serde(tag = "step", rename_all = "lowercase")]
pub enum CampaignValue {
    /// A text and its parts.
    Generate(Generated),
    /// Nothing but numbers: of each part an event has told.
    Deliver(Delivered),
}

/// A text and its parts.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Generated {
    /// The text, trimmed.
    pub text: String,
    /// Slices of it, trimmed.
    pub parts: Vec<String>,
    /// Who has cut it.
    pub split_by: SplitSource,
    /// Why it was not the LLM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_fallback: Option<&'static str>,
    /// The model that answered.
    pub model: String,
    /// The provider that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The service's name for the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation_id: Option<String>,
    /// Everything the job has cost.
    pub usage: Usage,
    /// From the request of the accepted text to the end of its answer.
    pub generation_ms: f64,
    /// Of the split.
    pub split_ms: f64,
}

/// How many parts went out.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Delivered {
    /// Parts of the message.
    pub parts: usize,
    /// Parts that this job delivered.
    pub delivered: usize,
    /// Of these, how many the webhook had already.
    pub repeated: usize,
}

/// Who has cut a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SplitSource {
    /// Nobody had to.
    None,
    /// We.
    Local,
    /// The LLM.
    Llm,
}

/// The reason as outcomes name it.
pub(super) const fn name(why: Unusable) -> &'static str {
    match why {
        Unusable::Json => "json",
        Unusable::Structure => "structure",
        Unusable::Empty => "empty",
        Unusable::Count => "count",
        Unusable::Size => "size",
        Unusable::Text => "text",
        Unusable::Grapheme => "grapheme",
    }
}
