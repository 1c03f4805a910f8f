//! One track: what it is, how large it is shown, how it is turned, how long it plays.

use std::{fmt, time::Duration};

use super::{
    boxes::{Children, child, full},
    movie::known_duration,
};
use crate::media::cursor::{Cursor, ticks};

/// Four characters that name a codec or a handler.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FourCc(pub [u8; 4]);

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What a track holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrackKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Subtitles, time codes, chapters and the like.
    #[default]
    Other,
}

/// What a track's headers say.
#[derive(Clone, Debug, Default)]
pub struct Track {
    /// Its number in the file.
    pub id: u32,
    /// What it holds.
    pub kind: TrackKind,
    /// Whether players play it unasked.
    pub enabled: bool,
    /// The codec of its first sample description, such as `avc1` or `mp4a`.
    pub codec: FourCc,
    /// Width in pixels as shown: pixel aspect and rotation applied. 0 where it is not known or not a picture.
    pub width: u32,
    /// Height in pixels as shown.
    pub height: u32,
    /// How far pictures are turned clockwise when shown: 0, 90, 180 or 270.
    pub rotation: u16,
    /// How long it plays; of a file in fragments only what the movie box lists.
    pub duration: Option<Duration>,
    /// Ticks a second of the track's clock.
    pub timescale: u32,
    /// Duration in ticks of [`Self::timescale`], 0 where unknown.
    pub ticks: u64,
    /// Duration of a sample in fragments that do not say otherwise, in ticks.
    pub(super) default_sample_duration: u32,
}

impl Track {
    /// Whether its samples are still pictures (a cover, chapter marks).
    #[must_use]
    pub fn is_picture(&self) -> bool {
        matches!(&self.codec.0, b"jpeg" | b"png " | b"mjpa" if self.ticks <= 1) || &self.codec.0 == b"png "
    }

    pub(super) fn parse(body: &[u8], movie_timescale: u32, movie_matrix: &Matrix) -> Option<Self> {
        let header = TrackHeader::parse(child(body, *b"tkhd")?)?;
        let media = child(body, *b"mdia")?;
        let (timescale, count) = media_header(child(media, *b"mdhd")?)?;
        let mut track = Self { id: header.id, enabled: header.enabled, timescale, ..Self::default() };
        track.ticks = count.unwrap_or(0);
        track.duration = header.duration.and_then(|d| ticks(d, movie_timescale)).or_else(|| ticks(count?, timescale));
        track.kind = match child(media, *b"hdlr").and_then(|handler| handler.get(8..12)) {
            Some(b"vide") => TrackKind::Video,
            Some(b"soun") => TrackKind::Audio,
            _ => TrackKind::Other,
        };
        let table = child(media, *b"minf").and_then(|m| child(m, *b"stbl")).and_then(|t| child(t, *b"stsd"));
        // The full box's head and the number of entries.
        let entry = table.and_then(|table| Children::new(table.get(8..)?).next());
        if let Some(entry) = entry {
            track.codec = FourCc(entry.kind);
        }
        if track.kind == TrackKind::Video {
            track.rotation = header.matrix.then(movie_matrix).rotation();
            let (width, height) =
                entry.and_then(|e| display_size(e.body, &header)).unwrap_or((header.width(), header.height()));
            let turned = track.rotation % 180 == 90;
            (track.width, track.height) = if turned { (height, width) } else { (width, height) };
        }
        Some(track)
    }
}

struct TrackHeader {
    id: u32,
    enabled: bool,
    duration: Option<u64>,
    matrix: Matrix,
    /// Size as presented, in 1/65536 of a pixel.
    size: (u32, u32),
}

impl TrackHeader {
    fn parse(body: &[u8]) -> Option<Self> {
        let (version, flags, mut cursor) = full(body)?;
        let wide = version == 1;
        cursor.skip(if wide { 16 } else { 8 })?;
        let id = cursor.be32()?;
        cursor.skip(4)?;
        let duration = known_duration(if wide { cursor.be64()? } else { u64::from(cursor.be32()?) }, wide);
        cursor.skip(16)?;
        let matrix = Matrix::parse(&mut cursor)?;
        Some(Self { id, enabled: flags & 1 != 0, duration, matrix, size: (cursor.be32()?, cursor.be32()?) })
    }

    const fn width(&self) -> u32 {
        self.size.0.saturating_add(0x8000) >> 16
    }

    const fn height(&self) -> u32 {
        self.size.1.saturating_add(0x8000) >> 16
    }
}

