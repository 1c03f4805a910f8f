//! An answer of the service, understood.

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::{
    hint::hint,
    refusal::refusal,
    usage::{Bill, Usage},
};
use crate::error::{Code, Error};

/// A finished text.
#[derive(Clone, Debug)]
pub struct Completion {
    /// What the model wrote, untouched.
    pub text: String,
    /// The model that answered; the one that was asked where the service does not say.
    pub model: Option<String>,
    /// The provider that answered.
    pub provider: Option<String>,
    /// The service's name for the answer.
    pub id: Option<String>,
    /// What it cost.
    pub usage: Usage,
}

/// No finished text. It may have cost something all the same.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// Why.
    pub error: Error,
    /// What it cost, where the answer said so.
    pub usage: Option<Usage>,
}

impl From<Error> for Unfinished {
    fn from(error: Error) -> Self {
        Self { error, usage: None }
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    model: Option<Value>,
    #[serde(default)]
    provider: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    finish_reason: Option<Value>,
    #[serde(default)]
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Value,
    #[serde(default)]
    refusal: Option<Value>,
}

impl Message {
    /// The text: a string, or the texts of its pieces.
    fn text(self) -> String {
        match self.content {
            Value::String(text) => text,
            Value::Array(pieces) => {
                pieces.iter().filter_map(|piece| piece.get("text").and_then(Value::as_str)).collect()
            }
            _ => String::new(),
        }
    }
}

/// Understands an answer. White space before its JSON, which OpenRouter sends to keep the connection alive, is skipped.
pub fn read(status: StatusCode, headers: &HeaderMap, body: &[u8], now_ms: u64) -> Result<Completion, Unfinished> {
    let answer: Option<Answer> = serde_json::from_slice(body).ok();
    if !status.is_success() {
        // The body of a refusal may be of any shape, or a proxy's page.
        let whole: Option<Value> = serde_json::from_slice(body).ok();
        let error = whole.as_ref().and_then(|whole| whole.get("error"));
        return Err(refusal(status.as_u16(), error, hint(headers, error, whole.as_ref(), now_ms)).into());
    }
    let Some(answer) = answer else { return Err(protocol("is no completion").into()) };
    let usage = answer.usage.and_then(|bill| serde_json::from_value::<Bill>(bill).ok()).map(Usage::from);
    let fail = |error: Error| Err(Unfinished { error, usage });
    let judged = |error: &Value| refusal(status.as_u16(), Some(error), hint(headers, Some(error), None, now_ms));
    if let Some(error) = answer.error.filter(|error| !error.is_null()) {
        return fail(judged(&error));
    }
    let Some(choice) = answer.choices.unwrap_or_default().into_iter().next() else {
        return fail(protocol("has no choices"));
    };
    if let Some(error) = choice.error.filter(|error| !error.is_null()) {
        return fail(judged(&error));
    }
    let reason = choice.finish_reason.as_ref().and_then(Value::as_str);
    match reason {
        Some("length") => return fail(Error::new(Code::LlmTruncated, "the text was cut off at the token limit")),
        Some("content_filter") => return fail(Error::new(Code::LlmModeration, "the answer was withheld by a filter")),
        Some("error") => return fail(Error::new(Code::LlmUnavailable, "the model broke off its answer")),
        Some("tool_calls" | "function_call") => return fail(protocol("calls a tool instead of writing")),
        _ => {}
    }
    let message = choice.message.unwrap_or(Message { content: Value::Null, refusal: None });
    let refused = message.refusal.as_ref().and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    let text = message.text();
    if text.trim().is_empty() {
        return fail(if refused {
            Error::new(Code::LlmModeration, "the model refused to answer")
        } else {
            protocol("has no text")
        });
    }
    let word = |value: Option<Value>| match value {
        Some(Value::String(text)) if (1..=256).contains(&text.len()) => Some(text),
        _ => None,
    };
    let (model, provider, id) = (word(answer.model), word(answer.provider), word(answer.id));
    // An answer without a bill is an answer, of an unknown price.
    let usage = usage.unwrap_or(Usage { requests: 1, ..Usage::default() });
    Ok(Completion { text, model, provider, id, usage })
}

fn protocol(what: &'static str) -> Error {
    Error::new(Code::LlmProtocol, format!("the answer of the LLM service {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Result<Completion, Unfinished> {
        read(StatusCode::OK, &HeaderMap::new(), body.as_bytes(), 0)
    }

    fn code(body: &str) -> Code {
        answer(body).unwrap_err().error.code
    }

    #[test]
    fn a_completion_is_read() {
        let body = r#"{"id":"gen-1","model":"a/b","provider":"P","object":"chat.completion",
            "choices":[{"finish_reason":"stop","message":{"role":"assistant","content":" Oi, Ana! "}}],
            "usage":{"prompt_tokens":3,"completion_tokens":2,"cost":0.001}}"#;
        for whitespace in ["", "\n", &" \r\n\t".repeat(10_000)] {
            let read = answer(&format!("{whitespace}{body}{whitespace}")).unwrap();
            assert_eq!((read.text.as_str(), read.model.as_deref()), (" Oi, Ana! ", Some("a/b")));
            assert_eq!((read.provider.as_deref(), read.id.as_deref()), (Some("P"), Some("gen-1")));
            assert_eq!((read.usage.total_tokens, read.usage.cost), (5, Some(0.001)));
        }
    }

    #[test]
    fn a_text_may_come_in_pieces_and_without_a_bill() {
        let read = answer(
            r#"{"id":7,"choices":[{"message":{"content":[{"type":"text","text":"a"},{"type":"x"},{"text":"b"}]}}]}"#,
        )
        .unwrap();
        assert_eq!((read.text.as_str(), read.id, read.usage.cost), ("ab", None, None));
    }

    #[test]
    fn what_is_no_finished_text_is_none() {
        for (body, expected) in [
            ("", Code::LlmProtocol),
            ("   \n", Code::LlmProtocol),
            ("<html>", Code::LlmProtocol),
            ("[]", Code::LlmProtocol),
            (r#"{"choices":[{"#, Code::LlmProtocol),
            (r#"{"choices":[]}"#, Code::LlmProtocol),
            (r#"{"choices":null}"#, Code::LlmProtocol),
            (r#"{"choices":[{"message":null}]}"#, Code::LlmProtocol),
            (r#"{"choices":[{"message":{"content":" \n"}}]}"#, Code::LlmProtocol),
            (r#"{"choices":[{"finish_reason":"tool_calls","message":{"content":"x"}}]}"#, Code::LlmProtocol),
            (r#"{"choices":[{"finish_reason":"length","message":{"content":"x"}}]}"#, Code::LlmTruncated),
            (r#"{"choices":[{"finish_reason":"content_filter","message":{"content":"x"}}]}"#, Code::LlmModeration),
            (r#"{"choices":[{"finish_reason":"error","message":{"content":"x"}}]}"#, Code::LlmUnavailable),
            (r#"{"choices":[{"error":{"code":429},"message":{"content":"x"}}]}"#, Code::LlmThrottled),
            (r#"{"choices":[{"message":{"content":null,"refusal":"no"}}]}"#, Code::LlmModeration),
            (r#"{"error":{"code":502,"message":"x"}}"#, Code::LlmUnavailable),
            (r#"{"error":{"code":"x"},"choices":[{"message":{"content":"x"}}]}"#, Code::LlmUnavailable),
        ] {
            assert_eq!(code(body), expected, "{body}");
        }
    }

    #[test]
    fn what_is_unfinished_may_have_cost_something() {
        let body = r#"{"choices":[{"finish_reason":"length"}],"usage":{"completion_tokens":9,"cost":1}}"#;
        assert_eq!(answer(body).unwrap_err().usage.unwrap().cost, Some(1.0));
    }

    /// Nesting is bounded by `serde_json` (128), so a hostile answer cannot exhaust the stack.
    #[test]
    fn deep_nesting_is_refused_not_followed() {
        let deep = format!(r#"{{"choices":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(code(&deep), Code::LlmProtocol);
    }

    #[test]
    fn a_proxys_page_is_judged_by_its_status() {
        let read = |status| read(status, &HeaderMap::new(), b"<html>", 0).unwrap_err().error.code;
        assert_eq!(read(StatusCode::BAD_GATEWAY), Code::LlmUnavailable);
        assert_eq!(read(StatusCode::TOO_MANY_REQUESTS), Code::LlmThrottled);
    }
}
