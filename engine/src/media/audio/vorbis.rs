//! Vorbis comments (<https://www.xiph.org/vorbis/doc/v-comment.html>), which Opus and FLAC use too.

use super::{Audio, clean};
use crate::media::cursor::Cursor;

/// Most comments looked at.
const MOST_COMMENTS: u32 = 1024;

/// Reads comments that may be cut.
pub(super) fn read(data: &[u8], found: &mut Audio) {
    let _: Option<()> = (|| {
        let mut cursor = Cursor::new(data);
        let vendor = cursor.le32()?;
        cursor.skip(usize::try_from(vendor).ok()?)?;
        for _ in 0..cursor.le32()?.min(MOST_COMMENTS) {
            let len = cursor.le32()?;
            let comment = cursor.take(usize::try_from(len).ok()?)?;
            let Some(equals) = memchr::memchr(b'=', comment.get(..16).unwrap_or(comment)) else { continue };
            let (name, value) = comment.split_at(equals);
            let text = if name.eq_ignore_ascii_case(b"title") {
                &mut found.title
            } else if name.eq_ignore_ascii_case(b"artist") {
                &mut found.performer
            } else {
                continue;
            };
            let value = value.get(1..).unwrap_or_default();
            *text = text.take().or_else(|| clean(&String::from_utf8_lossy(value.get(..4096).unwrap_or(value))));
        }
        Some(())
    })();
}
