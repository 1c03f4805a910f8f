//! The kinds of media Telegram tells apart, each with its own method. The kind of a file_id can never change
//! (<https://core.telegram.org/bots/api#sending-files>), so each is sent by its own method.

use serde::{Deserialize, Serialize};

/// A kind of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `sendPhoto`
    Photo,
    /// `sendVideo`
    Video,
    /// `sendAudio`
    Audio,
    /// `sendVoice`
    Voice,
    /// `sendAnimation`
    Animation,
    /// `sendDocument`
    Document,
    /// `sendSticker`
    Sticker,
    /// `sendVideoNote`
    VideoNote,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Photo,
        Self::Video,
        Self::Audio,
        Self::Voice,
        Self::Animation,
        Self::Document,
        Self::Sticker,
        Self::VideoNote,
    ];

    /// The Bot API method.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::Photo => "sendPhoto",
            Self::Video => "sendVideo",
            Self::Audio => "sendAudio",
            Self::Voice => "sendVoice",
            Self::Animation => "sendAnimation",
            Self::Document => "sendDocument",
            Self::Sticker => "sendSticker",
            Self::VideoNote => "sendVideoNote",
        }
    }

    /// The name of the file field, and of the field of the answer; also the name in jobs and outcomes.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Voice => "voice",
            Self::Animation => "animation",
            Self::Document => "document",
            Self::Sticker => "sticker",
            Self::VideoNote => "video_note",
        }
    }

    /// The largest upload the cloud server takes, in bytes: 10 MB for photos, 50 MB for everything else.
    #[must_use]
    pub const fn max_upload_bytes(self) -> u64 {
        match self {
            Self::Photo => 10 * 1024 * 1024,
            _ => 50 * 1024 * 1024,
        }
    }

    /// Whether the method takes a caption.
    #[must_use]
    pub const fn takes_caption(self) -> bool {
        !matches!(self, Self::Sticker | Self::VideoNote)
    }

    /// Content type and file extension for a file of which nothing better is known.
    #[must_use]
    pub const fn default_type(self) -> (&'static str, &'static str) {
        match self {
            Self::Photo => ("image/jpeg", "jpg"),
            Self::Video | Self::Animation | Self::VideoNote => ("video/mp4", "mp4"),
            Self::Audio => ("audio/mpeg", "mp3"),
            Self::Voice => ("audio/ogg", "ogg"),
            Self::Document => ("application/octet-stream", "bin"),
            Self::Sticker => ("image/webp", "webp"),
        }
    }
}
