//! WebP (RFC 9649): lossy, lossless, and the extended header in front of either.

use super::{Image, header};
use crate::media::window::{Parse, Stop, Window};

/// Of the flags of the extended header.
const ANIMATION: u8 = 0x02;

pub(super) fn probe(window: &Window) -> Parse<Image> {
    // The smallest lossless pictures end before the bytes that the other forms need.
    let len = window.len().saturating_sub(12).clamp(13, 18);
    let mut start = [0; 18];
    for (byte, known) in start.iter_mut().zip(header(window, 12, len)?) {
        *byte = *known;
    }
    let (kind, chunk) = start.split_at(8);
    let byte = |at: usize| chunk.get(at).copied().unwrap_or_default();
    let le16 = |at| u16::from_le_bytes([byte(at), byte(at + 1)]);
    let le24 = |at| u32::from_le_bytes([byte(at), byte(at + 1), byte(at + 2), 0]);
    match kind.get(..4).unwrap_or_default() {
        // A key frame's tag and start code, then two sides of 14 bits (RFC 6386 §9.1).
        b"VP8 " if chunk.get(3..6) == Some(&[0x9D, 0x01, 0x2A]) && byte(0) & 1 == 0 => {
            Image::still(le16(6) & 0x3FFF, le16(8) & 0x3FFF)
        }
        // A signature byte, then two sides of 14 bits, each less one.
        b"VP8L" if byte(0) == 0x2F => {
            let bits = u32::from_le_bytes([byte(1), byte(2), byte(3), byte(4)]);
            Image::still((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1)
        }
        b"VP8X" => {
            let image = Image::still(le24(4) + 1, le24(7) + 1)?;
            Ok(Image { animated: byte(0) & ANIMATION != 0, ..image })
        }
        _ => Err(Stop::Broken("WebP without a picture header")),
    }
}
