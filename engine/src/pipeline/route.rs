//! Which way a file takes to Telegram, as two tables: [`plan`] before the first request of a try, [`Call::after`] after a
//! refusal. Both are pure: what they decide depends on their arguments alone, and every decision carries its [`Reason`].
//!
//! | way | bytes through this process | when |
//! |---|---|---|
//! | `file` | none over HTTP | the source is a file, and the Bot API server is one that reads it by its path |
//! | `cache` | upload only | another job's download of the same bytes is here |
//! | `url` | none | Telegram may fetch an object of that kind, type and size, and the bytes are known to be right |
//! | `stream` | download and upload | everything else |

use serde::{Deserialize, Serialize};

use super::Policy;
use crate::{
    error::{Code, Error, Phase, Result},
    telegram::{Cause, Kind, Refused},
};

/// What the user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteChoice {
    /// The cheapest way that is right.
    #[default]
    Auto,
    /// All bytes go through this process.
    Stream,
    /// No bytes do: what Telegram cannot fetch by itself fails.
    Url,
}

/// The way a file took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// From the byte cache, streamed.
    Cache,
    /// Telegram fetched it from a presigned URL.
    Url,
    /// From its source, streamed.
    Stream,
    /// A local Bot API server read it from the disk.
    File,
}

/// Why it took that way. A closed set: it may become a metric's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// `cache`: another job had read the same bytes, or was reading them.
    BytesHere,
    /// `url`: Telegram fetches files of this kind, type and size, and these bytes are known to be right (or nobody asked).
    Direct,
    /// `file`: the local Bot API server reads the same disk.
    LocalServer,
    /// `stream`: asked for with `route: 'stream'`.
    Requested,
    /// `stream`: `verifySha256` is on and these bytes have not been verified yet.
    Unverified,
    /// `stream`: Telegram fetches no file of that size.
    Size,
    /// `stream`: Telegram fetches no file of that kind or content type.
    Kind,
    /// `stream`: the source is a file of this machine.
    LocalFile,
    /// `stream`: Telegram could not fetch the URL, or the local server could not read the path.
    Unreachable,
    /// `stream`: the bytes were in the cache when this was planned, and no longer when they were needed.
    Evicted,
    /// `stream`: the index of this film is put in front on the way (`faststart`).
    Faststart,
    /// `stream`: a smaller version of this photo is sent (`onLargePhoto`).
    Shrunk,
    /// `stream`: this photo is above the limits of photos (`onLargePhoto`): Telegram has just refused it by URL, or another job has
    /// seen its bytes.
    LargePhoto,
    /// `stream`: several URLs in a row could not be fetched; they are not tried for a while.
    Suspended,
}

/// Where the bytes of a job are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the bucket.
    Object,
    /// On a disk that the Bot API server does not see.
    LocalFile,
    /// On a disk that it does.
    SharedFile,
}

/// Whether the bytes behind a URL may be handed over unseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nobody asked for verification, or it was done.
    Yes,
    /// One version of the object was verified: it must still be that one.
    IfUnchanged,
    /// Nobody has seen them.
    No,
}

/// What a decision is made of.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What the user asks for.
    pub choice: RouteChoice,
    /// Decides what Telegram fetches.
    pub kind: Kind,
    /// Where the bytes are.
    pub place: Place,
    /// Whether the byte cache has the bytes, or is getting them.
    pub cached: bool,
    /// Whether the bytes may go unseen.
    pub trust: Trust,
    /// Whether URLs have failed too often of late.
    pub suspended: bool,
    /// Size, where it is known.
    pub len: Option<u64>,
    /// Content type, where it is known.
    pub content_type: Option<&'a str>,
}

/// What [`plan`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Go this way.
    Go(Route, Reason),
    /// The store must be asked for the object's size, type and version first.
    Ask,
}

/// The table. The first row that fits decides.
///
/// # Errors
/// With [`RouteChoice::Url`], for a file that Telegram does not fetch: `TOO_LARGE`, `INVALID_JOB`.
pub fn plan(facts: &Facts<'_>) -> Result<Plan> {
    let Facts { choice, kind, trust, .. } = *facts;
    let only_url = choice == RouteChoice::Url;
    let stream = |reason| if only_url { Err(not_by_url(kind, reason)) } else { Ok(Plan::Go(Route::Stream, reason)) };
    match facts {
        // A file of this machine.
        Facts { place: Place::SharedFile, choice: RouteChoice::Auto, .. } => {
            Ok(Plan::Go(Route::File, Reason::LocalServer))
        }
        Facts { place: Place::LocalFile | Place::SharedFile, .. } => stream(Reason::LocalFile),
        // An object whose bytes are here, or must come here.
        Facts { cached: true, .. } if !only_url => Ok(Plan::Go(Route::Cache, Reason::BytesHere)),
        Facts { choice: RouteChoice::Stream, .. } => stream(Reason::Requested),
        _ if fetched_up_to(kind).is_none() => stream(Reason::Kind),
        _ if trust == Trust::No => stream(Reason::Unverified),
        Facts { suspended: true, .. } if !only_url => stream(Reason::Suspended),
        // An object that Telegram may fetch by itself.
        Facts { len: None, .. } | Facts { content_type: None, .. } | Facts { trust: Trust::IfUnchanged, .. } => {
            Ok(Plan::Ask)
        }
        Facts { len: Some(len), .. } if Some(*len) > fetched_up_to(kind) => stream(Reason::Size),
        Facts { content_type: Some(text), .. } if !fetches(kind, text) => stream(Reason::Kind),
        _ => Ok(Plan::Go(Route::Url, Reason::Direct)),
    }
}

