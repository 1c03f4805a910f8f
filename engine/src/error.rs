//! The one error type of the engine, and the one table that ties codes, classes and documentation together.
//!
//! A code never changes its class: what a caller must do about a failure is a property of the code, so that the
//! retry loop, the store, the metrics and the reader of a log line all agree. The table is exported to JavaScript
//! (`errorTable()`), and a test holds `docs/errors.md` and `index.d.ts` against it.

use std::{borrow::Cow, fmt, time::Duration};

use serde::Serialize;

/// What has to happen after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Will probably go away: retry with backoff and full jitter; costs an attempt.
    Transient,
    /// The other side named a time: retry then; costs no attempt.
    Throttled,
    /// Will never succeed with this input: do not retry.
    Permanent,
    /// A setting is wrong (key, token, chat): pause that bot or tenant and tell the operator.
    Config,
    /// The request may have taken effect although no answer arrived.
    Ambiguous,
    /// Somebody asked for the end of the job, or its lease ran out; costs no attempt.
    Cancelled,
    /// A defect of warmpath itself.
    Bug,
}

impl Class {
    /// Every class, in the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::Transient, Self::Throttled, Self::Permanent, Self::Config, Self::Ambiguous, Self::Cancelled, Self::Bug];

    /// The name used in outcomes, metrics labels and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Throttled => "throttled",
            Self::Permanent => "permanent",
            Self::Config => "config",
            Self::Ambiguous => "ambiguous",
            Self::Cancelled => "cancelled",
            Self::Bug => "bug",
        }
    }
}

/// Where in a job a failure happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Before the job's first step.
    Queue,
    /// Reading the source.
    Download,
    /// Writing the request body.
    Upload,
    /// Waiting for, or reading, the answer to a complete request.
    Answer,
    /// Recording the result.
    Settle,
    /// Having a text generated.
    Generate,
    /// Splitting it into parts.
    Split,
    /// Delivering a part.
    Deliver,
}

/// Whether the remote side can have acted on a request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// It cannot: the request was never complete, or was refused.
    NotSent,
    /// It can: the request was complete and no answer settled it.
    MaybeSent,
}

macro_rules! codes {
    ($($variant:ident = $text:literal, $class:ident, $doc:literal;)*) => {
        /// Stable machine-readable name of a failure; see the table in `docs/errors.md`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $doc] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The text users see: `ERR_WARMPATH_…`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => concat!("ERR_WARMPATH_", $text),)* }
            }

            /// What has to happen after this failure.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Self::$variant => Class::$class,)* }
            }

            /// One sentence: what happened and what the caller can do.
            #[must_use]
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }
        }
    };
}

