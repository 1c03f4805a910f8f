//! What a refusal of the Bot API means for the job: its error, and what could be done about it in the same breath.

use std::time::Duration;

use serde::Deserialize;

use crate::error::{Code, Error};

/// For a 429 that names no time.
pub(super) const DEFAULT_FLOOD_WAIT: Duration = Duration::from_secs(5);

/// `parameters` of a refusal (<https://core.telegram.org/bots/api#responseparameters>).
#[derive(Clone, Copy, Default, Deserialize)]
pub(super) struct Parameters {
    pub retry_after: Option<u64>,
    pub migrate_to_chat_id: Option<i64>,
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
const CHAT: [&str; 6] = [
    "chat not found",
    "not enough rights",
    "have no rights",
    "need administrator rights",
    "chat_write_forbidden",
    "user is deactivated",
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
            error(Code::TelegramThrottled).retry_after(Some(wait.unwrap_or(DEFAULT_FLOOD_WAIT))).into()
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
}
