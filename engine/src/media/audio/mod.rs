//! Sound files: how long they play, title and performer.

mod flac;
mod id3;
pub mod mp3;
mod ogg;
mod vorbis;
mod wav;

use std::time::Duration;

use super::{
    format::Format,
    window::{Parse, Stop, Window},
};

/// Most characters of a title or a performer. Telegram shows a line of either.
const TEXT_CHARS: usize = 256;

/// What the header of a sound file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audio {
    /// How long it plays.
    pub duration: Option<Duration>,
    /// Whether the duration is worked out from the bit rate of the first frame, for want of anything better.
    pub is_estimate: bool,
    /// Title.
    pub title: Option<String>,
    /// Performer.
    pub performer: Option<String>,
}

/// Reads a sound file of a known format. M4A is read by [`super::mp4`].
///
/// # Errors
/// [`Stop`]: bytes are missing, or the file is not what its first bytes say.
pub fn probe(window: &Window, format: Format) -> Parse<Audio> {
    match format {
        Format::Mp3 => mp3::probe(window),
        Format::OggOpus | Format::OggVorbis => ogg::probe(window),
        Format::Wav => wav::probe(window),
        Format::Flac => flac::probe(window),
        _ => Err(Stop::Broken("not a sound format whose header is read")),
    }
}

/// Whether [`probe`] reads the headers of this format.
#[must_use]
pub const fn is_probed(format: Format) -> bool {
    matches!(format, Format::Mp3 | Format::OggOpus | Format::OggVorbis | Format::Wav | Format::Flac)
}

/// A text of a tag as one line: control characters are blanks, and what is too long is cut. `None` where nothing is left.
pub(super) fn clean(text: &str) -> Option<String> {
    let line: String =
        text.trim_end_matches('\0').chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_CHARS).collect();
    let line = line.trim();
    (!line.is_empty()).then(|| line.to_owned())
}
