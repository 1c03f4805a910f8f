//! What was found out about a file.

use std::time::Duration;

use super::{
    audio::Audio,
    faststart::{Plan, Refusal},
    format::Format,
    image::Image,
    mp4::{Mp4, Start},
    types::extension,
    verdict::Verdict,
};

/// What the header of a file says.
#[derive(Clone, Debug)]
pub enum Details {
    /// A picture.
    Image(Image),
    /// Boxes: a video, or sound in them.
    Mp4(Box<Mp4>),
    /// Sound.
    Audio(Audio),
    /// A format whose header is not read, or no known one.
    None,
    /// The file is not what its first bytes say; the text says what is wrong.
    Broken(&'static str),
    /// Finding out would have cost more reads or bytes than allowed, or reads failed.
    Unread,
}

/// What was found out about a file.
#[derive(Clone, Debug)]
pub struct Report {
    /// What the first bytes say; M4A where an MP4 has sound alone.
    pub format: Option<Format>,
    /// That, held against the declared type.
    pub verdict: Verdict,
    /// The content type to send.
    pub mime: String,
    /// What the header says.
    pub details: Details,
    /// Length of the file in bytes.
    pub len: u64,
    /// How many bytes it took to know.
    pub read: u64,
}

impl Report {
    /// The usual extension of [`Self::mime`], without its dot.
    #[must_use]
    pub fn extension(&self) -> Option<&'static str> {
        extension(&self.mime).or_else(|| self.format.map(Format::extension))
    }

    /// The boxes, where the file has them.
    #[must_use]
    pub const fn mp4(&self) -> Option<&Mp4> {
        if let Details::Mp4(mp4) = &self.details { Some(mp4) } else { None }
    }

    /// The picture, where the file is one.
    #[must_use]
    pub const fn image(&self) -> Option<&Image> {
        if let Details::Image(image) = &self.details { Some(image) } else { None }
    }

    /// Width and height in pixels as shown.
    #[must_use]
    pub fn size(&self) -> Option<(u32, u32)> {
        match &self.details {
            Details::Image(image) => Some((image.width, image.height)),
            Details::Mp4(mp4) => mp4.video().map(|track| (track.width, track.height)),
            _ => None,
        }
    }

    /// How long it plays.
    #[must_use]
    pub const fn duration(&self) -> Option<Duration> {
        match &self.details {
            Details::Mp4(mp4) => mp4.duration,
            Details::Audio(audio) => audio.duration,
            _ => None,
        }
    }

    /// How long it plays, in the whole seconds that the Bot API counts in: rounded, but something is never 0.
    #[must_use]
    pub fn seconds(&self) -> Option<u32> {
        let duration = self.duration().filter(|duration| !duration.is_zero())?;
        let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_millis() >= 500)).max(1);
        // A 32-bit number with a sign to Telegram.
        u32::try_from(seconds).ok().filter(|seconds| i32::try_from(*seconds).is_ok())
    }

    /// Title, where the header has one.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        match &self.details {
            Details::Mp4(mp4) => mp4.movie.title.as_deref(),
            Details::Audio(audio) => audio.title.as_deref(),
            _ => None,
        }
    }

    /// Performer, where the header has one.
    #[must_use]
    pub fn performer(&self) -> Option<&str> {
        match &self.details {
            Details::Mp4(mp4) => mp4.movie.performer.as_deref(),
            Details::Audio(audio) => audio.performer.as_deref(),
            _ => None,
        }
    }

    /// Whether there is sound; `None` where that is not known.
    #[must_use]
    pub fn has_audio(&self) -> Option<bool> {
        match &self.details {
            Details::Mp4(mp4) => Some(mp4.audio().is_some()),
            Details::Audio(_) => Some(true),
            Details::Image(_) => Some(false),
            _ => None,
        }
    }

    /// Whether a player can start with the first bytes (`supports_streaming` of sendVideo).
    #[must_use]
    pub fn is_fast(&self) -> bool {
        self.mp4().is_some_and(|mp4| mp4.start == Start::Fast)
    }

    /// The file with its movie box in front. `None` where it is not made of boxes.
    #[must_use]
    pub fn faststart(&self) -> Option<Result<Plan, Refusal>> {
        self.mp4().map(|mp4| mp4.faststart(self.len))
    }
}