codes! {
    DownloadFailed = "DOWNLOAD_FAILED", Transient, "The source could not be read: network failure, 5xx, or a body cut short more often than it could be resumed.";
    DownloadTimeout = "DOWNLOAD_TIMEOUT", Transient, "The source sent no first byte, or no further byte, inside its deadline.";
    SourceChanged = "SOURCE_CHANGED", Transient, "The object changed while it was being read; nothing of the mixture was sent on.";
    SendFailed = "SEND_FAILED", Transient, "The request to Telegram failed before it was complete; nothing was sent.";
    TelegramServer = "TELEGRAM_SERVER", Transient, "Telegram answered with a server error that says the request was not carried out.";
    LlmUnavailable = "LLM_UNAVAILABLE", Transient, "The LLM service could not be reached, answered 5xx or 408, or broke off; nothing was delivered, so it is asked again.";
    LlmTimeout = "LLM_TIMEOUT", Transient, "The whole answer of the LLM service did not come inside its deadline.";
    LlmProtocol = "LLM_PROTOCOL", Transient, "The LLM service answered 200 with something that is no completion: no JSON, no choices, or no text.";
    LlmText = "LLM_TEXT", Transient, "The generated text has fewer graphemes than minGraphemes, spaces around it not counted; it is generated again.";
    WebhookUnavailable = "WEBHOOK_UNAVAILABLE", Transient, "The webhook could not be reached, or answered 5xx or 408; the part is sent again with the same idempotency key.";
    Database = "DATABASE", Transient, "A query of the worker failed; it is repeated, and no job is charged for it.";
    DiskFull = "DISK_FULL", Transient, "The disk, or the quota, is full (ENOSPC, EDQUOT); nothing is left of the file. Make room: the job is tried again.";
    DiskFailed = "DISK_FAILED", Transient, "A file could not be written (EIO, EROFS, EACCES, EMFILE …); nothing is left of it.";
    TelegramThrottled = "TELEGRAM_THROTTLED", Throttled, "Telegram answered 429, or its limits leave no room sooner; retryAfterMs says when the bot may send again.";
    LlmThrottled = "LLM_THROTTLED", Throttled, "The LLM service asked to wait, or llm.limits leave no room sooner; retryAfterMs says when.";
    LlmCircuitOpen = "LLM_CIRCUIT_OPEN", Throttled, "Every model has failed several times in a row and is left alone; retryAfterMs says until when.";
    WebhookThrottled = "WEBHOOK_THROTTLED", Throttled, "The webhook asked to wait (429, or 503 with Retry-After), or has failed several times in a row and is left alone; retryAfterMs says how long.";
    S3Throttled = "S3_THROTTLED", Throttled, "The object store answered 429 or SlowDown.";
    SourceThrottled = "SOURCE_THROTTLED", Throttled, "The server of a URL answered 429, or 503 with Retry-After; retryAfterMs says how long it asked to be left alone.";
    SourceNotFound = "SOURCE_NOT_FOUND", Permanent, "There is no object (or file) under that key (or path).";
    UrlRefused = "URL_REFUSED", Permanent, "The URL is none that strangers may have fetched (not https, a private address, a redirect to one …); nothing was connected to. The message says what is wrong with it; the allow list is for servers of your own.";
    SourceRejected = "SOURCE_REJECTED", Permanent, "The server of the URL refused the request (4xx other than 401, 403, 404, 408, 410, 425 and 429), or its answer is no file that can be used; the message says which.";
    SourceUnresolved = "SOURCE_UNRESOLVED", Permanent, "The medium has no address, or one that is refused (401, 403, 404, 410): look it up again (hook `resolve`).";
    MediaGone = "MEDIA_GONE", Permanent, "WhatsApp's servers do not have the file any more: its sender has to upload it again (hook `reupload`).";
    DecryptFailed = "DECRYPT_FAILED", Permanent, "The encrypted file does not fit its media key: another key, another media type, or altered bytes. Nothing was stored.";
    InvalidBase64 = "INVALID_BASE64", Permanent, "The text is not base64; the message says at which character.";
    TypeRefused = "TYPE_REFUSED", Permanent, "The bytes are of a type that is not in `accept`, or not the declared one with `onMismatch: 'fail'`. Nothing was stored.";
    Sha256Mismatch = "SHA256_MISMATCH", Permanent, "The bytes read do not have the sha256 of the job; nothing was sent or stored.";
    TooLarge = "TOO_LARGE", Permanent, "The file is larger than `maxBytes`, or than Telegram takes for that kind.";
    TelegramRejected = "TELEGRAM_REJECTED", Permanent, "Telegram refused the media (400); the message holds its description.";
    TelegramKind = "TELEGRAM_KIND", Permanent, "Telegram accepted the bytes as another kind; the kind of a file_id can never change, so it is not used.";
    TelegramProtocol = "TELEGRAM_PROTOCOL", Permanent, "The answer is not one the Bot API documents (another server, a proxy page, a redirect).";
    LlmRejected = "LLM_REJECTED", Permanent, "The LLM service refused the request as it is (400, 413, 422, a redirect …).";
    LlmModeration = "LLM_MODERATION", Permanent, "The request was flagged by moderation, or the answer was withheld by a content filter.";
    LlmTruncated = "LLM_TRUNCATED", Permanent, "The text was cut off at the token limit, and a part of a text is not sent: raise maxTokens.";
    WebhookRejected = "WEBHOOK_REJECTED", Permanent, "The webhook refused the part (4xx, or a redirect).";
    S3Protocol = "S3_PROTOCOL", Permanent, "The object store's answer breaks the protocol (no length, a wrong range, a redirect).";
    S3Unavailable = "S3_UNAVAILABLE", Transient, "The object store could not be reached, or answered 5xx, while writing; the write may be repeated.";
    S3Rejected = "S3_REJECTED", Permanent, "The object store refused the request (4xx); the message holds its code.";
    InvalidOption = "INVALID_OPTION", Permanent, "An option has a wrong type or value, or is unknown; the message names it.";
    InvalidArgument = "INVALID_ARGUMENT", Permanent, "An argument has a wrong type or value; the message names it.";
    InvalidJob = "INVALID_JOB", Permanent, "A field of the job is missing, wrong or unknown; the message names it.";
    QueueFull = "QUEUE_FULL", Permanent, "The queue is at its capacity; nothing was dropped, submit again later.";
    Closed = "CLOSED", Permanent, "The object was closed.";
    PeerMissing = "PEER_MISSING", Permanent, "An optional package is needed for this; the message holds the install command.";
    NativeLoad = "NATIVE_LOAD", Permanent, "The native addon could not be loaded; the message says why and what to do.";
    S3Signature = "S3_SIGNATURE", Config, "The object store refused the signature: check s3.secretAccessKey (R2_SECRET_ACCESS_KEY) and s3.region.";
    S3Access = "S3_ACCESS", Config, "The object store refused access: check s3.accessKeyId (R2_ACCESS_KEY_ID), s3.bucket (R2_BUCKET) and the key's permissions.";
    TelegramUnauthorized = "TELEGRAM_UNAUTHORIZED", Config, "Telegram does not know the bot token (401, or 404 on the method).";
    TelegramChat = "TELEGRAM_CHAT", Config, "The bot cannot write to that chat (403, chat not found, no rights).";
    LlmUnauthorized = "LLM_UNAUTHORIZED", Config, "The LLM service refused llm.apiKey, or what it may do (401, 403).";
    LlmCredits = "LLM_CREDITS", Config, "The account of llm.apiKey has no credits left, or its limit is reached (402).";
    LlmModel = "LLM_MODEL", Config, "The LLM service knows no such model, or has no provider for it (404): check llm.models.";
    WebhookUnauthorized = "WEBHOOK_UNAUTHORIZED", Config, "The webhook refused the signature or the authorization (401, 403): check webhook.secret and webhook.headers.";
    Tls = "TLS", Config, "The server's certificate was refused: check http.ca, the host name and the clock.";
    CredentialsNotReady = "CREDENTIALS_NOT_READY", Config, "The signer has no valid credentials: await signer.ready(), and see the error's cause where the provider failed.";
    BotNotFound = "BOT_NOT_FOUND", Config, "No bot with that slug.";
    BotTokenNotSet = "BOT_TOKEN_NOT_SET", Config, "The bot has no token.";
    WarmupChatNotSet = "WARMUP_CHAT_NOT_SET", Config, "The bot has no warm-up chat.";
    SendAmbiguous = "SEND_AMBIGUOUS", Ambiguous, "The request was complete, but no answer settled it: the message may exist.";
    WebhookAmbiguous = "WEBHOOK_AMBIGUOUS", Ambiguous, "The part was sent, but no answer settled it: it may have been delivered, and is sent again with the same idempotency key and text.";
    Cancelled = "CANCELLED", Cancelled, "The job was cancelled, or the executor closed before it was done.";
    Aborted = "ABORTED", Cancelled, "The caller's AbortSignal fired.";
    LeaseLost = "LEASE_LOST", Cancelled, "The job's lease was about to end; another worker may run it.";
    Internal = "INTERNAL", Bug, "A defect of warmpath: please report it with the message.";
}

