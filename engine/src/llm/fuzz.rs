//! Answers of a chat completions service: a text, or why there is none, and when to come back.

use std::time::Duration;

use super::{
    answer::read,
    hint::hint,
    split::{parse, split as cut, units},
};
use crate::http::fuzz::{NOW, taken_apart};

/// A text with its bill, or an error; and a wait that somebody can wait for.
pub fn completion(data: &[u8]) {
    let (status, headers, body) = taken_apart(data);
    for now in [0, NOW, u64::MAX] {
        let wait = hint(&headers, None, serde_json::from_slice(body).ok().as_ref(), now);
        assert!(wait.is_none_or(|wait| wait <= Duration::from_hours(24)), "{wait:?}");
    }
    match read(status, &headers, body, NOW) {
        Ok(done) => {
            let usage = done.usage;
            assert!(status.is_success() && !done.text.trim().is_empty());
            assert!(usage.cost.is_none_or(|cost| cost.is_finite() && cost >= 0.0));
            assert_eq!(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
            // JavaScript must read the same number.
            assert!(usage.prompt_tokens < 1 << 53 && usage.completion_tokens < 1 << 53);
        }
        Err(unfinished) => assert!(unfinished.error.message.len() < 4096),
    }
}

/// The answer of a model against a text, and the local splitter: a line with the size of a part, the answer, a line of `===`, the text.
/// Whatever either is, the text is what comes out.
pub fn split(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (max, rest) = text.split_once('\n').unwrap_or(("", &text));
    let (response, original) = rest.split_once("\n===\n").unwrap_or(("[]", rest));
    let max = max.parse().unwrap_or(20_usize).clamp(20, 4096);
    let letters = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
    for parts in [cut(original, max), parse(response, original, max).parts] {
        assert_eq!(letters(&parts.concat()), letters(original));
        assert!(parts.iter().all(|part| !part.is_empty() && units(part) <= max), "{max}: {parts:?}");
    }
}
