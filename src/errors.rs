//! Errors on their way out: the code in `error.code`, the sentence in `error.message`.

use napi_derive::napi;
use serde_json::json;
use warmpath_engine::{
    error::{Code, Error},
    failpoint::hit,
};

use crate::door::wipe;

/// What synchronous exports return.
pub type Result<T> = std::result::Result<T, napi::Error<&'static str>>;

/// An engine error as an exception.
#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
pub fn exception(error: Error) -> napi::Error<&'static str> {
    napi::Error::new(error.code.as_str(), error.message.as_ref())
}

/// A text that should have been JSON of a known shape. serde names the field; it never quotes a value that is a string.
pub fn malformed(code: Code) -> impl Fn(serde_json::Error) -> napi::Error<&'static str> {
    move |error| {
        // "invalid type: string \"…\"" would quote what the user passed, which may be a secret.
        let text = error.to_string();
        let safe = if text.contains("string \"") { "a field has a wrong type".to_owned() } else { text };
        napi::Error::new(code.as_str(), safe)
    }
}

/// Zeroes a text once it has been parsed.
pub fn parse<T: serde::de::DeserializeOwned>(text: String, code: Code) -> Result<T> {
    hit("parse");
    let parsed = serde_json::from_str(&text).map_err(malformed(code));
    wipe(text);
    parsed
}

/// The table of codes: `[{ code, class, doc }]`.
#[napi(catch_unwind)]
pub fn error_table() -> String {
    let rows: Vec<_> = Code::ALL
        .iter()
        .map(|code| json!({ "code": code.as_str(), "class": code.class().as_str(), "doc": code.doc() }))
        .collect();
    serde_json::Value::Array(rows).to_string()
}
