//! JPEG (ITU-T T.81, annex B): segments up to the frame header, and the orientation in the EXIF segment.

use super::{Image, exif, header};
use crate::media::{
    cursor::Cursor,
    window::{Parse, Stop, Window},
};

/// Most segments in front of the frame header; a profile of the largest size has 255.
const MOST_SEGMENTS: usize = 4096;

const EXIF_SIGNATURE: &[u8] = b"Exif\0\0";

pub(super) fn probe(window: &Window) -> Parse<Image> {
    let mut at = 2;
    let mut orientation = None;
    for _ in 0..MOST_SEGMENTS {
        let (marker, after) = marker(window, at)?;
        at = after;
        match marker {
            // RSTn and TEM stand alone.
            0xD0..=0xD7 | 0x01 => continue,
            0xD8..=0xDA => return Err(Stop::Broken("no frame header in front of the picture data")),
            _ => {}
        }
        let len = u64::from(u16::from_be_bytes(header(window, at, 2)?.try_into().map_err(|_| Stop::Closed)?));
        if len < 2 {
            return Err(Stop::Broken("a segment is shorter than its length"));
        }
        match marker {
            // SOF0-15 without DHT (C4), JPG (C8) and DAC (CC).
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                let frame = header(window, at + 2, 5)?;
                let image = size(frame).ok_or(Stop::Broken("the frame header is cut"))?;
                return image.map(|image| image.turned(orientation.unwrap_or(1)));
            }
            0xE1 if orientation.is_none() => {
                let start = header(window, at + 2, (len - 2).min(EXIF_SIGNATURE.len() as u64))?;
                if start == EXIF_SIGNATURE {
                    let tiff = header(window, at + 2, len - 2)?.get(EXIF_SIGNATURE.len()..).unwrap_or_default();
                    orientation = exif::orientation(tiff);
                }
            }
            _ => {}
        }
        at += len;
    }
    Err(Stop::Broken("too many segments"))
}

/// The marker at `at`, and where it ends. Any number of fill bytes may stand in front of it.
fn marker(window: &Window, mut at: u64) -> Parse<(u8, u64)> {
    if header(window, at, 1)? != [0xFF] {
        return Err(Stop::Broken("a segment does not start with a marker"));
    }
    loop {
        at += 1;
        match header(window, at, 1)? {
            [0xFF] => {}
            [0x00] => return Err(Stop::Broken("picture data where a segment should be")),
            [code] => return Ok((*code, at + 1)),
            _ => return Err(Stop::Closed),
        }
    }
}

fn size(frame: &[u8]) -> Option<Parse<Image>> {
    let mut cursor = Cursor::new(frame);
    cursor.skip(1)?;
    let (height, width) = (cursor.be16()?, cursor.be16()?);
    Some(Image::still(width, height))
}
