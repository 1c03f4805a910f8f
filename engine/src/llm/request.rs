//! A request as it goes over the wire.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One message of a conversation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: Role,
    /// The text.
    pub content: String,
}

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The instructions.
    System,
    /// The other side.
    User,
    /// The model.
    Assistant,
}

/// What is asked of a model.
#[derive(Clone, Copy, Debug)]
pub struct Prompt<'a> {
    /// The conversation so far.
    pub messages: &'a [Message],
    /// The most tokens of an answer; the model's own limit when `None`.
    pub max_tokens: Option<u32>,
    /// How free the answer is; the model's own when `None`.
    pub temperature: Option<f64>,
    /// A JSON schema that the answer has to follow.
    pub schema: Option<&'a Value>,
    /// Further fields of the body.
    pub body: &'a Map<String, Value>,
    /// The last answer was none, and a cache on the way could replay it: the request is to be another one.
    pub vary: bool,
}

#[derive(Serialize)]
struct Wire<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<&'a [&'a str]>,
    messages: &'a [Message],
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u32>,
    #[serde(flatten)]
    more: &'a Map<String, Value>,
}

impl Prompt<'_> {
    /// The body of the request. More than one model are named for the service to choose from.
    pub(super) fn body(&self, models: &[&str]) -> Bytes {
        let seed = (self.vary && !self.body.contains_key("seed")).then(|| fastrand::u32(1..i32::MAX.cast_unsigned()));
        let wire = Wire {
            model: models.first().copied().unwrap_or_default(),
            models: (models.len() > 1).then_some(models),
            messages: self.messages,
            max_tokens: self.max_tokens,
            temperature: self.temperature,
            response_format: self.schema,
            seed,
            more: self.body,
        };
        // Maps with text keys, texts and finite numbers: nothing here can fail to be JSON.
        serde_json::to_vec(&wire).unwrap_or_default().into()
    }

    /// About how many tokens this will take: four characters make one in most languages, and an answer is taken to be as
    /// long as the last ones were.
    pub(super) fn estimate(&self, completion: f64) -> f64 {
        let characters: usize = self.messages.iter().map(|message| message.content.chars().count() + 16).sum();
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let prompt = characters as f64 / 4.0;
        prompt + self.max_tokens.map_or(completion, |most| completion.min(f64::from(most)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(prompt: &Prompt<'_>, models: &[&str]) -> Value {
        serde_json::from_slice(&prompt.body(models)).unwrap()
    }

    #[test]
    fn a_body_holds_what_was_said_and_nothing_else() {
        let messages = [Message { role: Role::User, content: "Oi \u{1F600} \"x\"\n".to_owned() }];
        let none = Map::new();
        let prompt =
            Prompt { messages: &messages, max_tokens: None, temperature: None, schema: None, body: &none, vary: false };
        let expected = json!({"model": "a", "messages": [{"role": "user", "content": "Oi \u{1F600} \"x\"\n"}]});
        assert_eq!(body(&prompt, &["a"]), expected);

        let schema = json!({"type": "json_schema"});
        let more = json!({"provider": {"sort": "price"}}).as_object().unwrap().clone();
        let all = Prompt {
            max_tokens: Some(9),
            temperature: Some(0.5),
            schema: Some(&schema),
            body: &more,
            vary: true,
            ..prompt
        };
        let sent = body(&all, &["a", "b"]);
        assert_eq!(sent["models"], json!(["a", "b"]));
        assert_eq!((&sent["max_tokens"], &sent["temperature"]), (&json!(9), &json!(0.5)));
        assert_eq!((&sent["response_format"], &sent["provider"]), (&schema, &json!({"sort": "price"})));
        assert!(sent["seed"].is_u64());
    }

    #[test]
    fn a_seed_of_the_user_is_kept() {
        let more = json!({"seed": 4}).as_object().unwrap().clone();
        let prompt =
            Prompt { messages: &[], max_tokens: None, temperature: None, schema: None, body: &more, vary: true };
        assert_eq!(body(&prompt, &["a"])["seed"], 4);
    }
}
