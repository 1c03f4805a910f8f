//! Answers of the Bot API, or of whatever stands in its place; and names of files, which strangers choose too.

use std::time::Duration;

use super::{Kind, Message, answer::read, multipart::safe_file_name, read_album};
use crate::{
    error::Class,
    http::{
        fuzz::{NOW, taken_apart},
        retry_after,
    },
    secret::Secret,
};

/// As the corpus spells it. No half of it may show either: whoever has one guesses the other.
const TOKEN: &str = "123456:AAAAAAAAAAAA";

fn shows(message: &str) -> bool {
    message.contains(TOKEN) || message.contains("AAAAAAAAAAAA")
}

/// A message or a class, and never a secret.
pub fn answer(data: &[u8]) {
    let (status, headers, body) = taken_apart(data);
    let wait = headers.get("retry-after").and_then(|value| retry_after(value.to_str().ok()?, NOW));
    match read::<Message>(status, body, wait, &[&Secret::new(TOKEN.to_owned())]) {
        Ok(message) => {
            for kind in Kind::ALL {
                assert_eq!(message.file(kind).is_some(), message.kinds().any(|other| other == kind));
            }
        }
        Err(refused) => {
            let error = &refused.error;
            assert!(!shows(&error.message) && error.message.len() < 2048, "{}", error.message);
            assert_eq!(error.retry_after.is_some(), error.class() == Class::Throttled);
        }
    }
}

/// As many messages as items, or how many went out.
pub fn album(data: &[u8]) {
    let (status, headers, body) = taken_apart(data);
    let items = headers.get("items").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(3_usize).min(10);
    let wait = headers.get("retry-after").map(|_| Duration::from_secs(1));
    match read_album(status, body, wait, &[&Secret::new(TOKEN.to_owned())], items) {
        Ok(messages) => assert_eq!(messages.len(), items),
        Err(refused) => assert!(refused.delivered <= items && !shows(&refused.error.message)),
    }
}

/// No name ends the header it stands in, and a name that is safe stays as it is.
pub fn file_name(data: &[u8]) {
    let name = String::from_utf8_lossy(data);
    let safe = safe_file_name(&name);
    assert!(safe.len() <= 255 && !safe.contains(['"', '\\']) && !safe.contains(char::is_control), "{safe:?}");
    assert_eq!(safe_file_name(&safe), safe);
}
