//! The ISO base media file format (ISO/IEC 14496-12) and QuickTime: what a player, and Telegram, must know of a file, read
//! from its box headers and its movie box alone.

pub mod boxes;
mod fragments;
pub mod layout;
mod movie;
mod tags;
mod track;

use std::time::Duration;

pub use layout::{Layout, TopBox};
pub use movie::Movie;
pub use track::{FourCc, Track, TrackKind};

use super::window::{Parse, Stop, Window, optional};

/// The largest movie box that is read. Two hours of film have one of 3 to 6 MiB.
pub const MOVIE_BYTES: u64 = 8 * 1024 * 1024;

/// Where the movie box stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// In front of the media data: a player can begin with the first bytes.
    Fast,
    /// Behind media data: a player must have the end of the file first. See [`super::faststart`].
    Slow,
}

/// What was found in an MP4, MOV, M4A or 3GP.
#[derive(Clone, Debug)]
pub struct Mp4 {
    /// The movie box, parsed.
    pub movie: Movie,
    /// Where the movie box stands.
    pub start: Start,
    /// How long it plays; `None` where neither header nor fragments say so.
    pub duration: Option<Duration>,
    /// The boxes of the file, as far as they were read: all of them where `start` is [`Start::Slow`] and the file is not
    /// cut, else up to the movie box.
    pub layout: Layout,
    /// The movie box itself, header included; what a rewrite starts from.
    pub moov: Vec<u8>,
}

impl Mp4 {
    /// The track that is shown: the first enabled one with a size whose samples are moving pictures.
    #[must_use]
    pub fn video(&self) -> Option<&Track> {
        let shown = |track: &&Track| track.kind == TrackKind::Video && track.width > 0 && track.height > 0;
        let moving = |track: &&Track| shown(track) && !track.is_picture();
        let tracks = &self.movie.tracks;
        tracks.iter().filter(|track| track.enabled).find(moving).or_else(|| tracks.iter().find(moving))
    }

    /// The first track of sound.
    #[must_use]
    pub fn audio(&self) -> Option<&Track> {
        self.movie.tracks.iter().find(|track| track.kind == TrackKind::Audio)
    }
}

/// Reads a file whose first bytes are those of this format.
///
/// # Errors
/// [`Stop`]: bytes are missing, or there is no movie box that can be read.
pub fn probe(window: &Window) -> Parse<Mp4> {
    let mut layout = layout::up_to_movie(window)?;
    let found = layout.movie().ok_or(Stop::Broken("no movie box"))?;
    if found.is_cut {
        return Err(Stop::Broken("the movie box is cut"));
    }
    if found.size > MOVIE_BYTES {
        return Err(Stop::Broken("the movie box is too large"));
    }
    // What little may follow a movie box at the end of the file comes with it.
    let tail = window.len().saturating_sub(found.end());
    let ahead = if tail <= layout::AHEAD { found.size.saturating_add(tail) } else { found.size };
    let moov = window.get_ahead(found.offset, found.size, ahead)?.to_vec();
    let movie = Movie::parse(moov.get(usize::from(found.header)..).unwrap_or_default())?;
    let start = if layout.has_data_before(found.offset) { Start::Slow } else { Start::Fast };
    if start == Start::Slow {
        layout.walk_on(window)?;
    }
    let duration = if movie.fragmented { fragments::duration(window, &layout, &movie)? } else { movie.duration };
    Ok(Mp4 { movie, start, duration, layout, moov })
}

/// As [`optional`], for the parts of this format that an answer can do without.
fn lenient<T>(part: Parse<Option<T>>) -> Parse<Option<T>> {
    optional(part).map(Option::flatten)
}
