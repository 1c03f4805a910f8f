//! FLAC (RFC 9639): samples and rate stand in the first block, texts in a later one.

use super::{Audio, vorbis};
use crate::media::{
    cursor::{Cursor, ticks},
    window::{Parse, Stop, Window, optional},
};

/// Most blocks looked at, and most bytes of the comments read.
const MOST_BLOCKS: usize = 64;
const COMMENT_BYTES: u64 = 16 * 1024;

/// Asked for at once at a block's header.
const AHEAD: u64 = 1024;

pub(super) fn probe(window: &Window) -> Parse<Audio> {
    let mut cursor = Cursor::new(window.get(4, 38)?);
    let info = (|| {
        let head = cursor.be32()?;
        cursor.skip(10)?;
        let packed = cursor.be64()?;
        // 20 bits of rate, 3 of channels, 5 of sample size, 36 of samples.
        ((head >> 24).trailing_zeros() >= 7 && packed >> 44 != 0).then_some(packed)
    })();
    let packed = info.ok_or(Stop::Broken("FLAC without its first block"))?;
    let (rate, samples) = (u32::try_from(packed >> 44).unwrap_or(0), packed & 0xF_FFFF_FFFF);
    let mut audio = Audio { duration: ticks(samples, rate).filter(|_| samples > 0), ..Audio::default() };
    optional(comments(window, &mut audio))?;
    Ok(audio)
}

fn comments(window: &Window, audio: &mut Audio) -> Parse<()> {
    let mut at = 4;
    for _ in 0..MOST_BLOCKS {
        let [kind, size @ ..]: [u8; 4] = window.get_ahead(at, 4, AHEAD)?.try_into().map_err(|_| Stop::Closed)?;
        let [a, b, c] = size;
        let len = u64::from(u32::from_be_bytes([0, a, b, c]));
        if kind & 0x7F == 4 {
            vorbis::read(window.get(at + 4, len.min(COMMENT_BYTES))?, audio);
            return Ok(());
        }
        if kind & 0x80 != 0 {
            return Ok(());
        }
        at += 4 + len;
    }
    Ok(())
}
