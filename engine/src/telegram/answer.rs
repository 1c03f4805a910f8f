//! What the Bot API answers (<https://core.telegram.org/bots/api#making-requests>), and what it means for the job.

use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Kind,
    refusal::{Parameters, Refused, number, refusal},
};
use crate::{
    error::{Code, Error},
    secret::Secret,
};

#[derive(Deserialize)]
struct Envelope<T> {
    ok: bool,
    result: Option<T>,
    error_code: Option<u16>,
    description: Option<String>,
    /// Read later: one of another type must not make all of the answer unreadable.
    parameters: Option<Value>,
}

/// The part of a `Message` that a prewarm needs.
#[derive(Debug, Deserialize)]
pub struct Message {
    /// Id of the message in its chat.
    pub message_id: i64,
    /// The chat.
    pub chat: Chat,
    photo: Option<Vec<File>>,
    // Boxed: a message has one of them, and changes hands a dozen times with the room of all.
    video: Option<Box<File>>,
    audio: Option<Box<File>>,
    voice: Option<Box<File>>,
    animation: Option<Box<File>>,
    document: Option<Box<File>>,
    sticker: Option<Box<File>>,
    video_note: Option<Box<File>>,
}

/// The chat of a message.
#[derive(Debug, Deserialize)]
pub struct Chat {
    /// May exceed 32 bits, never 53.
    pub id: i64,
    /// `private`, `group`, `supergroup` or `channel`.
    #[serde(default, rename = "type")]
    pub kind: String,
}

/// What every kind of file has in common. What is only read besides the file_id must not make a success unreadable, or the message
/// would be sent once more: so it is read when it is asked for, however it is written.
#[derive(Clone, Debug, Deserialize)]
pub struct File {
    /// What the bot sends again.
    pub file_id: String,
    #[serde(default, rename = "file_unique_id")]
    unique_id: Value,
    #[serde(default, rename = "file_size")]
    size: Value,
    #[serde(default)]
    width: Value,
    #[serde(default)]
    height: Value,
    #[serde(default)]
    length: Value,
    #[serde(default)]
    duration: Value,
}

impl File {
    /// The same for every bot; empty where the server says none.
    #[must_use]
    pub fn unique_id(&self) -> &str {
        self.unique_id.as_str().unwrap_or_default()
    }

    /// Bytes.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        number(&self.size)
    }

    /// Pixels; of a video note its side.
    #[must_use]
    pub fn width(&self) -> Option<u32> {
        small(&self.width).or_else(|| small(&self.length))
    }

    /// As [`File::width`].
    #[must_use]
    pub fn height(&self) -> Option<u32> {
        small(&self.height).or_else(|| small(&self.length))
    }

    /// Seconds.
    #[must_use]
    pub fn duration(&self) -> Option<u32> {
        small(&self.duration)
    }
}

fn small(value: &Value) -> Option<u32> {
    number(value)?.try_into().ok()
}

impl Message {
    /// The file of this kind; of several photo sizes the largest, which is the one that is sent again in full.
    #[must_use]
    pub fn file(&self, kind: Kind) -> Option<&File> {
        match kind {
            Kind::Photo => self
                .photo
                .as_ref()?
                .iter()
                .max_by_key(|size| u64::from(size.width().unwrap_or(0)) * u64::from(size.height().unwrap_or(0))),
            Kind::Video => self.video.as_deref(),
            Kind::Audio => self.audio.as_deref(),
            Kind::Voice => self.voice.as_deref(),
            Kind::Animation => self.animation.as_deref(),
            Kind::Document => self.document.as_deref(),
            Kind::Sticker => self.sticker.as_deref(),
            Kind::VideoNote => self.video_note.as_deref(),
        }
    }

    /// The kinds this message has a file of.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(|kind| self.file(*kind).is_some())
    }
}