impl Code {
    /// What the caller has to do before another try can succeed; `None` = nothing that only the caller can do. A failure with
    /// a need costs no attempt.
    #[must_use]
    pub const fn needs(self) -> Option<&'static str> {
        match self {
            Self::MediaGone => Some("reupload"),
            Self::SourceUnresolved => Some("resolve"),
            _ => None,
        }
    }
}

/// Longest message kept, in characters: a remote text is quoted, never trusted with our memory.
const MESSAGE_LIMIT: usize = 300;

/// A failure as a value. Cheap to clone, safe to log: its message never holds a URL, a token or a key.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Stable name; decides the class.
    pub code: Code,
    /// Where it happened, when that is known.
    pub phase: Option<Phase>,
    /// The time the other side asked for, counted from the failure.
    pub retry_after: Option<Duration>,
    /// Whether the remote side can have acted.
    pub certainty: Certainty,
    /// How often it is looked at again although its class calls it final: the one who answered may not have been who was
    /// asked, as with a page out of nowhere or a key refused that was good a moment ago.
    pub looks: u8,
    /// One sentence for people; remote text is clipped and stripped of control characters.
    pub message: Cow<'static, str>,
}

impl Error {
    /// An error of `code` with a message of our own.
    #[must_use]
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, phase: None, retry_after: None, certainty: Certainty::NotSent, looks: 0, message: message.into() }
    }

    /// An error whose message quotes a remote text: clipped, and control characters replaced.
    #[must_use]
    pub fn quoting(code: Code, context: &str, remote: impl fmt::Display) -> Self {
        let text: String = format!("{context}: {remote}")
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(MESSAGE_LIMIT)
            .collect();
        Self::new(code, text)
    }

    /// The same error, placed in `phase` unless it already has a place.
    #[must_use]
    pub fn at(mut self, phase: Phase) -> Self {
        self.phase.get_or_insert(phase);
        self
    }

    /// The same error with the time the other side asked for.
    #[must_use]
    pub fn retry_after(mut self, after: Option<Duration>) -> Self {
        self.retry_after = after;
        self
    }

    /// The same error, marked as possibly carried out.
    #[must_use]
    pub fn maybe_sent(mut self) -> Self {
        self.certainty = Certainty::MaybeSent;
        self
    }

    /// The same error, worth so many further looks; see [`Error::looks`].
    #[must_use]
    pub const fn worth(mut self, looks: u8) -> Self {
        self.looks = looks;
        self
    }

    /// What has to happen after this failure.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.code.class()
    }
}

/// Shorthand used all over the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_well_formed() {
        let mut seen = std::collections::HashSet::new();
        for code in Code::ALL {
            let text = code.as_str();
            assert!(seen.insert(text), "{text} twice");
            assert!(text.starts_with("ERR_WARMPATH_"));
            assert!(text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'), "{text}");
            assert!(code.doc().ends_with('.'), "{text} has no sentence");
        }
    }

    #[test]
    fn every_class_has_a_code_and_serialises_as_its_name() {
        for class in Class::ALL {
            assert!(Code::ALL.iter().any(|code| code.class() == class), "{class:?}");
            assert_eq!(serde_json::to_string(&class).unwrap(), format!("\"{}\"", class.as_str()));
        }
    }

    #[test]
    fn remote_text_is_clipped_and_cleaned() {
        let error = Error::quoting(Code::TelegramRejected, "Telegram", format!("a\r\nb\u{0}{}", "x".repeat(1000)));
        assert!(error.message.starts_with("Telegram: a  b x"));
        assert_eq!(error.message.chars().count(), MESSAGE_LIMIT);
    }
}
