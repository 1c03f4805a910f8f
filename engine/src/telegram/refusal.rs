//! What a refusal of the Bot API means for the job: its error, and what could be done about it in the same breath.

use std::time::Duration;

use serde_json::Value;

use crate::error::{Code, Error};

/// For a 429 that names no time.
pub(super) const DEFAULT_FLOOD_WAIT: Duration = Duration::from_secs(5);

/// For a 429 that names no time to speak of: to obey it to the letter would be to ask without end.
const LEAST_FLOOD_WAIT: Duration = Duration::from_secs(1);

/// `parameters` of a refusal (<https://core.telegram.org/bots/api#responseparameters>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    pub retry_after: Option<u64>,
    pub migrate_to_chat_id: Option<i64>,
}

impl Parameters {
    /// What there is in them.
    pub(super) fn of(given: &Value) -> Self {
        let id = |value: &Value| value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
        Self {
            retry_after: given.get("retry_after").and_then(number),
            migrate_to_chat_id: given.get("migrate_to_chat_id").and_then(id),
        }
    }
}

/// A number not below zero, rounded up: servers that stand in for Telegram's write them as texts, or with a fraction.
pub(super) fn number(given: &Value) -> Option<u64> {
    let exact = given.as_u64();
    exact.or_else(|| {
        let number: f64 = given.as_f64().or_else(|| given.as_str()?.trim().parse().ok())?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not below zero; `as` saturates")]
        (number >= 0.0).then(|| number.ceil() as u64)
    })
}

/// Why Telegram refused, where that opens a way which the error's class does not know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The group became a supergroup with this id; the same message to the new chat goes through.
    Migrated(i64),
    /// Telegram could not use the reference it was given instead of bytes: a URL it could not fetch, a path it could not
    /// read, a file_id that is not (or no longer) one of this bot. The bytes themselves would go through.
    Reference,
    /// The bytes are not what the method wants; as a document they would pass.
    Media,
    /// Nothing to be done beyond the class.
    Other,
}

/// A send that failed.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What to report when nothing else is tried.
    pub error: Error,
    /// What else could be tried.
    pub cause: Cause,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { error, cause: Cause::Other }
    }
}

/// Texts of a 400 that is about the chat: it says so nowhere but in its description.
const CHAT: [&str; 17] = [
    "chat not found",
    "not enough rights",
    "have no rights",
    "need administrator rights",
    "user is deactivated",
    // Those of the core, which a 403 becomes where the server does not translate it.
    "chat_admin_required",
    "chat_forbidden",
    "chat_id_invalid",
    "chat_restricted",
    "chat_send_",
    "chat_write_forbidden",
    "channel_private",
    "input_user_deactivated",
    "peer_id_invalid",
    "topic_closed",
    "user_banned_in_channel",
    "user_is_blocked",
];

/// Texts of a 400 about a URL, a path or a file_id (`sendX` with a string instead of a file).
const REFERENCE: [&str; 9] = [
    "wrong file identifier",
    "wrong remote file identifier",
    "wrong file_id",
    "invalid file_id",
    "file_reference_",
    "failed to get http url content",
    "wrong type of the web page content",
    "wrong http url",
    "webpage_",
];

/// Texts of a 400 about what the bytes are.
const MEDIA: [&str; 5] = [
    "photo_invalid_dimensions",
    "image_process_failed",
    "photo_ext_invalid",
    "photo_save_file_invalid",
    "type of file",
];

/// Sorts a refusal. `description` has been freed of secrets; `header` is the `Retry-After` header.
pub(super) fn refusal(status: u16, description: &str, parameters: Parameters, header: Option<Duration>) -> Refused {
    let context = format!("Telegram answered {status}");
    let lower = description.to_ascii_lowercase();
    let any = |texts: &[&str]| texts.iter().any(|text| lower.contains(text));
    let error = |code| Error::quoting(code, &context, description);
    let plain = |code| Refused::from(error(code));
    let because = |code, cause| Refused { error: error(code), cause };
    match status {
        429 => {
            let wait = parameters.retry_after.map(Duration::from_secs).or(header).or_else(|| disguised_wait(&lower));
            let wait = wait.unwrap_or(DEFAULT_FLOOD_WAIT).max(LEAST_FLOOD_WAIT);
            error(Code::TelegramThrottled).retry_after(Some(wait)).into()
        }
        // The path is /bot<token>/<method>: a token of a wrong form answers 404. 421: not the server of this token.
        401 | 404 | 421 => plain(Code::TelegramUnauthorized),
        403 => plain(Code::TelegramChat),
        413 => plain(Code::TooLarge),
        400 => match (parameters.migrate_to_chat_id, disguised_wait(&lower)) {
            (Some(to), _) => because(Code::TelegramChat, Cause::Migrated(to)),
            (None, Some(wait)) => error(Code::TelegramThrottled).retry_after(Some(wait)).into(),
            _ if any(&CHAT) => plain(Code::TelegramChat),
            _ if lower.contains("file is too big") || lower.contains("too large") => plain(Code::TooLarge),
            _ if any(&REFERENCE) => because(Code::TelegramRejected, Cause::Reference),
            _ if any(&MEDIA) => because(Code::TelegramRejected, Cause::Media),
            _ => plain(Code::TelegramRejected),
        },
        // A gateway gave up on the server behind it, which may have finished all the same.
        502 | 504 => error(Code::SendAmbiguous).maybe_sent().into(),
        408 | 425 | 500..=599 => plain(Code::TelegramServer),
        _ => plain(Code::TelegramProtocol),
    }
}

