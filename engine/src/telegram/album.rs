//! The answer of `sendMediaGroup` (<https://core.telegram.org/bots/api#sendmediagroup>), which can fail half way: Telegram
//! sends the items one by one, and what it says of the failing one is all it says.

use std::time::Duration;

use http::StatusCode;

use super::{
    Message,
    answer::read,
    refusal::{Cause, Refused},
};
use crate::{
    error::{Class, Code, Error},
    secret::Secret,
};

/// An album that was not sent, or not to its end.
#[derive(Clone, Debug)]
pub struct AlbumRefused {
    /// What to report. Where items may be in the chat already, it is marked as possibly sent.
    pub error: Error,
    /// What else could be tried.
    pub cause: Cause,
    /// Items before the failing one, which are probably in the chat; their messages are not told. Send the others one by
    /// one: the whole album again would repeat these.
    pub delivered: usize,
}

/// Reads the answer for an album of `items`.
///
/// # Errors
/// [`AlbumRefused`]; its error is `TELEGRAM_THROTTLED` also where a 429 comes disguised as a 400, `SEND_AMBIGUOUS` where
/// the answer has fewer messages than the album has items.
pub fn read_album(
    status: StatusCode,
    body: &[u8],
    header_retry_after: Option<Duration>,
    secrets: &[&Secret],
    items: usize,
) -> Result<Vec<Message>, AlbumRefused> {
    match read::<Vec<Message>>(status, body, header_retry_after, secrets) {
        Ok(messages) if messages.len() == items => Ok(messages),
        Ok(messages) => {
            let text = format!("Telegram answered with {} messages for an album of {items}", messages.len());
            let error = Error::new(Code::SendAmbiguous, text).maybe_sent();
            Err(AlbumRefused { error, cause: Cause::Other, delivered: messages.len().min(items) })
        }
        Err(Refused { error, cause }) => {
            let delivered = failing_item(&error.message).map_or(0, |number| number.saturating_sub(1).min(items));
            let error = if delivered > 0 { error.maybe_sent() } else { error };
            Err(AlbumRefused { error, cause, delivered })
        }
    }
}

/// N of `failed to send message #N with the error message "…"`.
fn failing_item(message: &str) -> Option<usize> {
    let (_, rest) = message.split_once("failed to send message #")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..digits)?.parse().ok()
}

impl AlbumRefused {
    /// Whether the album (or the rest of it) may be sent once the time is up.
    #[must_use]
    pub const fn is_flood(&self) -> bool {
        matches!(self.error.class(), Class::Throttled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Certainty;

    fn refused(status: u16, description: &str) -> AlbumRefused {
        let body = serde_json::json!({ "ok": false, "error_code": status, "description": description }).to_string();
        read_album(StatusCode::from_u16(status).unwrap(), body.as_bytes(), None, &[], 7).unwrap_err()
    }

    fn flood(number: usize) -> AlbumRefused {
        refused(
            400,
            &format!(
                r#"Bad Request: failed to send message #{number} with the error message "Too Many Requests: retry after 8""#
            ),
        )
    }

    /// rubenlagus/TelegramBots#1520
    #[test]
    fn a_flood_disguised_as_a_400_says_how_much_was_delivered() {
        let first = flood(1);
        assert!(first.is_flood());
        assert_eq!((first.delivered, first.error.certainty), (0, Certainty::NotSent));
        let fourth = flood(4);
        assert_eq!((fourth.delivered, fourth.error.certainty), (3, Certainty::MaybeSent));
        assert_eq!(fourth.error.retry_after, Some(Duration::from_secs(8)));
        assert_eq!(flood(99).delivered, 7, "never more than were sent");
        assert_eq!(flood(0).delivered, 0);
    }

    #[test]
    fn a_bad_item_in_the_middle_is_named_and_no_flood() {
        let text = r#"Bad Request: failed to send message #3 with the error message "PHOTO_INVALID_DIMENSIONS""#;
        let refused = refused(400, text);
        assert!(!refused.is_flood());
        assert_eq!((refused.delivered, refused.cause), (2, Cause::Media));
    }

    #[test]
    fn messages_are_counted_against_items() {
        let message = r#"{"message_id":1,"chat":{"id":5},"photo":[]}"#;
        let body = |count: usize| format!(r#"{{"ok":true,"result":[{}]}}"#, vec![message; count].join(","));
        let read = |count: usize| read_album(StatusCode::OK, body(count).as_bytes(), None, &[], 3);
        assert_eq!(read(3).unwrap().len(), 3);
        let short = read(2).unwrap_err();
        assert_eq!((short.error.code, short.delivered), (Code::SendAmbiguous, 2));
        let page = read_album(StatusCode::BAD_GATEWAY, b"<html>", None, &[], 3).unwrap_err();
        assert_eq!((page.error.code, page.delivered), (Code::SendAmbiguous, 0));
    }
}
