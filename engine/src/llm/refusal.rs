//! What a refusal means. The same table serves an HTTP status and an error inside of a 200: OpenRouter answers 200 as soon
//! as a model has begun, whatever becomes of it. <https://openrouter.ai/docs/api-reference/errors>
//!
//! A message of ours never quotes a message of theirs: those may repeat the prompt, and a prompt is somebody's private
//! conversation. What is kept are names: the code, the kind, the provider.

use std::time::Duration;

use serde_json::Value;

use crate::error::{Code, Error};

/// The error of a refused request. `error` is the `error` of the body, whatever it is.
pub fn refusal(status: u16, error: Option<&Value>, hint: Option<Duration>) -> Error {
    let field = |name: &str| error.and_then(|error| error.get(name));
    let metadata = |name: &str| field("metadata").and_then(|metadata| metadata.get(name));
    // OpenRouter's code is the status; OpenAI's, and those of most others, is a word.
    let code = field("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let status = code.filter(|code| (400..600).contains(code)).unwrap_or(status);
    let word = [field("code"), field("type")].into_iter().flatten().filter_map(Value::as_str);
    let is = |wanted: &[&str]| word.clone().any(|word| wanted.contains(&word));

    let moderated = metadata("reasons").is_some()
        || metadata("flagged_input").is_some()
        || is(&["content_filter", "content_policy_violation", "moderation"]);
    let code = match status {
        _ if is(&["insufficient_quota", "billing_hard_limit_reached"]) => Code::LlmCredits,
        _ if is(&["model_not_found"]) => Code::LlmModel,
        _ if is(&["invalid_api_key"]) => Code::LlmUnauthorized,
        400 | 403 if moderated => Code::LlmModeration,
        401 | 403 => Code::LlmUnauthorized,
        // Requests of ours that are still running have booked what is left: it comes back when they end.
        402 if hint.is_some() && metadata("limit_source").is_some_and(|it| it == "openrouter_in_flight_budget") => {
            Code::LlmThrottled
        }
        402 => Code::LlmCredits,
        404 => Code::LlmModel,
        429 => Code::LlmThrottled,
        503 if hint.is_some() => Code::LlmThrottled,
        // Words of those that answer 200 and say no number.
        200..=299 if is(&["rate_limit_exceeded", "rate_limit_error"]) => Code::LlmThrottled,
        200..=299 | 408 | 409 | 425 | 500.. => Code::LlmUnavailable,
        _ => Code::LlmRejected,
    };
    let names = word.clone().chain(metadata("provider_name").and_then(Value::as_str)).filter_map(name);
    let names: Vec<_> = names.collect();
    let more = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
    // A hint on a refusal that nobody tries again would only mislead.
    let hint = hint.filter(|_| matches!(code, Code::LlmThrottled | Code::LlmUnavailable));
    Error::new(code, format!("the LLM service answered {status}{more}")).retry_after(hint)
}

/// A word that can only be a name.
fn name(word: &str) -> Option<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-. ".contains(c);
    Some(word).filter(|word| (1..=40).contains(&word.len()) && word.chars().all(plain))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn code(status: u16, error: &Value, hint: Option<u64>) -> Code {
        refusal(status, Some(error), hint.map(Duration::from_secs)).code
    }

    #[test]
    fn every_documented_refusal_has_its_code() {
        let none = json!({});
        for (status, expected) in [
            (400, Code::LlmRejected),
            (401, Code::LlmUnauthorized),
            (402, Code::LlmCredits),
            (403, Code::LlmUnauthorized),
            (404, Code::LlmModel),
            (408, Code::LlmUnavailable),
            (409, Code::LlmUnavailable),
            (413, Code::LlmRejected),
            (422, Code::LlmRejected),
            (425, Code::LlmUnavailable),
            (429, Code::LlmThrottled),
            (500, Code::LlmUnavailable),
            (502, Code::LlmUnavailable),
            (503, Code::LlmUnavailable),
            (529, Code::LlmUnavailable),
            (302, Code::LlmRejected),
        ] {
            assert_eq!(code(status, &none, None), expected, "{status}");
        }
        assert_eq!(code(503, &none, Some(2)), Code::LlmThrottled);
    }

    #[test]
    fn an_error_inside_of_a_200_is_judged_by_its_own_code() {
        assert_eq!(code(200, &json!({"code": 429}), None), Code::LlmThrottled);
        assert_eq!(code(200, &json!({"code": 502}), None), Code::LlmUnavailable);
        assert_eq!(code(200, &json!({"code": 402}), None), Code::LlmCredits);
        assert_eq!(code(200, &json!({"code": "rate_limit_exceeded"}), None), Code::LlmThrottled);
        assert_eq!(code(200, &json!({"message": "x"}), None), Code::LlmUnavailable);
        assert_eq!(code(200, &json!("overloaded"), None), Code::LlmUnavailable);
    }

    #[test]
    fn no_credits_is_not_too_many_requests() {
        let busy = json!({"code": 402, "metadata": {"limit_source": "openrouter_in_flight_budget"}});
        assert_eq!(code(402, &busy, Some(1)), Code::LlmThrottled);
        assert_eq!(code(402, &busy, None), Code::LlmCredits);
        assert_eq!(code(402, &json!({}), Some(1)), Code::LlmCredits);
        assert_eq!(code(429, &json!({"code": "insufficient_quota"}), Some(1)), Code::LlmCredits);
    }

    #[test]
    fn moderation_is_not_a_wrong_key() {
        let flagged = json!({"code": 403, "metadata": {"reasons": ["violence"], "flagged_input": "our prompt"}});
        assert_eq!(code(403, &flagged, None), Code::LlmModeration);
        assert_eq!(code(400, &json!({"code": "content_policy_violation"}), None), Code::LlmModeration);
    }

    #[test]
    fn only_names_are_quoted() {
        let error = json!({
            "code": "bad_request",
            "type": "Dear Ana, your number +55 11",
            "message": "the prompt 'Dear Ana' …",
            "metadata": {"provider_name": "Some Provider", "raw": "Dear Ana"},
        });
        let message = refusal(400, Some(&error), None).message;
        assert_eq!(message, "the LLM service answered 400 (bad_request, Some Provider)");
    }
}