fn media_header(body: &[u8]) -> Option<(u32, Option<u64>)> {
    let (version, _, mut cursor) = full(body)?;
    let wide = version == 1;
    cursor.skip(if wide { 16 } else { 8 })?;
    let timescale = cursor.be32()?;
    Some((timescale, known_duration(if wide { cursor.be64()? } else { u64::from(cursor.be32()?) }, wide)))
}

/// The size at which the pictures of a sample entry (ISO/IEC 14496-12 §12.1.3) are shown, before they are turned: the
/// coded size, cut to the clean aperture, stretched by the pixel aspect. Where the entry has neither, the track header's
/// size stands for both: some writers give the pixel aspect there only.
fn display_size(entry: &[u8], header: &TrackHeader) -> Option<(u32, u32)> {
    let mut cursor = Cursor::new(entry);
    cursor.skip(24)?;
    let coded = (u32::from(cursor.be16()?), u32::from(cursor.be16()?));
    let extensions = entry.get(78..).unwrap_or_default();
    let aperture = child(extensions, *b"clap").and_then(|clap| clean_aperture(clap, coded));
    let aspect = child(extensions, *b"pasp").and_then(pixel_aspect);
    if aperture.is_none() && aspect.is_none() && header.width() > 0 && header.height() > 0 {
        return Some((header.width(), header.height()));
    }
    let (width, height) = aperture.unwrap_or(coded);
    if width == 0 || height == 0 {
        return None;
    }
    let (across, down) = aspect.unwrap_or((1, 1));
    Some((scaled(width, across, down)?, height))
}

/// Relative width and height of a pixel. An aspect beyond 1:100 is no picture's but a broken file's.
fn pixel_aspect(body: &[u8]) -> Option<(u32, u32)> {
    let mut cursor = Cursor::new(body);
    let (across, down) = (cursor.be32()?, cursor.be32()?);
    let sane = across > 0 && down > 0 && across / 100 <= down && down / 100 <= across;
    sane.then_some((across, down))
}

/// Width and height of the clean aperture, where it lies inside the coded picture.
fn clean_aperture(body: &[u8], coded: (u32, u32)) -> Option<(u32, u32)> {
    let mut cursor = Cursor::new(body);
    let mut side = |most: u32| {
        let (numerator, denominator) = (cursor.be32()?, cursor.be32()?);
        scaled(1, numerator, denominator).filter(|side| *side > 0 && *side <= most)
    };
    Some((side(coded.0)?, side(coded.1)?))
}

/// `value × numerator / denominator`, rounded.
fn scaled(value: u32, numerator: u32, denominator: u32) -> Option<u32> {
    let product = u64::from(value) * u64::from(numerator);
    let rounded = product.checked_add(u64::from(denominator / 2))?.checked_div(u64::from(denominator))?;
    u32::try_from(rounded).ok()
}

/// The part of a transformation matrix that turns and stretches, in 1/65536 (ISO/IEC 14496-12 §8.2.2): a point (x, y) is
/// shown at (ax + cy, bx + dy).
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix {
    a: i32,
    b: i32,
    c: i32,
    d: i32,
}

impl Matrix {
    pub(super) fn parse(cursor: &mut Cursor) -> Option<Self> {
        let [a, b, _, c, d, ..] = {
            let mut cells = [0_i32; 9];
            for cell in &mut cells {
                *cell = cursor.be32()?.cast_signed();
            }
            cells
        };
        Some(Self { a, b, c, d })
    }

    /// This matrix, and then `next`.
    fn then(&self, next: &Self) -> Self {
        let dot = |x: i32, p: i32, y: i32, q: i32| {
            let sum = (i64::from(x) * i64::from(p)).saturating_add(i64::from(y) * i64::from(q)) >> 16;
            i32::try_from(sum).unwrap_or(if sum < 0 { i32::MIN } else { i32::MAX })
        };
        Self {
            a: dot(self.a, next.a, self.b, next.c),
            b: dot(self.a, next.b, self.b, next.d),
            c: dot(self.c, next.a, self.d, next.c),
            d: dot(self.c, next.b, self.d, next.d),
        }
    }

    /// The nearest quarter turn, clockwise: where the x axis points after the transformation. A mirrored picture counts
    /// as it lies.
    fn rotation(&self) -> u16 {
        let (x, y) = (i64::from(self.a), i64::from(self.b));
        // An all-zero matrix is a writer's mistake, not a turn.
        if x == 0 && y == 0 {
            return 0;
        }
        match (x.abs() >= y.abs(), x >= 0, y >= 0) {
            (true, true, _) => 0,
            (true, false, _) => 180,
            (false, _, true) => 90,
            (false, _, false) => 270,
        }
    }
}
