//! MPEG sound (ISO/IEC 11172-3, 13818-3): duration by the frame count of a Xing or VBRI header, else by the bit rate.

use super::{Audio, id3};
use crate::media::{
    cursor::{Cursor, ticks},
    window::{Parse, Stop, Window},
};

/// How far behind the tags the first frame is looked for.
const SEARCH_BYTES: u64 = 64 * 1024;

/// Asked for at once where the first frame should be.
const AHEAD: u64 = 4096;

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Bytes of the frame, header included.
    pub len: usize,
    /// Bits a second.
    pub bit_rate: u32,
    /// Samples a second.
    pub sample_rate: u32,
    /// Samples in the frame.
    pub samples: u32,
    /// Whether there is one channel.
    pub mono: bool,
    /// MPEG-1 (3), MPEG-2 (2) or MPEG-2.5 (0), as in the header.
    version: u8,
    layer: u8,
}

impl Frame {
    /// Reads the header at the start of `data`; `None` where there is none, or one of the free format.
    #[must_use]
    pub fn parse(data: &[u8]) -> Option<Self> {
        const V1: [[u16; 14]; 3] = [
            [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
            [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
            [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        ];
        const V2: [[u16; 14]; 2] = [
            [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
            [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        ];
        let [0xFF, kind, rates, mode, ..] = *data else { return None };
        let (version, layer) = ((kind >> 3) & 3, 4 - ((kind >> 1) & 3));
        if kind & 0xE0 != 0xE0 || version == 1 || layer == 4 {
            return None;
        }
        let is_first = version == 3;
        let table = match (is_first, layer) {
            (true, layer) => V1.get(usize::from(layer) - 1)?,
            (false, 1) => V2.first()?,
            (false, _) => V2.last()?,
        };
        let bit_rate = u32::from(*table.get(usize::from(rates >> 4).checked_sub(1)?)?) * 1000;
        let base: u32 = *[44_100, 48_000, 32_000].get(usize::from((rates >> 2) & 3))?;
        let sample_rate = match version {
            3 => base,
            2 => base / 2,
            _ => base / 4,
        };
        let samples = match (layer, is_first) {
            (1, _) => 384,
            (2, _) | (_, true) => 1152,
            _ => 576,
        };
        let slot = if layer == 1 { 4 } else { 1 };
        let padding = u32::from((rates >> 1) & 1);
        // Layer I counts in slots of four bytes, so the division comes before the multiplication.
        let len = (samples / 8 / slot * bit_rate / sample_rate + padding) * slot;
        let len = usize::try_from(len).ok().filter(|len| *len > 4)?;
        Some(Self { len, bit_rate, sample_rate, samples, mono: mode >> 6 == 3, version, layer })
    }

    /// Whether both can be of one stream: the bit rate may change, nothing else.
    #[must_use]
    pub const fn is_like(&self, other: &Self) -> bool {
        self.version == other.version && self.layer == other.layer && self.sample_rate == other.sample_rate
    }

    /// Where a Xing header stands in the frame: behind the side information.
    const fn xing_at(&self) -> u64 {
        match (self.version == 3, self.mono) {
            (true, false) => 36,
            (true, true) | (false, false) => 21,
            (false, true) => 13,
        }
    }
}

pub(super) fn probe(window: &Window) -> Parse<Audio> {
    let (tag, start) = id3::read(window)?;
    let (at, frame) = first_frame(window, start)?;
    let frames = counted(window, at, &frame)?;
    let counted = frames.and_then(|frames| ticks(u64::from(frames) * u64::from(frame.samples), frame.sample_rate));
    let estimate = || ticks(window.len().saturating_sub(at).saturating_mul(8), frame.bit_rate);
    Ok(Audio { duration: counted.or_else(estimate), is_estimate: counted.is_none(), ..tag })
}

/// The first header that another one like it follows.
fn first_frame(window: &Window, start: u64) -> Parse<(u64, Frame)> {
    for at in start..start.saturating_add(SEARCH_BYTES) {
        if at.saturating_add(4) > window.len() {
            break;
        }
        let Some(frame) = Frame::parse(window.get_ahead(at, 4, AHEAD)?) else { continue };
        let next = at.saturating_add(frame.len as u64);
        let is_last = next.saturating_add(4) > window.len();
        if is_last || Frame::parse(window.get_ahead(next, 4, AHEAD)?).is_some_and(|next| next.is_like(&frame)) {
            return Ok((at, frame));
        }
    }
    Err(Stop::Broken("no frame of MPEG sound"))
}

/// The number of frames that a Xing (Info) or VBRI header in the first frame gives. That frame itself holds no sound.
fn counted(window: &Window, at: u64, frame: &Frame) -> Parse<Option<u32>> {
    let len = (frame.len as u64).min(window.len().saturating_sub(at)).min(64);
    let data = window.get(at, len)?;
    let xing = || {
        let mut cursor = Cursor::new(data.get(usize::try_from(frame.xing_at()).ok()?..)?);
        matches!(&cursor.array()?, b"Xing" | b"Info").then_some(())?;
        (cursor.be32()? & 1 != 0).then_some(())?;
        cursor.be32()
    };
    let vbri = || {
        let mut cursor = Cursor::new(data.get(36..)?);
        (&cursor.array()? == b"VBRI").then_some(())?;
        cursor.skip(10)?;
        cursor.be32()
    };
    Ok(xing().or_else(vbri).filter(|frames| *frames > 0))
}
