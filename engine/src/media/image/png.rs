//! PNG (<https://www.w3.org/TR/png-3/>): the header chunk, and the animation chunk that stands before the picture data.

use super::{Image, header};
use crate::media::{
    cursor::Cursor,
    window::{Parse, Stop, Window},
};

pub(super) fn probe(window: &Window) -> Parse<Image> {
    let mut cursor = Cursor::new(header(window, 8, 16)?);
    let size = (|| {
        let start: [u8; 8] = cursor.array()?;
        (start[4..] == *b"IHDR").then_some(())?;
        Some((cursor.be32()?, cursor.be32()?))
    })();
    let (width, height) = size.ok_or(Stop::Broken("PNG without its header chunk"))?;
    let mut image = Image::still(width, height)?;
    image.animated = animation(window)?;
    Ok(image)
}

/// Most chunks in front of the picture data.
const MOST_CHUNKS: usize = 4096;

/// Whether an animation chunk with more than one frame stands in front of the picture data. Chunks are skipped by their
/// length, so a large colour profile costs nothing.
fn animation(window: &Window) -> Parse<bool> {
    let mut at: u64 = 8;
    for _ in 0..MOST_CHUNKS {
        // A file that ends here is broken, but its size is known; decoders say so better than we could.
        let Ok(chunk) = or_need(header(window, at, 8))? else { return Ok(false) };
        let mut cursor = Cursor::new(chunk);
        let (Some(len), Some(kind)) = (cursor.be32(), cursor.array::<4>()) else { return Ok(false) };
        match &kind {
            b"acTL" => {
                let Ok(frames) = or_need(header(window, at + 8, 4))? else { return Ok(false) };
                return Ok(Cursor::new(frames).be32().is_some_and(|frames| frames > 1));
            }
            b"IDAT" | b"IEND" => return Ok(false),
            _ => at = at.saturating_add(12).saturating_add(u64::from(len)),
        }
    }
    Ok(false)
}

fn or_need<T>(part: Parse<T>) -> Parse<Result<T, ()>> {
    crate::media::window::optional(part).map(|part| part.ok_or(()))
}
