//! Settings of a prewarm executor, as they come through the door.

use serde::Deserialize;

use super::{cache::CacheOptions, route::RouteChoice};
use crate::{
    executor::{ExecutorOptions, Limits, RetryOptions},
    http::{HttpOptions, Timeouts},
    s3::S3Options,
    telegram::{Kind, TelegramOptions},
};

/// Everything a prewarm executor is made of.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrewarmOptions {
    /// The bucket.
    pub s3: S3Options,
    /// The Bot API server.
    #[serde(default)]
    pub telegram: TelegramOptions,
    /// Jobs that run at once; 1 to 4,096.
    pub concurrency: usize,
    /// Jobs that wait; at least 1.
    pub capacity: usize,
    /// Which way the bytes go.
    #[serde(default)]
    pub route: RouteChoice,
    /// Bytes kept for other bots; none when absent.
    #[serde(default)]
    pub cache: Option<CacheOptions>,
    /// Compare the sha256 of what was read with the job's before the upload is completed.
    pub verify_sha256: bool,
    /// What becomes of a file that is too large for its kind.
    #[serde(default)]
    pub on_too_large: Otherwise,
    /// What becomes of a file that Telegram does not take as its kind.
    #[serde(default)]
    pub on_rejected: Otherwise,
    /// What becomes of a file that Telegram took as another kind.
    #[serde(default)]
    pub on_other_kind: OtherKind,
    /// What becomes of a photo above the limits of photos; `None` = as `on_too_large` and `on_rejected` say.
    #[serde(default)]
    pub on_large_photo: Option<LargePhoto>,
    /// Look into a file before it is sent: what it is, its geometry, how long it plays.
    #[serde(default = "yes")]
    pub probe: bool,
    /// Send a film whose index stands at its end with the index in front; needs `probe`.
    #[serde(default = "yes")]
    pub faststart: bool,
    /// Quick retries.
    #[serde(default)]
    pub retry: RetryOptions,
    /// How fast each bot sends; `None` = not paced.
    #[serde(default)]
    pub limits: Option<Limits>,
    /// Deadlines.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Transport.
    #[serde(default)]
    pub http: HttpOptions,
}

impl PrewarmOptions {
    /// What the executor needs of them.
    #[must_use]
    pub const fn executor(&self) -> ExecutorOptions {
        ExecutorOptions {
            concurrency: self.concurrency,
            capacity: self.capacity,
            retry: self.retry,
            limits: self.limits,
        }
    }

    /// What the pipeline does with files that do not fit their kind.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            on_too_large: self.on_too_large,
            on_rejected: self.on_rejected,
            accept_other_kind: self.on_other_kind == OtherKind::Accept,
            on_large_photo: self.on_large_photo,
            probe: self.probe,
            faststart: self.probe && self.faststart,
        }
    }
}

/// What to do with a file that cannot be sent as its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// The job fails.
    #[default]
    Fail,
    /// The file is sent as a document: its file_id is one of a document for ever.
    Document,
}

impl Otherwise {
    /// Whether a document is better than nothing.
    #[must_use]
    pub const fn is_document(self) -> bool {
        matches!(self, Self::Document)
    }
}

const fn yes() -> bool {
    true
}

/// What to do with a photo above the limits of photos (<https://core.telegram.org/bots/api#sendphoto>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LargePhoto {
    /// The job fails.
    Fail,
    /// The file is sent as a document.
    Document,
    /// A smaller JPEG of it is sent; where there can be none, `on_too_large` and `on_rejected` decide.
    Shrink,
}

/// What to do with a file that Telegram made another kind of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OtherKind {
    /// The job fails: the file_id is not what was asked for.
    #[default]
    Fail,
    /// The job succeeds, and its value names the kind that the file_id has.
    Accept,
}

/// What the pipeline does with files that do not fit their kind.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Too large for the kind.
    pub on_too_large: Otherwise,
    /// Refused by Telegram for what it is.
    pub on_rejected: Otherwise,
    /// Taken as another kind.
    pub accept_other_kind: bool,
    /// A photo above the limits of photos; else as above.
    pub on_large_photo: Option<LargePhoto>,
    /// Look into files.
    pub probe: bool,
    /// Put the index of a film in front.
    pub faststart: bool,
}

impl Policy {
    /// Whether a file of this kind may be too large and still be sent as it: then its bytes decide.
    #[must_use]
    pub fn shrinks(&self, kind: Kind) -> bool {
        self.probe && kind == Kind::Photo && self.on_large_photo == Some(LargePhoto::Shrink)
    }

    /// Whether a file too large for this kind becomes a document.
    #[must_use]
    pub fn makes_document(&self, kind: Kind) -> bool {
        match self.on_large_photo {
            Some(LargePhoto::Document) if kind == Kind::Photo => true,
            Some(LargePhoto::Fail) if kind == Kind::Photo => false,
            _ => self.on_too_large.is_document(),
        }
    }
}
