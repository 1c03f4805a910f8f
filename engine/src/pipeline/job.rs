//! What a prewarm works on and what it produces, as both cross the door.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    digest::Sha256Digest,
    prepare::Rewritten,
    route::{KindReason, Migrated, Reason, Route},
};
use crate::{
    error::{Code, Error, Result},
    executor::Job,
    secret::Secret,
    telegram::Kind,
};

/// One media file to be warmed for one bot. Many of them wait, so each is small: texts that never grow have no room to, and
/// what jobs of one bot have in common they share ([`Job::share`]).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrewarmJob {
    /// What makes it the same job as another; `kind:sha256:botSlug` unless the caller has an own idea.
    pub key: Box<str>,
    /// The bot; what it is told to wait for holds all its jobs back.
    pub bot_slug: Arc<str>,
    /// sha256 of the bytes.
    pub sha256: Sha256Digest,
    /// Decides the Bot API method, and for ever what the file_id can be used for.
    pub kind: Kind,
    /// Key of the object in the bucket.
    #[serde(default)]
    pub r2_key: Option<Box<str>>,
    /// Path of a local file, instead of an object.
    #[serde(default)]
    pub path: Option<Box<str>>,
    /// Token of the bot.
    pub token: Secret,
    /// Warm-up chats; whichever may be sent to first is used.
    pub chat_ids: Arc<[String]>,
    /// Name the file gets in Telegram; `<sha256>.<extension>` when absent.
    #[serde(default)]
    pub file_name: Option<Box<str>>,
    /// Content type; the stored object's when absent, the kind's usual one when that says nothing.
    #[serde(default)]
    pub content_type: Option<Box<str>>,
    /// Size the caller expects, in bytes; a source of another size is refused before anything is sent.
    #[serde(default)]
    pub size: Option<u64>,
    /// Higher first.
    #[serde(default)]
    pub priority: i32,
    /// Text below the media.
    #[serde(default)]
    pub caption: Option<Box<str>>,
    /// What the caller knows of the media; found out where it does not. Boxed: most jobs have none, and many jobs wait.
    #[serde(default)]
    pub media: Option<Box<Given>>,
    /// How long nobody else runs this job, in ms.
    #[serde(default)]
    pub lease_ms: Option<u64>,
}

/// What the caller knows of a job's media. It wins over what is found in the file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Given {
    /// Pixels as shown.
    #[serde(default)]
    pub width: Option<u32>,
    /// Pixels as shown.
    #[serde(default)]
    pub height: Option<u32>,
    /// Seconds.
    #[serde(default)]
    pub duration: Option<u32>,
    /// Of an audio file.
    #[serde(default)]
    pub title: Option<String>,
    /// Of an audio file.
    #[serde(default)]
    pub performer: Option<String>,
}

impl PrewarmJob {
    /// Checks what the types cannot say. JavaScript has checked it before; this is the wall behind that door.
    ///
    /// # Errors
    /// `INVALID_JOB`, naming the field.
    pub fn validate(&self) -> Result<()> {
        let invalid = |what: &'static str| Err(Error::new(Code::InvalidJob, what));
        if self.key.is_empty() {
            return invalid("key: must not be empty");
        }
        if self.r2_key.is_some() == self.path.is_some() {
            return invalid("exactly one of r2Key and path must be given");
        }
        let token = self.token.reveal();
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_alphanumeric() || b":_-".contains(&b)) {
            return invalid("token: must be a bot token");
        }
        let chat = |id: &String| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"@_-".contains(&b));
        if self.chat_ids.is_empty() || !self.chat_ids.iter().all(chat) {
            return invalid("chatIds: must be at least one chat id or @name");
        }
        Ok(())
    }
}

impl Job for PrewarmJob {
    fn key(&self) -> &str {
        &self.key
    }

    fn priority(&self) -> i32 {
        self.priority
    }

    /// The id of the bot, which its token begins with: limits are the token's, whatever the app calls the bot.
    fn scope(&self) -> &str {
        self.token.reveal().split(':').next().unwrap_or_default()
    }

    fn chats(&self) -> &[String] {
        &self.chat_ids
    }

    fn size(&self) -> Option<u64> {
        self.size
    }

    fn share(&mut self, twin: &Self) {
        self.chat_ids = Arc::clone(&twin.chat_ids);
        if self.bot_slug == twin.bot_slug {
            self.bot_slug = Arc::clone(&twin.bot_slug);
        }
        if self.token.reveal() == twin.token.reveal() {
            self.token = twin.token.clone();
        }
    }

    fn lease(&self) -> Option<Duration> {
        self.lease_ms.map(Duration::from_millis)
    }
}

/// What a prewarm produces.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrewarmValue {
    /// What the bot sends from now on.
    pub file_id: String,
    /// The same for every bot.
    pub file_unique_id: String,
    /// Message in the warm-up chat.
    pub message_id: i64,
    /// The warm-up chat, as text: ids exceed 32 bits.
    pub chat_id: String,
    /// Kind of the file_id; the job's, unless `kind_reason` says why not.
    pub kind: Kind,
    /// Why the file_id has another kind than the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind_reason: Option<KindReason>,
    /// Size of the source.
    pub bytes: u64,
    /// How the bytes went.
    pub route: Route,
    /// Why they went so.
    pub route_reason: Reason,
    /// What was changed of the bytes before they were sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewritten: Option<Rewritten>,
    /// The warm-up chat that the job named has become another one: use that from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migrated_chat: Option<Migrated>,
    /// Pixels: as Telegram says, else as the job or the file does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels: as Telegram says, else as the job or the file does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Seconds: as Telegram says, else as the job or the file does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<u32>,
}