/// Reads an answer. `header_retry_after` is the `Retry-After` header, for a 429 without JSON; `secrets` are taken out of
/// whatever is quoted, for servers that repeat the path or the URL they were given.
///
/// # Errors
/// By the table of <https://core.telegram.org/api/errors> as the Bot API words it.
pub fn read<T: DeserializeOwned>(
    status: StatusCode,
    body: &[u8],
    header_retry_after: Option<Duration>,
    secrets: &[&Secret],
) -> Result<T, Refused> {
    match serde_json::from_slice::<Envelope<T>>(body) {
        Ok(Envelope { ok: true, result: Some(result), .. }) => Ok(result),
        Ok(Envelope { ok: false, error_code, description, parameters, .. }) => {
            let code = error_code.unwrap_or_else(|| status.as_u16());
            let mut text = description.unwrap_or_else(|| "no description".to_owned());
            for secret in secrets {
                text = secret.redact(&text);
            }
            let parameters = parameters.as_ref().map(Parameters::of).unwrap_or_default();
            Err(refusal(code, &text, parameters, header_retry_after))
        }
        // Success without a readable result: the message may well exist.
        _ if status.is_success() => {
            Err(Error::new(Code::SendAmbiguous, "Telegram answered 200 without a readable result").maybe_sent().into())
        }
        // A proxy's or nginx's page: never parsed, judged by its status alone.
        _ => Err(refusal(status.as_u16(), "not a Bot API answer", Parameters::default(), header_retry_after)),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::refusal::DEFAULT_FLOOD_WAIT, *};
    use crate::error::{Certainty, Class, Result};

    fn answer(status: u16, body: &str) -> Result<Message> {
        let status = StatusCode::from_u16(status).unwrap();
        read(status, body.as_bytes(), None, &[]).map_err(|refused| refused.error)
    }

    #[test]
    fn a_photo_is_its_largest_size() {
        let body = r#"{"ok":true,"result":{"message_id":7,"date":1,"chat":{"id":-1001234567890,"type":"group"},
            "photo":[{"file_id":"s","file_unique_id":"us","width":90,"height":60},
                     {"file_id":"l","file_unique_id":"ul","width":1280,"height":853},
                     {"file_id":"m","file_unique_id":"um","width":320,"height":213}]}}"#;
        let message = answer(200, body).unwrap();
        assert_eq!(message.file(Kind::Photo).unwrap().file_id, "l");
        assert_eq!(message.chat.id, -1_001_234_567_890);
        assert_eq!(message.kinds().collect::<Vec<_>>(), [Kind::Photo]);
    }

    #[test]
    fn numbers_of_another_form_do_not_make_a_success_unreadable() {
        let read = |rest: &str| {
            let body = format!(
                r#"{{"ok":true,"result":{{"message_id":7,"chat":{{"id":5}},"video":{{"file_id":"v"{rest}}}}}}}"#
            );
            answer(200, &body).map(|message| message.file(Kind::Video).unwrap().clone())
        };
        let odd = read(r#","file_unique_id":null,"file_size":"2097152","width":640.0,"height":"x","duration":2.4"#);
        let odd = odd.unwrap();
        assert_eq!((odd.file_id.as_str(), odd.unique_id()), ("v", ""));
        assert_eq!((odd.size(), odd.width(), odd.height(), odd.duration()), (Some(2 << 20), Some(640), None, Some(3)));
        let out = read(r#","file_size":-1,"width":4294967296,"height":null,"duration":[],"length":{"a":1}"#).unwrap();
        assert_eq!((out.size(), out.width(), out.height(), out.duration()), (None, None, None, None));
        let exact = read(r#","file_size":9007199254740993,"file_unique_id":"u""#).unwrap();
        assert_eq!((exact.size(), exact.unique_id()), (Some(9_007_199_254_740_993), "u"));
        // Without a file_id there is nothing to keep.
        assert_eq!(read(r#","file_id":7"#).unwrap_err().code, Code::SendAmbiguous);
    }

    #[test]
    fn every_documented_refusal_has_its_class() {
        for (status, body, code) in [
            (
                429,
                r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 2","parameters":{"retry_after":2}}"#,
                Code::TelegramThrottled,
            ),
            (401, r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#, Code::TelegramUnauthorized),
            (404, r#"{"ok":false,"error_code":404,"description":"Not Found"}"#, Code::TelegramUnauthorized),
            (
                403,
                r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was kicked from the group chat"}"#,
                Code::TelegramChat,
            ),
            (400, r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#, Code::TelegramChat),
            (
                400,
                r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-100}}"#,
                Code::TelegramChat,
            ),
            (
                400,
                r#"{"ok":false,"error_code":400,"description":"Bad Request: PHOTO_INVALID_DIMENSIONS"}"#,
                Code::TelegramRejected,
            ),
            (413, r#"{"ok":false,"error_code":413,"description":"Request Entity Too Large"}"#, Code::TooLarge),
            (413, "<html>nginx</html>", Code::TooLarge),
            (
                500,
                r#"{"ok":false,"error_code":500,"description":"Internal Server Error: restart"}"#,
                Code::TelegramServer,
            ),
            (502, "<html><h1>502 Bad Gateway</h1></html>", Code::SendAmbiguous),
            (503, "", Code::TelegramServer),
            (504, "<html>", Code::SendAmbiguous),
            (302, "", Code::TelegramProtocol),
            (200, "", Code::SendAmbiguous),
            (200, "[]", Code::SendAmbiguous),
            (200, r#"{"ok":true,"result":true}"#, Code::SendAmbiguous),
            (200, r#"{"ok":false,"error_code":400,"description":"x"}"#, Code::TelegramRejected),
        ] {
            assert_eq!(answer(status, body).unwrap_err().code, code, "{status} {body}");
        }
    }

    #[test]
    fn the_wait_of_a_429_comes_from_the_body_then_the_header_then_a_default() {
        let header = Some(Duration::from_secs(9));
        let read = |body: &str, header| {
            read::<Message>(StatusCode::TOO_MANY_REQUESTS, body.as_bytes(), header, &[]).unwrap_err().error
        };
        let body = r#"{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":2}}"#;
        assert_eq!(read(body, header).retry_after, Some(Duration::from_secs(2)));
        assert_eq!(read("<html>", header).retry_after, header);
        assert_eq!(read("", None).retry_after, Some(DEFAULT_FLOOD_WAIT));
        assert_eq!(read("", None).class(), Class::Throttled);
    }

    #[test]
    fn only_answers_that_leave_doubt_are_maybe_sent() {
        assert_eq!(answer(502, "").unwrap_err().certainty, Certainty::MaybeSent);
        assert_eq!(answer(200, "{").unwrap_err().certainty, Certainty::MaybeSent);
        assert_eq!(answer(500, "").unwrap_err().certainty, Certainty::NotSent);
        assert_eq!(answer(400, "").unwrap_err().certainty, Certainty::NotSent);
    }

    #[test]
    fn a_server_that_repeats_the_token_does_not_get_it_into_our_message() {
        let token = Secret::new("123:canary".to_owned());
        let body = format!(r#"{{"ok":false,"error_code":400,"description":"{} /bot123:canary/x"}}"#, "y".repeat(270));
        let error = read::<Message>(StatusCode::BAD_REQUEST, body.as_bytes(), None, &[&token]).unwrap_err().error;
        assert!(!error.message.contains("123:") && !error.message.contains("cana"), "{}", error.message);
    }

    /// Nesting is bounded by `serde_json` (128), so a hostile answer cannot exhaust the stack.
    #[test]
    fn deep_nesting_is_refused_not_followed() {
        let deep = format!(r#"{{"ok":true,"result":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(answer(200, &deep).unwrap_err().code, Code::SendAmbiguous);
    }
}
