//! ID3v2 tags (<https://id3.org/id3v2.4.0-structure>) in front of MPEG sound.

use super::{Audio, clean};
use crate::media::{
    cursor::Cursor,
    window::{Parse, Window},
};

/// Most bytes of a text frame that are read.
const TEXT_BYTES: u64 = 4096;

/// Most frames and tags looked at.
const MOST_FRAMES: usize = 256;
const MOST_TAGS: usize = 4;

/// Asked for at once at a frame's header.
const AHEAD: u64 = 1024;

/// Reads the tags at the start; what they say, and where they end. A cover is jumped over, not read.
pub(super) fn read(window: &Window) -> Parse<(Audio, u64)> {
    let mut found = Audio::default();
    let mut at = 0;
    for _ in 0..MOST_TAGS {
        if at + 10 > window.len() {
            break;
        }
        let Some(tag) = Tag::parse(window.get_ahead(at, 10, AHEAD)?) else { break };
        tag.read(window, at + 10, &mut found)?;
        at = at.saturating_add(tag.total);
    }
    Ok((found, at))
}

struct Tag {
    version: u8,
    /// Bytes that follow the header.
    body: u64,
    /// Bytes of header, body and footer.
    total: u64,
    unsynchronised: bool,
    extended: bool,
}

impl Tag {
    fn parse(data: &[u8]) -> Option<Self> {
        let [b'I', b'D', b'3', version @ 2..=4, _, flags, a, b, c, d] = *data else { return None };
        let body = u64::from(syncsafe([a, b, c, d])?);
        let footer = if version == 4 && flags & 0x10 != 0 { 10 } else { 0 };
        Some(Self {
            version,
            body,
            total: 10 + body + footer,
            unsynchronised: flags & 0x80 != 0,
            extended: flags & 0x40 != 0,
        })
    }

    fn read(&self, window: &Window, start: u64, found: &mut Audio) -> Parse<()> {
        let end = start.saturating_add(self.body).min(window.len());
        let mut at = start;
        // In the second version the same flag means a compression that nobody has ever defined.
        if self.extended && self.version == 2 {
            return Ok(());
        }
        if self.extended && at + 4 <= end {
            let size = window.array(at)?;
            at += match (self.version, syncsafe(size)) {
                (4, Some(len)) => u64::from(len),
                _ => u64::from(u32::from_be_bytes(size)) + 4,
            };
        }
        let head = if self.version == 2 { 6 } else { 10 };
        for _ in 0..MOST_FRAMES {
            if (found.title.is_some() && found.performer.is_some()) || at.saturating_add(head) > end {
                return Ok(());
            }
            let Some((kind, len, flags)) = self.frame(window.get_ahead(at, head, AHEAD)?) else { return Ok(()) };
            let text = match &kind {
                b"TIT2" | b"TT2\0" => &mut found.title,
                b"TPE1" | b"TP1\0" => &mut found.performer,
                _ => &mut None,
            };
            let is_wanted = matches!(&kind, b"TIT2" | b"TT2\0" | b"TPE1" | b"TP1\0") && text.is_none();
            if is_wanted && at.saturating_add(head).saturating_add(len) <= end {
                let data = window.get(at + head, len.min(TEXT_BYTES))?;
                *text = self.text(data, flags);
            }
            at = at.saturating_add(head).saturating_add(len);
        }
        Ok(())
    }

    /// A frame's name, length and format flags; `None` at padding.
    fn frame(&self, data: &[u8]) -> Option<([u8; 4], u64, u8)> {
        let mut cursor = Cursor::new(data);
        if self.version == 2 {
            // Names and sizes have three bytes each; the fourth is filled up behind the one, in front of the other.
            let mut kind = [0; 4];
            let mut size = [0; 4];
            kind.iter_mut().zip(cursor.take(3)?).for_each(|(to, from)| *to = *from);
            size.iter_mut().skip(1).zip(cursor.take(3)?).for_each(|(to, from)| *to = *from);
            return (kind[0] != 0).then_some((kind, u64::from(u32::from_be_bytes(size)), 0));
        }
        let kind: [u8; 4] = cursor.array()?;
        let size: [u8; 4] = cursor.array()?;
        let flags = cursor.be16()?.to_be_bytes()[1];
        // Some writers of the fourth version forgot that sizes have seven bits a byte.
        let len = if self.version == 4 { syncsafe(size) } else { None }.unwrap_or(u32::from_be_bytes(size));
        (kind[0] != 0).then_some((kind, u64::from(len), flags))
    }

    fn text(&self, data: &[u8], flags: u8) -> Option<String> {
        // Compressed or encrypted.
        let sealed = if self.version == 4 { 0x0C } else { 0xC0 };
        if self.version > 2 && flags & sealed != 0 {
            return None;
        }
        let with_length = self.version == 4 && flags & 0x01 != 0;
        let data = data.get(if with_length { 4 } else { 0 }..)?;
        let plain;
        let data = if self.unsynchronised || (self.version == 4 && flags & 0x02 != 0) {
            plain = resynchronised(data);
            &plain
        } else {
            data
        };
        let (encoding, text) = data.split_first()?;
        let text = match encoding {
            0 => text.iter().map(|byte| char::from(*byte)).collect(),
            1 | 2 => utf16(text, *encoding == 2),
            3 => String::from_utf8_lossy(text).into_owned(),
            _ => return None,
        };
        // Several values are separated by a zero; the first is shown.
        clean(text.split('\0').find(|value| !value.is_empty())?)
    }
}

/// Four bytes of seven bits each.
fn syncsafe(bytes: [u8; 4]) -> Option<u32> {
    if bytes.iter().any(|byte| byte & 0x80 != 0) {
        return None;
    }
    Some(bytes.iter().fold(0, |n, byte| (n << 7) | u32::from(*byte)))
}

/// Takes out the zeros that keep a tag from looking like sound.
fn resynchronised(data: &[u8]) -> Vec<u8> {
    let mut after_ff = false;
    let kept = data.iter().filter(|byte| {
        let stuffed = after_ff && **byte == 0;
        after_ff = **byte == 0xFF;
        !stuffed
    });
    kept.copied().collect()
}

fn utf16(text: &[u8], big: bool) -> String {
    let (text, big) = match text {
        [0xFF, 0xFE, rest @ ..] => (rest, false),
        [0xFE, 0xFF, rest @ ..] => (rest, true),
        text => (text, big),
    };
    let units = text.chunks_exact(2).filter_map(|pair| pair.try_into().ok());
    let units = units.map(|pair| if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) });
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