/// The largest file of a kind that Telegram fetches, in bytes; `None` for a kind it never does
/// (<https://core.telegram.org/bots/api#sending-files>: "5 MB max size for photos and 20 MB max for other types";
/// "voice: audio/ogg, up to 1 MB"; "video notes by a URL is currently unsupported").
const fn fetched_up_to(kind: Kind) -> Option<u64> {
    match kind {
        Kind::Photo => Some(5 * 1024 * 1024),
        Kind::Voice => Some(1024 * 1024),
        Kind::VideoNote => None,
        _ => Some(20 * 1024 * 1024),
    }
}

/// The content types Telegram takes from a URL for a kind: "the target file must have the correct MIME type"; "sendDocument
/// by URL will currently only work for GIF, PDF and ZIP files".
fn fetches(kind: Kind, content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is = |types: &[&str]| types.contains(&essence.as_str());
    match kind {
        Kind::Photo => is(&["image/jpeg", "image/png", "image/webp"]),
        Kind::Video => is(&["video/mp4"]),
        Kind::Audio => is(&["audio/mpeg", "audio/mp4", "audio/x-m4a"]),
        Kind::Voice => is(&["audio/ogg"]),
        Kind::Animation => is(&["image/gif", "video/mp4"]),
        // Not GIF: it would become an animation, `disable_content_type_detection` is for uploads only.
        Kind::Document => is(&["application/pdf", "application/zip"]),
        Kind::Sticker => is(&["image/webp"]),
        Kind::VideoNote => false,
    }
}

fn not_by_url(kind: Kind, reason: Reason) -> Error {
    let (code, why) = match reason {
        Reason::Size => (Code::TooLarge, "Telegram fetches no file of that size"),
        Reason::LocalFile => (Code::InvalidJob, "a local file has no URL"),
        _ => (Code::InvalidJob, "Telegram fetches no file of that kind or content type"),
    };
    Error::new(code, format!("route 'url': {why} ({})", kind.field())).at(Phase::Upload)
}

/// Why a file_id has another kind than the job asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KindReason {
    /// Too large for the kind; sent as a document (`onTooLarge`).
    TooLarge,
    /// Telegram refused the media; sent as a document (`onRejected`).
    Rejected,
    /// Telegram made another kind of it (`onOtherKind`).
    Telegram,
}

/// A group that became a supergroup. As text: the ids pass what a JavaScript number is commonly read into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Migrated {
    /// The chat the job named.
    pub from: String,
    /// The chat it is now.
    pub to: String,
}

/// One request of a try: all that may differ from the request before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Where to.
    pub chat_id: String,
    /// As what.
    pub kind: Kind,
    /// Why not as what the job says.
    pub kind_reason: Option<KindReason>,
    /// Which way.
    pub route: Route,
    /// Why that way.
    pub reason: Reason,
    /// Whether the URL has to be another one than before.
    pub nonce: bool,
    /// The chat that the job named is this one now.
    pub migrated: Option<Migrated>,
}

impl Call {
    /// The next request of the same try, if there is one; else the refusal stands. Each row can fit once, so a try ends.
    #[must_use]
    pub fn after(&self, refused: &Refused, choice: RouteChoice, policy: Policy) -> Option<Self> {
        let again = self.clone();
        let as_document = policy.on_rejected.is_document() && self.kind != Kind::Document && self.kind_reason.is_none();
        match (refused.cause, self.route) {
            // The same to the chat's new id.
            (Cause::Migrated(to), _) if self.migrated.is_none() => {
                let (from, to) = (self.chat_id.clone(), to.to_string());
                Some(Self { chat_id: to.clone(), migrated: Some(Migrated { from, to }), ..again })
            }
            // Telegram remembers what it could not fetch by the URL: under another one it looks again.
            (Cause::Reference, Route::Url) if !self.nonce => Some(Self { nonce: true, ..again }),
            // Then the bytes themselves.
            (Cause::Reference, Route::Url | Route::File) if choice != RouteChoice::Url => {
                Some(Self { route: Route::Stream, reason: Reason::Unreachable, ..again })
            }
            // Seen here first: what becomes of a photo above the limits is the policy's to say.
            (Cause::Media, Route::Url) if self.kind == Kind::Photo && choice != RouteChoice::Url => {
                Some(Self { route: Route::Stream, reason: Reason::LargePhoto, ..again })
            }
            // The same bytes as a document.
            (Cause::Media, _) if as_document => {
                Some(Self { kind: Kind::Document, kind_reason: Some(KindReason::Rejected), ..again }.by_bytes(choice))
            }
            _ => None,
        }
    }

    /// A document is fetched for two content types only; the bytes always go through.
    fn by_bytes(self, choice: RouteChoice) -> Self {
        match self.route {
            Route::Url if choice != RouteChoice::Url => Self { route: Route::Stream, reason: Reason::Kind, ..self },
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests;
