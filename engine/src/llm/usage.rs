//! What answers say of their price.

use serde::{Deserialize, Serialize};

/// `usage` of an answer, as far as it is read. Everything else in it, and everything of a wrong type, is as if absent: a
/// text that was paid for is not thrown away because of its bill.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Bill {
    #[serde(deserialize_with = "lenient")]
    prompt_tokens: f64,
    #[serde(deserialize_with = "lenient")]
    completion_tokens: f64,
    #[serde(deserialize_with = "lenient_or_none")]
    cost: Option<f64>,
    #[serde(deserialize_with = "lenient_details")]
    prompt_tokens_details: Details,
    #[serde(deserialize_with = "lenient_details")]
    completion_tokens_details: Details,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    #[serde(deserialize_with = "lenient")]
    cached_tokens: f64,
    #[serde(deserialize_with = "lenient")]
    reasoning_tokens: f64,
}

fn lenient_or_none<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_f64().filter(|number| number.is_finite() && *number >= 0.0))
}

fn lenient<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    lenient_or_none(deserializer).map(Option::unwrap_or_default)
}

fn lenient_details<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Details, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// What answers have cost, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Requests that were answered with a completion.
    pub requests: u64,
    /// Tokens of prompts.
    pub prompt_tokens: u64,
    /// Tokens of completions.
    pub completion_tokens: u64,
    /// Both.
    pub total_tokens: u64,
    /// Of the prompts' tokens, those that came from a cache.
    pub cached_tokens: u64,
    /// Of the completions' tokens, those spent on reasoning.
    pub reasoning_tokens: u64,
    /// Money, in the service's unit; `None` once an answer did not say.
    pub cost: Option<f64>,
}

impl Usage {
    /// Nothing spent.
    pub const NONE: Self = Self {
        requests: 0,
        prompt_tokens: 0,
        completion_tokens: 0,
        total_tokens: 0,
        cached_tokens: 0,
        reasoning_tokens: 0,
        cost: Some(0.0),
    };

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            prompt_tokens: self.prompt_tokens.saturating_add(other.prompt_tokens),
            completion_tokens: self.completion_tokens.saturating_add(other.completion_tokens),
            total_tokens: self.total_tokens.saturating_add(other.total_tokens),
            cached_tokens: self.cached_tokens.saturating_add(other.cached_tokens),
            reasoning_tokens: self.reasoning_tokens.saturating_add(other.reasoning_tokens),
            cost: self.cost.zip(other.cost).map(|(a, b)| a + b),
        }
    }
}

impl From<Bill> for Usage {
    fn from(bill: Bill) -> Self {
        // Below 2^53, so that JavaScript reads the same number.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; `as` saturates")]
        let whole = |tokens: f64| tokens.min(9e15) as u64;
        let (prompt, completion) = (whole(bill.prompt_tokens), whole(bill.completion_tokens));
        Self {
            requests: 1,
            prompt_tokens: prompt,
            completion_tokens: completion,
            total_tokens: prompt + completion,
            cached_tokens: whole(bill.prompt_tokens_details.cached_tokens),
            reasoning_tokens: whole(bill.completion_tokens_details.reasoning_tokens),
            cost: bill.cost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(json: &str) -> Usage {
        serde_json::from_str::<Bill>(json).unwrap().into()
    }

    #[test]
    fn a_bill_is_read_as_far_as_it_can_be() {
        let full = usage(
            r#"{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,"cost":0.5,"is_byok":false,
                "prompt_tokens_details":{"cached_tokens":7},"completion_tokens_details":{"reasoning_tokens":1}}"#,
        );
        assert_eq!((full.total_tokens, full.cached_tokens, full.reasoning_tokens), (14, 7, 1));
        assert_eq!(full.cost, Some(0.5));
        let odd = usage(r#"{"prompt_tokens":"many","completion_tokens":-4,"cost":null,"prompt_tokens_details":"x"}"#);
        assert_eq!(odd, Usage { requests: 1, ..Usage::default() });
        assert_eq!(usage(r#"{"prompt_tokens":1e300}"#).prompt_tokens, 9_000_000_000_000_000);
    }

    #[test]
    fn a_sum_with_an_unknown_price_has_none() {
        let known = usage(r#"{"prompt_tokens":1,"cost":0.25}"#);
        let sum = Usage::NONE.plus(&known).plus(&known);
        assert_eq!((sum.requests, sum.cost), (2, Some(0.5)));
        assert_eq!(sum.plus(&usage("{}")).cost, None);
    }
}
