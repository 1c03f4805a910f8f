//! The orientation in EXIF data (CIPA DC-008 §4.6.4 A), which is a TIFF structure.

use crate::media::cursor::Cursor;

const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;

/// The orientation, 1 to 8; `None` where there is none or it makes no sense.
pub(super) fn orientation(tiff: &[u8]) -> Option<u8> {
    let big = match tiff.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let short = |cursor: &mut Cursor| if big { cursor.be16() } else { cursor.le16() };
    let long = |cursor: &mut Cursor| if big { cursor.be32() } else { cursor.le32() };
    let first = long(&mut Cursor::new(tiff.get(4..)?))?;
    let mut directory = Cursor::new(tiff.get(usize::try_from(first).ok()?..)?);
    for _ in 0..short(&mut directory)? {
        let mut entry = Cursor::new(directory.take(12)?);
        let (tag, kind) = (short(&mut entry)?, short(&mut entry)?);
        entry.skip(4)?;
        if tag == ORIENTATION {
            let value = if kind == SHORT { u32::from(short(&mut entry)?) } else { long(&mut entry)? };
            return u8::try_from(value).ok().filter(|value| (1..=8).contains(value));
        }
    }
    None
}
