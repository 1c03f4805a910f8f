//! The movie box: tracks, duration, whether fragments follow.

use std::time::Duration;

use super::{
    boxes::{Children, child, full},
    tags,
    track::{Matrix, Track},
};
use crate::media::{
    cursor::ticks,
    window::{Parse, Stop},
};

/// Most tracks kept: films have a dozen, and a crafted box could name a million.
const MOST_TRACKS: usize = 64;

/// What the movie box says.
#[derive(Clone, Debug, Default)]
pub struct Movie {
    /// Ticks a second of the movie's clock.
    pub timescale: u32,
    /// How long the samples that this box lists play; of a file in fragments this is not all.
    pub duration: Option<Duration>,
    /// Whether samples stand in fragments behind the movie box.
    pub fragmented: bool,
    /// How long all fragments play, where the box says so (`mehd`), in ticks of [`Self::timescale`].
    pub fragments_duration: Option<u64>,
    /// The tracks, in their order.
    pub tracks: Vec<Track>,
    /// Title, where iTunes' or QuickTime's metadata has one.
    pub title: Option<String>,
    /// Performer, likewise.
    pub performer: Option<String>,
}

impl Movie {
    /// Reads the body of a movie box.
    ///
    /// # Errors
    /// [`Stop::Broken`]: it is compressed, or has no movie header.
    pub fn parse(body: &[u8]) -> Parse<Self> {
        if child(body, *b"cmov").is_some() {
            return Err(Stop::Broken("the movie box is compressed"));
        }
        let header = child(body, *b"mvhd").and_then(Header::parse).ok_or(Stop::Broken("no movie header"))?;
        let mut movie = Self { timescale: header.timescale, ..Self::default() };
        for part in Children::new(body) {
            match &part.kind {
                b"trak" if movie.tracks.len() < MOST_TRACKS => {
                    movie.tracks.extend(Track::parse(part.body, header.timescale, &header.matrix));
                }
                b"udta" => tags::read(part.body, &mut movie),
                b"meta" => tags::read_meta(part.body, &mut movie),
                _ => {}
            }
        }
        // After the tracks, whose defaults it holds: nothing says in which order they stand.
        if let Some(extends) = child(body, *b"mvex") {
            movie.fragmented = true;
            movie.read_extends(extends);
        }
        let of_tracks = || movie.tracks.iter().filter_map(|track| track.duration).max();
        movie.duration = header.duration.and_then(|count| ticks(count, header.timescale)).or_else(of_tracks);
        Ok(movie)
    }

    /// The defaults of fragments, which belong to the tracks, and the duration of them all.
    fn read_extends(&mut self, body: &[u8]) {
        for part in Children::new(body) {
            let Some((version, _, mut cursor)) = full(part.body) else { continue };
            match &part.kind {
                b"mehd" => {
                    let count = if version == 0 { cursor.be32().map(u64::from) } else { cursor.be64() };
                    self.fragments_duration = count.filter(|count| *count > 0);
                }
                b"trex" => {
                    let Some((id, _, duration)) = (|| Some((cursor.be32()?, cursor.be32()?, cursor.be32()?)))() else {
                        continue;
                    };
                    if let Some(track) = self.tracks.iter_mut().find(|track| track.id == id) {
                        track.default_sample_duration = duration;
                    }
                }
                _ => {}
            }
        }
    }
}

struct Header {
    timescale: u32,
    duration: Option<u64>,
    matrix: Matrix,
}

impl Header {
    fn parse(body: &[u8]) -> Option<Self> {
        let (version, _, mut cursor) = full(body)?;
        let wide = version == 1;
        cursor.skip(if wide { 16 } else { 8 })?;
        let timescale = cursor.be32()?;
        let duration = known_duration(if wide { cursor.be64()? } else { u64::from(cursor.be32()?) }, wide);
        cursor.skip(16)?;
        Some(Self { timescale, duration, matrix: Matrix::parse(&mut cursor)? })
    }
}

/// All bits set mean that the duration is unknown, and writers put 0 there for the same.
pub(super) fn known_duration(count: u64, wide: bool) -> Option<u64> {
    let unknown = if wide { u64::MAX } else { u64::from(u32::MAX) };
    Some(count).filter(|count| *count != 0 && *count != unknown)
}
