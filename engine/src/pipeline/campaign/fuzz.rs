//! What a webhook answers, and the secret that its requests are signed with.

use std::time::Duration;

use super::webhook::{refusal, signing_key};
use crate::{
    error::Class,
    http::fuzz::{NOW, taken_apart},
    llm::hint,
    secret::Secret,
};

/// A refusal has a class, and a wait that somebody can wait for.
pub fn webhook(data: &[u8]) {
    let (status, headers, body) = taken_apart(data);
    if !status.is_success() {
        let told = hint(&headers, None, None, NOW);
        let error = refusal(status, told);
        // A day, and the little by which those who were told the same are kept apart.
        assert!(error.retry_after.is_none_or(|wait| wait <= Duration::from_hours(27)));
        assert!(error.class() != Class::Throttled || status.as_u16() == 429 || told.is_some());
    }
    if let Ok(text) = str::from_utf8(body) {
        let key = signing_key(&Secret::new(text.to_owned()));
        let encoded = text.starts_with("whsec_");
        assert!(encoded || key.is_some());
        assert!(!encoded || key.is_none_or(|key| !key.is_empty() && key.len() <= text.len()));
    }
}
