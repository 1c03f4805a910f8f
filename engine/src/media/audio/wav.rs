//! WAVE (RIFF), and RF64 for files over 4 GiB: duration by the byte rate, texts of the `INFO` list.

use super::{Audio, clean};
use crate::media::{
    cursor::{Cursor, ticks},
    window::{Parse, Stop, Window},
};

/// Most chunks looked at in front of the data.
const MOST_CHUNKS: usize = 64;

/// The largest list that is read.
const LIST_BYTES: u64 = 16 * 1024;

/// Asked for at once at a chunk's header.
const AHEAD: u64 = 1024;

pub(super) fn probe(window: &Window) -> Parse<Audio> {
    let mut audio = Audio::default();
    let (mut byte_rate, mut long_data) = (None, None);
    let mut at: u64 = 12;
    for _ in 0..MOST_CHUNKS {
        let head: [u8; 8] = window.get_ahead(at, 8, AHEAD)?.try_into().map_err(|_| Stop::Closed)?;
        let [a, b, c, d, size @ ..] = head;
        let size = u64::from(u32::from_le_bytes(size));
        let left = window.len().saturating_sub(at + 8);
        let body = |most: u64| window.get(at + 8, size.min(most).min(left));
        match &[a, b, c, d] {
            b"fmt " => byte_rate = Cursor::new(body(16)?.get(8..).unwrap_or_default()).le32(),
            b"ds64" => long_data = Cursor::new(body(28)?.get(8..).unwrap_or_default()).le64(),
            b"LIST" if size <= LIST_BYTES => read_list(body(LIST_BYTES)?, &mut audio),
            b"data" => {
                // Recorders that could not go back leave 0 or all bits set.
                let size = if size == u64::from(u32::MAX) { long_data.unwrap_or(size) } else { size };
                let size = if size == 0 { left } else { size.min(left) };
                let rate = byte_rate.filter(|rate| *rate > 0).ok_or(Stop::Broken("WAVE without a format"))?;
                audio.duration = ticks(size, rate);
                return Ok(audio);
            }
            _ => {}
        }
        // Chunks are padded to an even length.
        at = at.saturating_add(8 + size + (size & 1));
    }
    Err(Stop::Broken("WAVE without data"))
}

fn read_list(body: &[u8], found: &mut Audio) {
    let Some(mut rest) = body.strip_prefix(b"INFO").map(Cursor::new) else { return };
    let _: Option<()> = (|| {
        loop {
            let kind: [u8; 4] = rest.array()?;
            let len = usize::try_from(rest.le32()?).ok()?;
            let text = clean(&String::from_utf8_lossy(rest.take(len)?));
            match &kind {
                b"INAM" => found.title = text,
                b"IART" => found.performer = text,
                _ => {}
            }
            rest.skip(len & 1)?;
        }
    })();
}