/// The wait of a flood that comes as a 400: `failed to send message #1 with the error message "Too Many Requests: retry
/// after 8"` (rubenlagus/TelegramBots#1520). Such an answer has no `parameters`.
fn disguised_wait(lower: &str) -> Option<Duration> {
    let (_, rest) = lower.split_once("too many requests")?;
    let seconds = rest.split_once("retry after ").map(|(_, text)| {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text.get(..digits).unwrap_or_default().parse().unwrap_or(u64::MAX)
    });
    Some(seconds.map_or(DEFAULT_FLOOD_WAIT, |seconds| Duration::from_secs(seconds.min(86_400))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    fn refused(status: u16, description: &str) -> Refused {
        refusal(status, description, Parameters::default(), None)
    }

    #[test]
    fn what_else_could_be_tried() {
        for (description, cause) in [
            ("Bad Request: wrong file identifier/HTTP URL specified", Cause::Reference),
            ("Bad Request: wrong remote file identifier specified: Wrong string length", Cause::Reference),
            ("Bad Request: failed to get HTTP URL content", Cause::Reference),
            ("Bad Request: wrong type of the web page content", Cause::Reference),
            ("Bad Request: WEBPAGE_CURL_FAILED", Cause::Reference),
            ("Bad Request: WEBPAGE_MEDIA_EMPTY", Cause::Reference),
            ("Bad Request: invalid file_id", Cause::Reference),
            ("Bad Request: PHOTO_INVALID_DIMENSIONS", Cause::Media),
            ("Bad Request: IMAGE_PROCESS_FAILED", Cause::Media),
            ("Bad Request: message caption is too long", Cause::Other),
        ] {
            let refused = refused(400, description);
            assert_eq!((refused.cause, refused.error.code), (cause, Code::TelegramRejected), "{description}");
        }
        let to = Parameters { migrate_to_chat_id: Some(-1_001_234_567_890_123), ..Parameters::default() };
        let migrated = refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", to, None);
        assert_eq!(migrated.cause, Cause::Migrated(-1_001_234_567_890_123));
        assert_eq!(migrated.error.class(), Class::Config, "without a second try it is a wrong chat id");
    }

    #[test]
    fn a_flood_disguised_as_a_400_is_obeyed() {
        for (description, seconds) in [
            (r#"Bad Request: failed to send message #1 with the error message "Too Many Requests: retry after 8""#, 8),
            ("Bad Request: Too Many Requests: retry after 35", 35),
            ("Bad Request: Too Many Requests", DEFAULT_FLOOD_WAIT.as_secs()),
            ("Bad Request: too many requests: retry after 99999999999999999999999", 86_400),
        ] {
            let error = refused(400, description).error;
            assert_eq!(error.class(), Class::Throttled, "{description}");
            assert_eq!(error.retry_after, Some(Duration::from_secs(seconds)), "{description}");
        }
    }

    #[test]
    fn parameters_of_other_types_are_read_as_far_as_they_can_be() {
        let read = |text: &str| Parameters::of(&serde_json::from_str(text).unwrap());
        for (text, seconds) in [
            (r#"{"retry_after":35}"#, Some(35)),
            (r#"{"retry_after":"35"}"#, Some(35)),
            (r#"{"retry_after":34.0001}"#, Some(35)),
            (r#"{"retry_after":1e300}"#, Some(u64::MAX)),
            (r#"{"retry_after":-1}"#, None),
            (r#"{"retry_after":"soon"}"#, None),
            (r#"{"retry_after":null}"#, None),
            ("[]", None),
            ("7", None),
        ] {
            assert_eq!(read(text).retry_after, seconds, "{text}");
        }
        assert_eq!(read(r#"{"migrate_to_chat_id":"-1001"}"#).migrate_to_chat_id, Some(-1001));
        assert_eq!(read(r#"{"migrate_to_chat_id":-1001.5}"#).migrate_to_chat_id, None);
    }

    #[test]
    fn a_flood_without_a_time_to_speak_of_is_waited_for_all_the_same() {
        let none = Parameters { retry_after: Some(0), ..Parameters::default() };
        assert_eq!(refusal(429, "Too Many Requests", none, None).error.retry_after, Some(LEAST_FLOOD_WAIT));
    }

    #[test]
    fn a_chat_that_takes_nothing_is_not_bad_media() {
        for text in ["USER_IS_BLOCKED", "CHAT_SEND_PHOTOS_FORBIDDEN", "TOPIC_CLOSED", "PEER_ID_INVALID"] {
            assert_eq!(refused(400, &format!("Bad Request: {text}")).error.code, Code::TelegramChat, "{text}");
        }
    }
}
