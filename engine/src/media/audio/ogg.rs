//! Ogg (RFC 3533) with Opus (RFC 7845) or Vorbis: rate and comments at the start, the duration on the last page.

use super::{Audio, vorbis};
use crate::media::{
    cursor::{Cursor, ticks},
    window::{Parse, Stop, Window, optional},
};

/// The largest page there can be.
const PAGE_BYTES: u64 = 27 + 255 + 255 * 255;

/// Asked for first where the last page should be: pages of voice are smaller than the largest.
const TAIL_BYTES: u64 = 16 * 1024;

/// Most bytes of the comments that are read. A cover comes after the texts, as a rule.
const COMMENT_BYTES: usize = 16 * 1024;

/// Asked for at once at the second packet.
const AHEAD: u64 = 4096;

/// Opus counts in this rate whatever was recorded.
const OPUS_RATE: u32 = 48_000;

pub(super) fn probe(window: &Window) -> Parse<Audio> {
    let first = Page::read(window, 0)?.ok_or(Stop::Broken("no page"))?;
    let head = window.get(first.body, u64::from(first.len))?;
    let stream = Stream::parse(head).ok_or(Stop::Broken("neither Opus nor Vorbis"))?;
    let mut audio = Audio::default();
    if let Some(packet) = optional(comments(window, first.end(), first.serial))? {
        let texts = packet.get(stream.comment_magic.len()..).filter(|_| packet.starts_with(stream.comment_magic));
        vorbis::read(texts.unwrap_or_default(), &mut audio);
    }
    let granule = optional(last_granule(window, first.serial))?.flatten();
    audio.duration = granule.and_then(|count| ticks(count.checked_sub(u64::from(stream.pre_skip))?, stream.rate));
    Ok(audio)
}

struct Stream {
    rate: u32,
    /// Samples at the start that are not played.
    pre_skip: u16,
    comment_magic: &'static [u8],
}

impl Stream {
    fn parse(packet: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(packet);
        if packet.starts_with(b"OpusHead") {
            cursor.skip(10)?;
            return Some(Self { rate: OPUS_RATE, pre_skip: cursor.le16()?, comment_magic: b"OpusTags" });
        }
        packet.starts_with(b"\x01vorbis").then_some(())?;
        cursor.skip(12)?;
        let rate = cursor.le32().filter(|rate| *rate > 0)?;
        Some(Self { rate, pre_skip: 0, comment_magic: b"\x03vorbis" })
    }
}

/// A page's header.
struct Page {
    body: u64,
    len: u32,
    serial: u32,
    /// Position at its end; `None` where no packet ends on it.
    granule: Option<u64>,
    /// Whether a packet ends on it.
    ends_packet: bool,
}

impl Page {
    const fn end(&self) -> u64 {
        self.body.saturating_add(self.len as u64)
    }

    fn read(window: &Window, at: u64) -> Parse<Option<Self>> {
        if at.saturating_add(27) > window.len() {
            return Ok(None);
        }
        let head = window.get_ahead(at, 27, AHEAD)?;
        let segments = u64::from(head.last().copied().unwrap_or_default());
        if at.saturating_add(27 + segments) > window.len() {
            return Ok(None);
        }
        let table = window.get_ahead(at + 27, segments, AHEAD)?;
        Ok(Self::parse(head, table, at))
    }

    fn parse(head: &[u8], table: &[u8], at: u64) -> Option<Self> {
        let mut cursor = Cursor::new(head);
        (&cursor.array()? == b"OggS" && cursor.u8()? == 0).then_some(())?;
        cursor.skip(1)?;
        let granule = Some(cursor.le64()?).filter(|granule| *granule != u64::MAX);
        let serial = cursor.le32()?;
        Some(Self {
            body: at + 27 + table.len() as u64,
            len: table.iter().map(|lace| u32::from(*lace)).sum(),
            serial,
            granule,
            ends_packet: table.iter().any(|lace| *lace < 255),
        })
    }
}

/// The start of the second packet of the stream, which may go over several pages.
fn comments(window: &Window, mut at: u64, serial: u32) -> Parse<Vec<u8>> {
    let mut packet = Vec::new();
    for _ in 0..64 {
        let Some(page) = Page::read(window, at)? else { break };
        if page.serial == serial {
            let room = COMMENT_BYTES.saturating_sub(packet.len()) as u64;
            let len = u64::from(page.len).min(room).min(window.len().saturating_sub(page.body));
            packet.extend_from_slice(window.get(page.body, len)?);
            if page.ends_packet || packet.len() >= COMMENT_BYTES {
                break;
            }
        }
        at = page.end();
    }
    Ok(packet)
}

/// The last position of the stream, from the end of the file.
fn last_granule(window: &Window, serial: u32) -> Parse<Option<u64>> {
    for size in [TAIL_BYTES, PAGE_BYTES] {
        let size = size.min(window.len());
        let from = window.len() - size;
        let tail = window.get(from, size)?;
        let mut end = tail.len();
        while let Some(found) = memchr::memmem::rfind(tail.get(..end).unwrap_or_default(), b"OggS") {
            let page = tail.get(found..).and_then(|data| {
                let (head, rest) = data.split_at_checked(27)?;
                Page::parse(head, rest.get(..usize::from(*head.last()?))?, from + found as u64)
            });
            if let Some(granule) = page.filter(|page| page.serial == serial).and_then(|page| page.granule) {
                return Ok(Some(granule));
            }
            end = found;
        }
    }
    Ok(None)
}
